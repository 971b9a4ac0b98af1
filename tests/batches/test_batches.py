"""A batch is one row and all its jobs or nothing, and sums them up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest

from reactor import jobs
from reactor.batches import AudioFile, Batch, create_batch, get_batch
from reactor.db.pool import connect
from reactor.db.statements import statements
from reactor.errors import Invalid, Missing, QuotaExceeded, Refused
from reactor.models import JobStatus
from reactor.records import Artefacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.db.pool import Database
    from tests.fix_reactor import Table

AUDIO = [AudioFile("Test Audio.mp3", "/sounds/a.mp3"), AudioFile("Other.wav", "/sounds/b.wav")]
PROGRESS = "INSERT INTO reactor.progress (job_id, attempt, fraction) VALUES (%(id)s, 1, 0.5)"
TOOK = """
UPDATE actp_gen_jobs
   SET render_started_at = '2026-01-27 10:00Z',
       completed_at = CASE WHEN id = %(id)s THEN timestamptz '2026-01-27 10:00:10Z' END
 WHERE batch_id = (SELECT batch_id FROM actp_gen_jobs WHERE id = %(id)s)
"""
RENDERING = "UPDATE actp_gen_jobs SET stage = 'rendering' WHERE id = %(id)s"


async def create(database: Database, **changes: Any) -> Batch:
    """A batch of two files in two formats, or as told."""
    asked: dict[str, Any] = {
        "audio": AUDIO,
        "template_id": "flame",
        "formats": ["1080p", "short_9_16/720p/webm"],
        **changes,
    }
    async with database.connection() as conn:
        return await create_batch(conn, **asked)


async def counts(table: Table) -> tuple[int, int]:
    """How many batches and jobs there are."""
    ((batches, found),) = await table.rows(
        "SELECT (SELECT count(*) FROM reactor.batches), (SELECT count(*) FROM actp_gen_jobs)"
    )
    return batches, found


async def test_every_file_is_made_in_every_format(database: Database, table: Table) -> None:
    batch = await create(
        database,
        params={"fps": 10},
        priority=3,
        metadata={"order": 4711},
        project_id="spring",
    )

    assert (batch.jobs, batch.is_new) == (4, True)
    rows = await table.rows(
        "SELECT audio_name, audio_path, format, quality, container FROM actp_gen_jobs ORDER BY id"
    )
    wide, tall = ("full_16_9", "1080p", "mp4"), ("short_9_16", "720p", "webm")
    assert rows == [(*file[:2], *choice) for file in AUDIO for choice in (wide, tall)]
    shared = await table.rows(
        "SELECT DISTINCT batch_id, template_id, params::text, priority, metadata::text, project_id, status"
        " FROM actp_gen_jobs"
    )
    flame = '{"fps": 10, "style": "flame"}'
    row = (batch.batch_id, "audio-visualizer", flame, 3, '{"order": 4711}', "spring", "pending")
    assert shared == [row]


async def test_a_templates_own_name_is_taken_as_it_is(database: Database, table: Table) -> None:
    await create(database, template_id="slideshow")

    assert await table.rows("SELECT DISTINCT template_id, params::text FROM actp_gen_jobs") == [
        ("slideshow", "{}")
    ]


async def test_a_thousand_jobs_take_no_more_statements_than_one(dsn: str, table: Table) -> None:
    formats = ["720p", "1080p", "4k", "clip_1_1"]
    many = [AudioFile(f"Song {n}.mp3", f"/sounds/{n}.mp3") for n in range(250)]
    said: list[str] = []

    class Counted(psycopg.AsyncCursor[Any]):
        async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            said.append(str(query))
            return await super().execute(query, *args, **kwargs)

        async def executemany(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError(f"one after another: {query}")

    async with await connect(dsn, name="counted") as conn:
        conn.cursor_factory = Counted
        found = []
        for audio, words in ((AUDIO[:1], formats[:1]), (many, formats)):
            batch = await create_batch(conn, audio=audio, template_id="flame", formats=words)
            found.append(await get_batch(conn, batch.batch_id))

    half = len(said) // 2
    assert said[:half] == said[half:]
    # The log has a row for every statement that made jobs pending.
    logged = await table.rows(
        "SELECT cardinality(job_ids) FROM reactor.events WHERE event = 'job.pending' ORDER BY id"
    )
    assert logged == [(1,), (1000,)]
    assert (found[1].jobs, found[1].pending, len(found[1].items)) == (1000, 1000, 100)


async def test_one_row_that_cannot_be_leaves_nothing(database: Database, table: Table) -> None:
    await table.rows(
        "ALTER TABLE actp_gen_jobs ADD CHECK (NOT (audio_name = 'Other.wav' AND quality = '720p'))"
    )

    with pytest.raises(psycopg.errors.CheckViolation):
        await create(database)

    assert await counts(table) == (0, 0)


async def test_a_callers_transaction_decides(database: Database, table: Table) -> None:
    async with database.connection() as conn, conn.transaction(force_rollback=True):
        await create_batch(conn, audio=AUDIO, template_id="flame", formats=["1080p"])

    assert await counts(table) == (0, 0)


async def test_a_project_that_is_full_takes_no_part_of_a_batch(
    database: Database, table: Table
) -> None:
    with pytest.raises(QuotaExceeded):
        await create(database, project_id="spring", usual_max_active=3)

    assert await counts(table) == (0, 0)


async def test_the_same_key_is_the_same_batch(database: Database, table: Table) -> None:
    asked = {"idempotency_key": "order-1", "params": {"seed": 7, "sizes": (1e30, 0.1)}}
    first = await create(database, **asked)
    second = await create(database, **asked)

    assert second == (first.batch_id, 4, False)
    assert await counts(table) == (1, 4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"formats": ["1080p"]}, "another formats"),
        ({"template_id": "slideshow"}, "another template_id, params"),
        ({"audio": AUDIO[:1]}, "another audio"),
        ({"audio": [*AUDIO[:1], AudioFile("Other.wav", "/sounds/c.wav")]}, "another audio"),
        ({"params": {"fps": 5}, "priority": 1}, "another params, priority"),
        ({"project_id": "autumn", "metadata": {"a": 1}}, "another metadata, project_id"),
    ],
)
async def test_a_key_that_was_used_for_another_batch_is_refused(
    database: Database, table: Table, changes: dict[str, Any], said: str
) -> None:
    first = await create(database, idempotency_key="order-1")

    with pytest.raises(Refused) as caught:
        await create(database, idempotency_key="order-1", **changes)

    for words in (first.batch_id, *said.removeprefix("another ").split(", ")):
        assert words in str(caught.value)
    assert await counts(table) == (1, 4)


async def test_uploads_are_the_same_by_what_is_in_them(database: Database) -> None:
    asked = {"idempotency_key": "order-1"}
    first = await create(database, audio=[AudioFile("a.mp3", "/up/1.mp3", "abc")], **asked)
    again = await create(database, audio=[AudioFile("a.mp3", "/up/2.mp3", "abc")], **asked)

    assert again.batch_id == first.batch_id
    with pytest.raises(Refused, match="another audio"):
        await create(database, audio=[AudioFile("a.mp3", "/up/3.mp3", "abd")], **asked)


async def test_two_at_once_with_one_key_make_one_batch(database: Database, table: Table) -> None:
    made: list[Batch] = []

    async def ask() -> None:
        made.append(await create(database, idempotency_key="order-1"))

    async with anyio.create_task_group() as tg:
        for _ in range(5):
            tg.start_soon(ask)

    assert len({batch.batch_id for batch in made}) == 1
    assert sorted(batch.is_new for batch in made) == [False] * 4 + [True]
    assert await counts(table) == (1, 4)


async def test_a_key_whose_batch_was_rolled_back_is_free(database: Database, table: Table) -> None:
    """The second asks while the first has not ended, and must not believe in it."""
    made: list[Batch] = []

    async def ask() -> None:
        made.append(await create(database, idempotency_key="order-1"))

    async with (
        anyio.create_task_group() as tg,
        database.connection() as conn,
        conn.transaction(force_rollback=True),
    ):
        await create_batch(
            conn,
            audio=AUDIO,
            template_id="flame",
            formats=["1080p"],
            idempotency_key="order-1",
        )
        tg.start_soon(ask)
        await table.until(
            "count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()"
        )

    assert [batch.is_new for batch in made] == [True]
    assert await counts(table) == (1, 4)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"audio": []}, ["audio"]),
        ({"audio": AUDIO * 5001, "formats": ["1080p"]}, ["audio"]),
        ({"audio": [AUDIO[0], AudioFile("a\0b.mp3", "/a.mp3")]}, ["audio[1].name"]),
        ({"audio": [AudioFile("x" * 2001, "/" + "a" * 2001)]}, ["audio[0].name", "audio[0].path"]),
        ({"params": {"audio": "other.mp3"}}, ["params.audio"]),
        ({"params": {"title": "x" * 200_000}, "audio": AUDIO * 100}, ["params"]),
        ({"params": {"n": float("nan")}}, ["params"]),
        ({"template_id": ""}, ["template_id"]),
        ({"idempotency_key": ""}, ["idempotency_key"]),
        ({"priority": 2**31}, ["priority"]),
    ],
)
async def test_what_cannot_be_is_named(
    database: Database, table: Table, changes: dict[str, Any], fields: Sequence[str]
) -> None:
    with pytest.raises(Invalid) as caught:
        await create(database, **changes)

    assert [error.field for error in caught.value.errors] == fields
    assert await counts(table) == (0, 0)


async def test_a_batch_sums_up_its_jobs(database: Database, table: Table) -> None:
    await create(database)  # another one's jobs do not count
    batch = await create(database, formats=["720p", "1080p", "4k"])
    ids = [
        row[0]
        for row in await table.rows(
            "SELECT id FROM actp_gen_jobs WHERE batch_id = %(id)s ORDER BY id", id=batch.batch_id
        )
    ]
    async with database.connection() as conn:
        for job_id in ids[:4]:
            await jobs.transition(conn, job_id, JobStatus.PROCESSING)
        before_any_is_done = await get_batch(conn, batch.batch_id)
        await jobs.complete(conn, ids[0], Artefacts(output_path="/library/a.mp4"))
        await jobs.fail(conn, ids[1], "the sound is broken")
        await table.rows(RENDERING, id=ids[2])
        await table.rows(PROGRESS, id=ids[2])
        await jobs.cancel(conn, ids[5], given_by="test")
        await table.rows(TOOK, id=ids[0])
        found = await get_batch(conn, batch.batch_id)

    assert (found.template_id, found.formats) == ("audio-visualizer", ["720p", "1080p", "4k"])
    assert (found.jobs, found.pending, found.processing) == (6, 1, 2)
    assert (found.complete, found.failed, found.cancelled) == (1, 1, 1)
    # 100, 10 of the failed one, 50 of the one half drawn, 10 of the claimed one, and two that wait.
    assert found.progress == pytest.approx((100 + 10 + 50 + 10) / 6)
    assert before_any_is_done.eta_s is None
    # One took ten seconds, three are left.
    assert found.eta_s == 30
    shown = {item.id: item for item in found.items}
    assert list(shown) == ids[::-1]
    assert (shown[ids[0]].status, shown[ids[0]].output_path) == ("complete", "/library/a.mp4")
    assert (shown[ids[1]].status, shown[ids[1]].error_message) == ("failed", "the sound is broken")
    assert (shown[ids[2]].status, shown[ids[2]].progress) == ("processing", 50)
    assert (shown[ids[3]].audio_name, shown[ids[3]].quality) == ("Other.wav", "720p")


async def test_items_go_on_below_the_last(database: Database) -> None:
    batch = await create(database, formats=["720p", "1080p", "4k"])
    seen: list[int] = []
    before: int | None = None
    async with database.connection() as conn:
        while True:
            page = await get_batch(conn, batch.batch_id, before=before, most=4)
            seen += [item.id for item in page.items]
            before = page.before
            if before is None:
                break

    assert len(seen) == 6
    assert seen == sorted(set(seen), reverse=True)


@pytest.mark.parametrize("batch_id", ["nonesuch", "", "a\0b"])
async def test_a_batch_that_is_not_there_is_missing(database: Database, batch_id: str) -> None:
    async with database.connection() as conn:
        with pytest.raises(Missing, match="there is no batch"):
            await get_batch(conn, batch_id)


@pytest.mark.parametrize("most", [0, 501])
async def test_a_page_has_a_size(database: Database, most: int) -> None:
    batch = await create(database)
    async with database.connection() as conn:
        with pytest.raises(Invalid, match="limit: is"):
            await get_batch(conn, batch.batch_id, most=most)


async def test_other_peoples_jobs_are_not_looked_at(database: Database, table: Table) -> None:
    batch = await create(database)
    await table.rows(
        "INSERT INTO actp_gen_jobs (template_id, batch_id, status)"
        " SELECT 'flame', (n %% 500)::text, 'cancelled' FROM generate_series(1, 20000) AS n"
    )
    await table.rows("ANALYZE actp_gen_jobs")
    for name in ("sum_up_batch", "list_batch_jobs"):
        asked = {"batch_id": batch.batch_id, "before": None, "most": 101}
        plan = await table.rows("EXPLAIN " + statements("batches")[name], **asked)

        assert "actp_gen_jobs_batch" in str(plan), name
        assert "Seq Scan on actp_gen_jobs" not in str(plan), name
