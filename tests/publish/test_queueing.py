"""A complete video with a platform is in the publish queue, in the transaction that completed it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactor.farm import Farm
from tests.fix_reactor import Easel
from tests.publish.conftest import COMPLETE, MADE, until_offered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from tests.fix_reactor import Table
    from tests.publish.conftest import Queue

    Start = Callable[..., Awaitable[Context]]


class Versioned(Easel):
    """A renderer whose videos may be taken over."""

    version = "easel 1"


@pytest.fixture
def easel() -> Easel:
    """In place of the usual one."""
    return Versioned()


async def test_the_row_has_all_a_publisher_needs(queue: Queue) -> None:
    params = {
        "title": "  Five\n tips ",
        "description": "Of mine.",
        "hashtags": ["#one", "Two", "one"],
    }

    job = await queue.complete(params=params, priority=7)

    payload, *rest = await queue.get(job, "payload", "platform", "niche", "priority", "status")
    assert rest == ["youtube", "solopreneur", 7, "ready"]
    assert payload["completed_at"] is not None
    words = ("title", "description", "hashtags", "file", "duration_s", "width", "height")
    assert [payload[word] for word in words] == [
        "Five tips",
        "Of mine.",
        ["one", "Two", "solopreneur", "onepersonbusiness"],
        "/elsewhere/a.mp4",
        10,
        1920,
        1080,
    ]
    assert await queue.events() == [("publish.ready", [job])]


@pytest.mark.parametrize(
    ("columns", "title", "description"),
    [
        ({"audio_name": "My song.mp3"}, "My song", ""),
        (
            {"niche": "ai_automation", "metadata": '{"n": 3}'},
            "Ai automation",
            "Ai automation, part 3.",
        ),
        ({"niche": None, "params": '{"subtitle": "Below"}'}, "title-card", "Below"),
        ({"niche": "new_one", "template_id": "other"}, "New One", ""),
    ],
)
async def test_who_wrote_no_title_gets_one(
    queue: Queue, table: Table, columns: dict[str, Any], title: str, description: str
) -> None:
    await table.rows(
        "UPDATE reactor.niches SET title = 'Ai automation' WHERE niche = 'ai_automation'"
    )

    job = await queue.complete(**columns)

    payload = await queue.get(job, "payload")
    assert (payload["title"], payload["description"]) == (title, description)


async def test_completion_and_row_are_one_transaction(queue: Queue, table: Table, dsn: str) -> None:
    job = await queue.rendered()
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        await conn.execute(COMPLETE, {"id": job, **MADE})
        [seen] = await (await conn.execute("SELECT count(*) FROM reactor.mplite_queue")).fetchall()
        before_commit = await queue.get(job, "status")
        await conn.rollback()

    assert (seen[0], before_commit) == (1, None)
    assert await queue.get(job, "status") is None
    assert await table.get(job, "status") == "processing"
    assert await queue.events() == []


async def test_a_client_that_dies_before_the_commit_leaves_neither(
    queue: Queue, table: Table, dsn: str
) -> None:
    job = await queue.rendered()
    conn = await psycopg.AsyncConnection.connect(dsn)
    await conn.execute(COMPLETE, {"id": job, **MADE})
    await table.rows("SELECT pg_terminate_backend(%(pid)s, 5000)", pid=conn.info.backend_pid)
    with pytest.raises(psycopg.OperationalError):
        await conn.commit()
    await conn.close()

    assert await queue.get(job, "status") is None
    assert await table.get(job, "status") == "processing"


async def test_a_published_render_and_one_that_was_taken_over_are_queued(
    start: Start, table: Table, queue: Queue
) -> None:
    await table.rows("UPDATE reactor.platforms SET containers = NULL, min_duration_s = NULL")
    await start()
    jobs = []
    for _ in range(2):
        job = await table.insert(platform="youtube", params='{"title": "A"}')
        await table.until_status(job, "complete")
        await until_offered(table, job)
        jobs.append(job)

    assert await table.get(jobs[1], "cached_from") == jobs[0]
    for job in jobs:
        payload, status = await queue.get(job, "payload", "status")
        assert status == "ready"
        assert [payload["file"], payload["thumbnail"], payload["sha256"]] == list(
            await table.get(job, "output_path", "thumbnail_path", "sha256")
        )


async def test_a_job_completed_through_the_client_is_queued(
    queue: Queue, table: Table, dsn: str
) -> None:
    from reactor import jobs
    from reactor.records import Artefacts

    job = await queue.rendered()
    async with Farm(dsn), await psycopg.AsyncConnection.connect(dsn) as conn:
        await jobs.complete(conn, job, Artefacts(output_path="/x/a.mp4", duration_s=5))

    assert (await queue.get(job, "payload"))["file"] == "/x/a.mp4"


@pytest.mark.parametrize(
    ("columns", "made"),
    [({"platform": None}, {}), ({"platform": ""}, {}), ({}, {"output_path": None})],
)
async def test_without_platform_or_file_there_is_nothing_to_publish(
    queue: Queue, columns: dict[str, Any], made: dict[str, Any]
) -> None:
    job = await queue.complete(made, **columns)

    assert await queue.get(job, "status") is None


async def test_a_dry_run_makes_nothing_to_publish(start: Start, table: Table, queue: Queue) -> None:
    await start()
    job = await table.insert(renderer="dry_run", platform="youtube")
    await table.until_status(job, "complete")

    assert await queue.get(job, "status") is None


LIMITS = {
    "duration_s": (700, "700.0 s long; tiktok takes at most 600 s"),
    "width": (1920, "1920x1920 is 1:1; tiktok takes 9:16"),
    "output_path": ("/l/a.gif", "a gif file; tiktok takes mp4, webm"),
    "file_size_bytes": (5_000_000_000, "5000000000 bytes; tiktok takes at most 4000000000"),
}
FITS = {"width": 1080, "height": 1920}


@pytest.mark.parametrize("what", LIMITS)
async def test_what_a_platform_does_not_take_is_blocked_and_told(queue: Queue, what: str) -> None:
    value, problem = LIMITS[what]

    job = await queue.complete({**FITS, what: value}, platform="tiktok")

    assert await queue.get(job, "status", "problems") == ("blocked", [problem])
    assert await queue.events() == [("publish.blocked", [job])]
    assert await queue.alerts() == [("publish_blocked", str(job))]


async def test_too_short_is_blocked_and_texts_are_cut(queue: Queue, table: Table) -> None:
    await table.rows(
        "UPDATE reactor.platforms SET max_title = 10, max_hashtags = 1 WHERE platform = 'x'"
    )
    params = {"title": "A title that is long", "hashtags": "#a, #b c"}

    job = await queue.complete({"duration_s": 0.5}, platform="x", params=params)

    payload, problems = await queue.get(job, "payload", "problems")
    assert problems == ["0.5 s long; x takes at least 1 s"]
    assert (payload["title"], payload["hashtags"]) == ("A title t…", ["a"])


async def test_other_limits_judge_what_waits_again(queue: Queue, table: Table) -> None:
    job = await queue.complete({"duration_s": 200}, platform="x")
    other = await queue.complete({"duration_s": 200})
    assert await queue.get(job, "status") == "blocked"

    await table.rows(
        "UPDATE reactor.platforms SET max_duration_s = 300, max_title = 5 WHERE platform = 'x'"
    )
    assert await queue.get(job, "status", "problems") == ("ready", [])
    assert (await queue.get(job, "payload"))["title"] == "Solo…"
    assert await queue.alerts() == []
    await table.rows("UPDATE reactor.platforms SET max_duration_s = 100 WHERE platform = 'x'")
    assert await queue.get(job, "status") == "blocked"
    await table.rows("DELETE FROM reactor.platforms WHERE platform = 'x'")
    assert await queue.get(job, "status") == "ready"

    assert [name for name, ids in await queue.events() if ids == [job]] == [
        "publish.blocked",
        "publish.ready",
        "publish.blocked",
        "publish.ready",
    ]
    assert await queue.get(other, "status", "tries") == ("ready", 0)


HUGE = "ü" * 300_000
HORRORS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *[
        ({"params": params}, {})
        for params in ("null", "1", '"text"', "[1, 2]", "[]", '{"title": {}}', '{"title": [1]}')
    ],
    ({"params": None}, {}),
    ({"params": json.dumps({"title": HUGE, "description": HUGE, "hashtags": [HUGE] * 3})}, {}),
    ({"params": json.dumps({"title": "\x01\u202e", "hashtags": HUGE})}, {}),
    (
        {"params": '{"title": " ", "hashtags": [1, null, {"a": [1]}, [2], true, "", "#", "##x"]}'},
        {},
    ),
    ({"params": json.dumps({"hashtags": [f"#t{n}" for n in range(5000)]})}, {}),
    ({"params": '{"hashtags": {"a": 1}}'}, {}),
    *[
        ({"metadata": metadata}, {})
        for metadata in ("null", "[]", "7", '{"n": {"a": 1}}', '{"n": 1e300}')
    ],
    ({"niche": "ü" * 1000, "template_id": "ü" * 1000, "audio_name": HUGE}, {}),
    ({"platform": "never heard of", "niche": "nor of this"}, {}),
    ({"platform": "ü" * 1000}, {}),
    ({"created_at": "infinity", "metadata": '{"n": 1}'}, {}),
    *[
        ({"platform": "x"}, {"duration_s": value})
        for value in (float("nan"), float("inf"), float("-inf"), -1.0, 1e308, 0.0, None)
    ],
    *[
        ({"platform": "tiktok"}, size)
        for size in (
            {"width": None},
            {"height": 0},
            {"width": 0, "height": 0},
            {"width": -1},
            {"width": 2**31 - 1, "height": 1},
        )
    ],
    *[
        ({"platform": "tiktok"}, {"output_path": path})
        for path in ("", "noextension", "/a.b/c", "/a/.hidden", "x." + "y" * 5000, "/a/b.JPEG")
    ],
    (
        {"format": "thumbnail", "platform": "instagram"},
        {"output_path": "/l/a.jpg", "duration_s": None},
    ),
    ({}, {"file_size_bytes": 2**63 - 1, "sha256": HUGE, "thumbnail_path": HUGE}),
]


@pytest.mark.parametrize(("columns", "made"), HORRORS, ids=range(len(HORRORS)))
async def test_nothing_undoes_a_completion(
    queue: Queue, table: Table, columns: dict[str, Any], made: dict[str, Any]
) -> None:
    job = await queue.complete(made, **columns)

    assert await table.get(job, "status") == "complete"
    payload, problems = await queue.get(job, "payload", "problems")
    assert isinstance(payload["title"], str)
    assert len(payload["title"]) <= 2000
    assert len(payload["description"]) <= 10_000
    assert len(payload["hashtags"]) <= 100
    assert all(0 < len(tag) <= 100 for tag in payload["hashtags"])
    assert len(json.dumps(payload)) < 400_000
    assert not any("could not be made" in problem for problem in problems)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["title", "description", "hashtags", "n", "x"]), inner)
    ),
    max_leaves=12,
)


async def test_whatever_is_written_into_a_job_it_can_be_queued(dsn: str) -> None:
    conn = psycopg.connect(dsn, autocommit=True)
    statement = """
        INSERT INTO public.actp_gen_jobs AS job (platform, params, metadata, duration_s, width, height, output_path, status)
        VALUES ('x', %(params)s, %(metadata)s, %(duration_s)s, %(width)s, %(height)s, %(path)s, 'complete') RETURNING id
    """

    @settings(
        max_examples=150,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        JSON,
        JSON,
        st.floats() | st.none(),
        st.integers(-5, 5000) | st.none(),
        st.integers(-5, 5000) | st.none(),
        st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    )
    def queue_it(
        params: Any,
        metadata: Any,
        duration_s: float | None,
        width: int | None,
        height: int | None,
        path: str,
    ) -> None:
        given = {
            "params": json.dumps(params),
            "metadata": json.dumps(metadata),
            "duration_s": duration_s,
            "width": width,
            "height": height,
            "path": path,
        }
        [made] = conn.execute(statement, given)
        conn.execute("SELECT reactor.move_to_publish_queue(ARRAY[%s::bigint])", made)
        [row] = conn.execute(
            "SELECT payload ->> 'job_id', problems FROM reactor.mplite_queue WHERE job_id = %s",
            made,
        )
        assert row[0] == str(made[0])
        assert "could not be made" not in str(row[1])

    with conn:
        queue_it()


async def test_even_a_payload_that_cannot_be_made_undoes_no_completion(
    queue: Queue, table: Table
) -> None:
    await table.rows(
        "CREATE OR REPLACE FUNCTION reactor.build_publish_payload(job_id bigint) RETURNS jsonb LANGUAGE sql STABLE"
        " AS $$ SELECT jsonb_build_object('x', 1 / (job_id - job_id)) $$"
    )

    job = await queue.complete()

    assert await table.get(job, "status") == "complete"
    problem = "its payload could not be made: division by zero"
    assert await queue.get(job, "status", "problems") == ("blocked", [problem])
    assert await queue.alerts() == [("publish_blocked", str(job))]
