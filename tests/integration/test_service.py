"""The job service: keys, quotas, transactions, retries, pages, and work that is done elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest

from reactor import jobs
from reactor.db import projects
from reactor.db.migrate import migrate
from reactor.db.pool import connect
from reactor.errors import Invalid, Missing, QuotaExceeded, ReactorError, Refused
from reactor.models import JobStatus
from reactor.records import Artefacts, NewJob, new_job
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import AsyncConnection

    from tests.fix_reactor import Table
    from tests.integration.conftest import Bare

CARD = NewJob(template_id="title-card")


@pytest.fixture
async def conn(dsn: str) -> AsyncIterator[AsyncConnection]:
    """A caller's own connection."""
    async with await connect(dsn, name="caller") as opened:
        yield opened


async def test_a_job_has_what_was_asked_and_defaults_for_the_rest(conn: AsyncConnection) -> None:
    asked = new_job(
        template_id="slideshow",
        params={"title": "Ü", "images": ["a.png"]},
        metadata={"order": 7},
        format="short_9_16",
        priority=3,
        project_id="p",
        timeout_s=90,
    )

    created = await jobs.create_job(conn, asked)
    job = await jobs.get_job(conn, created.id)

    assert created.is_new
    assert (job.status, job.params, job.metadata) == ("pending", asked.params, {"order": 7})
    assert (job.format, job.quality, job.container) == ("short_9_16", "1080p", "mp4")
    assert (job.priority, job.project_id, job.timeout_s, job.cache) == (3, "p", 90.0, True)
    assert job.run_after == job.created_at


async def test_many_are_created_in_their_order_all_or_none(conn: AsyncConnection) -> None:
    asked = [new_job(template_id="t", params={"n": n}) for n in range(1000)]

    created = await jobs.create_jobs(conn, asked)

    page = await jobs.list_jobs(conn, most=3)
    assert [job.params["n"] for job in page.jobs] == [999, 998, 997]
    assert [c.id for c in created] == sorted(c.id for c in created)
    assert len({c.id for c in created}) == 1000


async def test_the_same_key_is_the_same_job(conn: AsyncConnection, table: Table) -> None:
    asked = new_job(template_id="t", params={"a": 1.5}, idempotency_key="k")

    first = await jobs.create_job(conn, asked)
    again = await jobs.create_job(conn, asked)

    assert (first.is_new, again.is_new, again.id) == (True, False, first.id)
    assert await table.rows("SELECT count(*) FROM actp_gen_jobs") == [(1,)]


async def test_a_key_is_not_for_another_job(conn: AsyncConnection) -> None:
    first = await jobs.create_job(conn, new_job(template_id="t", idempotency_key="k"))

    with pytest.raises(Refused, match=rf"'k' is job {first.id}, which has another quality, params"):
        await jobs.create_job(
            conn, new_job(template_id="t", idempotency_key="k", quality="720p", params={"a": 1})
        )


async def test_new_and_known_keys_in_one_statement_keep_their_places(conn: AsyncConnection) -> None:
    known = await jobs.create_job(conn, new_job(template_id="t", idempotency_key="b"))
    asked = [new_job(template_id="t", idempotency_key=key) for key in ("a", "b", None, "c", None)]

    created = await jobs.create_jobs(conn, asked)

    assert [c.is_new for c in created] == [True, False, True, True, True]
    assert created[1].id == known.id
    keys = [(await jobs.get_job(conn, c.id)).idempotency_key for c in created]
    assert keys == ["a", "b", None, "c", None]


async def test_one_key_twice_in_one_request_is_refused(conn: AsyncConnection) -> None:
    with pytest.raises(Invalid, match="idempotency_key: names two of the jobs"):
        await jobs.create_jobs(conn, [new_job(template_id="t", idempotency_key="k")] * 2)


async def test_two_callers_with_one_key_at_once_get_one_job(dsn: str, table: Table) -> None:
    made: list[jobs.Created] = []
    asked = new_job(template_id="t", idempotency_key="k")

    async def create() -> None:
        async with await connect(dsn, name="one of many") as conn:
            made.append(await jobs.create_job(conn, asked))

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg:
            for _ in range(8):
                tg.start_soon(create)

    assert len({c.id for c in made}) == 1
    assert sum(c.is_new for c in made) == 1
    assert await table.rows("SELECT count(*) FROM actp_gen_jobs") == [(1,)]


async def test_a_job_exists_exactly_when_the_callers_commit_does(
    conn: AsyncConnection, table: Table
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with conn.transaction():
            await jobs.create_job(conn, CARD)
            raise ZeroDivisionError
    assert await table.rows("SELECT count(*) FROM actp_gen_jobs") == [(0,)]

    async with conn.transaction():
        await jobs.create_job(conn, CARD)
        assert await table.rows("SELECT count(*) FROM actp_gen_jobs") == [(0,)]
    assert await table.rows("SELECT count(*) FROM actp_gen_jobs") == [(1,)]


async def test_a_project_has_a_quota_of_active_jobs(conn: AsyncConnection, table: Table) -> None:
    asked = new_job(template_id="t", project_id="p")
    await jobs.create_jobs(conn, [asked] * 3, usual_max_active=3)

    with pytest.raises(QuotaExceeded, match="project p has 3 active jobs and may have 3; 1 more"):
        await jobs.create_job(conn, asked, usual_max_active=3)

    await jobs.create_job(conn, CARD, usual_max_active=3)
    await table.rows("UPDATE actp_gen_jobs SET status = 'cancelled' WHERE id = 1")
    assert (await jobs.create_job(conn, asked, usual_max_active=3)).is_new


async def test_a_projects_own_quota_comes_before_the_usual(conn: AsyncConnection) -> None:
    asked = new_job(template_id="t", project_id="p")
    await projects.limit_project(conn, "p", max_active=1, max_rendering=None)

    with pytest.raises(QuotaExceeded, match="may have 1; 2 more must wait"):
        await jobs.create_jobs(conn, [asked] * 2, usual_max_active=100)


async def test_a_quota_holds_when_many_ask_at_once(dsn: str, table: Table) -> None:
    refused: list[QuotaExceeded] = []
    asked = new_job(template_id="t", project_id="p")

    async def create() -> None:
        async with await connect(dsn, name="one of many") as conn:
            try:
                await jobs.create_jobs(conn, [asked] * 2, usual_max_active=5)
            except QuotaExceeded as wrong:
                refused.append(wrong)

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg:
            for _ in range(6):
                tg.start_soon(create)

    assert len(refused) == 4
    assert await table.rows("SELECT count(*) FROM actp_gen_jobs") == [(4,)]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("template_id", "", "template_id: string should have at least 1 character"),
        ("params", {"a": float("nan")}, "params: must be plain JSON"),
        ("params", {"a": "\0"}, "params: must not contain the character NUL"),
        ("metadata", {"a": "\ud800"}, "metadata: must be valid Unicode"),
        ("params", {"a": "x" * 300_000}, "params: must be at most 262144 bytes"),
        ("niche", "a\0b", "niche: must not contain the character NUL"),
        ("priority", 2**31, "priority: input should be less than 2147483648"),
        ("format", "round", "format: input should be 'full_16_9', 'short_9_16'"),
        ("timeout_s", 0, "timeout_s: input should be greater than 0"),
        ("nonsense", 1, "nonsense: is not known"),
        ("idempotency_key", "k" * 300, "idempotency_key: string should have at most 200"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(field: str, value: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        new_job(**{"template_id": "t", field: value})

    assert str(refused.value).startswith(said)
    assert [error.field for error in refused.value.errors] == [field]


async def test_pages_neither_repeat_nor_miss_while_jobs_come(conn: AsyncConnection) -> None:
    await jobs.create_jobs(conn, [CARD] * 25)
    seen: list[int] = []
    before = None
    while True:
        page = await jobs.list_jobs(conn, most=10, before=before)
        seen += [job.id for job in page.jobs]
        if page.before is None:
            break
        before = page.before
        await jobs.create_job(conn, CARD)

    assert seen == list(range(25, 0, -1))


async def test_lists_are_filtered(conn: AsyncConnection) -> None:
    await jobs.create_jobs(
        conn,
        [
            new_job(template_id="t", project_id="p"),
            new_job(template_id="t", session_id="s"),
            new_job(template_id="t", batch_id="b", project_id="p"),
        ],
    )
    await jobs.cancel(conn, 1, given_by="test")

    async def found(**filters: Any) -> list[int]:
        return [job.id for job in (await jobs.list_jobs(conn, **filters)).jobs]

    assert await found(project_id="p") == [3, 1]
    assert await found(project_id="p", status="pending") == [3]
    assert await found(session_id="s") == [2]
    assert await found(batch_id="b") == [3]
    assert await found(status="cancelled") == [1]
    assert await found(status="complete") == []


async def test_verbs_say_why_they_cannot(conn: AsyncConnection) -> None:
    created = await jobs.create_job(conn, CARD)

    with pytest.raises(Missing, match="there is no job 404"):
        await jobs.get_job(conn, 404)
    with pytest.raises(Missing, match="there is no job 404"):
        await jobs.cancel(conn, 404, given_by="test")
    with pytest.raises(Refused, match="only a failed job can be retried"):
        await jobs.retry(conn, created.id, given_by="test")
    await jobs.cancel(conn, created.id, reason="a\0b", given_by="test")
    assert (await jobs.get_job(conn, created.id)).error_message == "ab"
    with pytest.raises(Refused, match="only a pending or processing job can be cancelled"):
        await jobs.cancel(conn, created.id, given_by="test")


async def test_work_done_elsewhere_sets_its_times_and_keeps_what_it_made(
    conn: AsyncConnection, table: Table
) -> None:
    created = await jobs.create_job(conn, new_job(template_id="t", metadata={"a": 1, "b": 1}))

    begun = await jobs.transition(conn, created.id, JobStatus.PROCESSING, metadata={"b": 2})
    done = await jobs.complete(
        conn, created.id, Artefacts(video_url="https://cdn.example/v.mp4", duration_s=4, width=1280)
    )

    assert (begun.stage, begun.attempt, begun.progress) == ("claimed", 1, 10)
    assert begun.render_started_at
    assert begun.render_completed_at is None
    assert (done.status, done.progress, done.metadata) == ("complete", 100, {"a": 1, "b": 2})
    assert (done.video_url, done.duration_s, done.width) == ("https://cdn.example/v.mp4", 4, 1280)
    assert done.render_completed_at
    assert done.completed_at
    assert begun.render_started_at <= done.render_completed_at <= done.completed_at
    assert await table.rows("SELECT renderer, outcome FROM reactor.attempts") == [
        ("elsewhere", "complete")
    ]


async def test_work_that_fails_elsewhere_can_be_retried(conn: AsyncConnection) -> None:
    created = await jobs.create_job(conn, CARD)
    await jobs.transition(conn, created.id, JobStatus.PROCESSING)

    failed = await jobs.fail(conn, created.id, "out of paint")
    assert (failed.status, failed.error_class, failed.error_message, failed.retry_count) == (
        "failed",
        "crash",
        "out of paint",
        1,
    )
    await jobs.retry(conn, created.id, given_by="test")
    again = await jobs.get_job(conn, created.id)
    assert (again.status, again.render_completed_at, again.error_message) == ("pending", None, None)


@pytest.mark.parametrize("status", ["complete", "failed", "pending"])
async def test_a_move_that_cannot_be_made_is_refused(conn: AsyncConnection, status: str) -> None:
    created = await jobs.create_job(conn, CARD)

    with pytest.raises(Refused, match=f"job {created.id} is pending; it cannot become {status}"):
        await jobs.transition(conn, created.id, JobStatus(status))


async def test_a_table_with_a_key_twice_is_not_migrated_but_explained(bare: Bare) -> None:
    await bare.run("CREATE TABLE actp_gen_jobs (id bigserial PRIMARY KEY, idempotency_key text)")
    await bare.run(
        "INSERT INTO actp_gen_jobs (idempotency_key) VALUES ('k'), ('k'), (NULL), (NULL)"
    )

    with pytest.raises(ReactorError, match=r"idempotency_key 'k' \(jobs 1, 2\) more than once"):
        await migrate(bare.dsn)

    await bare.run("UPDATE actp_gen_jobs SET idempotency_key = NULL WHERE id = 2")
    await migrate(bare.dsn)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await bare.run("INSERT INTO actp_gen_jobs (idempotency_key) VALUES ('k')")


async def test_a_job_held_for_ever_can_be_looked_at(conn: AsyncConnection, table: Table) -> None:
    """Somebody wrote `infinity` in psql, which no Python datetime can hold."""
    job = await table.insert(run_after="infinity")

    assert (await jobs.get_job(conn, job)).run_after is None
