"""What attempts leave behind, and the mean times that are made of it, in a real table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.db import attempts

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from reactor.models import JobId
    from tests.fix_reactor import Table
    from tests.integration.conftest import Worker

ARTIFACT = {
    "output_path": "/library/a.jpg",
    "thumbnail_path": None,
    "size_bytes": 1,
    "sha256": "ab" * 32,
    "duration_s": None,
    "width": 1280,
    "height": 720,
    "fps": None,
}
CRASH: dict[str, Any] = {
    "error_class": "crash",
    "error_message": "it crashed",
    "charged": True,
    "may_retry": True,
    "delay_s": 0,
}
TIMES = "SELECT renderer, template_id, format, quality, renders, round(mean_s::numeric, 1)::float8 FROM reactor.render_times"


async def rendered(worker: Worker, seconds: float, **columns: Any) -> JobId:
    """A job whose render has taken so long."""
    job = await worker.bring("publishing", **columns)
    await worker.table.rows(
        "UPDATE reactor.attempts SET started_at = rendered_at - make_interval(secs => %(s)s)"
        " WHERE job_id = %(job)s",
        job=job,
        s=seconds,
    )
    return job


async def complete(worker: Worker, job: JobId) -> None:
    """End it with its file."""
    async with worker.database.connection() as conn:
        assert await attempts.complete_job(conn, job, worker.token, ARTIFACT)


async def mark(conn: AsyncConnection, worker: Worker, job: JobId, **said: Any) -> bool:
    """The renderer says that its file is there."""
    return await attempts.mark_rendered(
        conn, job, worker.token, output_path="/renders/a.jpg", attempt=1, **said
    )


async def test_what_the_renderer_says_is_written_down(worker: Worker, table: Table) -> None:
    job = await worker.bring("rendering")

    async with worker.database.connection() as conn:
        assert await mark(conn, worker, job, version="easel 1", frames=12, log="a\nb")

    assert await table.rows(
        "SELECT renderer_version, frames, log_tail, rendered_at >= started_at, ended_at FROM reactor.attempts"
    ) == [("easel 1", 12, "a\nb", True, None)]


async def test_it_is_written_down_also_when_the_watcher_was_quicker(
    worker: Worker, table: Table
) -> None:
    job = await worker.bring("rendered")
    seen = await table.rows("SELECT rendered_at FROM reactor.attempts")

    async with worker.database.connection() as conn:
        assert not await mark(conn, worker, job, version="easel 1", frames=12, log="a")

    written = "SELECT renderer_version, frames, log_tail FROM reactor.attempts"
    assert await table.rows(written) == [("easel 1", 12, "a")]
    assert await table.rows("SELECT rendered_at FROM reactor.attempts") == seen


@pytest.mark.parametrize("verb", ["cancelled", "failed"])
async def test_an_attempt_that_has_ended_otherwise_stays_as_it_is(
    worker: Worker, table: Table, verb: str
) -> None:
    job = await worker.bring("rendering")
    if verb == "cancelled":
        await table.rows("SELECT reactor.cancel(%(job)s)", job=job)
    else:
        async with worker.database.connection() as conn:
            await attempts.fail_attempt(conn, job, worker.token, **CRASH)
    before = await table.rows("SELECT a.*::text FROM reactor.attempts AS a")

    async with worker.database.connection() as conn:
        assert not await mark(conn, worker, job, version="easel 1", frames=12)

    assert await table.rows("SELECT a.*::text FROM reactor.attempts AS a") == before


async def test_a_failure_says_where_by_whom_and_with_which_last_words(
    worker: Worker, table: Table
) -> None:
    job = await worker.bring("claimed")

    async with worker.database.connection() as conn:
        said: dict[str, Any] = {"version": "easel 1", "frame": 7, "log": "last words"}
        await attempts.fail_attempt(conn, job, worker.token, **CRASH, **said)

    assert await table.rows(
        "SELECT renderer_version, error_frame, log_tail, reactor_id, will_retry FROM reactor.attempts"
    ) == [("easel 1", 7, "last words", worker.reactor_id, True)]


async def test_a_file_that_was_rejected_keeps_what_its_renderer_said(
    worker: Worker, table: Table
) -> None:
    job = await worker.bring("rendering")
    async with worker.database.connection() as conn:
        await mark(conn, worker, job, version="easel 1", log="fine")
        await attempts.fail_attempt(conn, job, worker.token, **CRASH)

    written = "SELECT renderer_version, log_tail, outcome FROM reactor.attempts"
    assert await table.rows(written) == [("easel 1", "fine", "failed")]


async def test_the_mean_follows_the_renders(worker: Worker, table: Table) -> None:
    for seconds in (10, 20, 60):
        await complete(worker, await rendered(worker, seconds))
    assert await table.rows(TIMES) == [("easel", "still", "thumbnail", "720p", 3, 30.0)]

    for _ in range(60):
        await complete(worker, await rendered(worker, 5))

    (row,) = await table.rows(TIMES)
    assert row[4] == 63
    assert row[5] == pytest.approx(5, abs=0.2)


async def test_each_kind_has_a_mean_of_its_own(worker: Worker, table: Table) -> None:
    for seconds, columns in (
        (10, {}),
        (20, {"quality": "1080p"}),
        (30, {"template_id": "other"}),
        (40, {"format": "clip_1_1"}),
    ):
        await complete(worker, await rendered(worker, seconds, **columns))

    assert sorted(row[5] for row in await table.rows(TIMES)) == [10, 20, 30, 40]
    assert {row[4] for row in await table.rows(TIMES)} == {1}


@pytest.mark.parametrize(
    "change",
    [
        "rendered_at = NULL",  # a file that was dropped by hand
        "cached_from = 1",
        "ended_at = now(), outcome = 'lost'",  # a file that was found after a crash
    ],
)
async def test_what_was_not_rendered_then_and_there_is_not_counted(
    worker: Worker, table: Table, change: str
) -> None:
    job = await rendered(worker, 10)
    await table.rows(f"UPDATE reactor.attempts SET {change}")

    await complete(worker, job)

    assert await table.rows(TIMES) == []
    assert await table.rows("SELECT outcome FROM reactor.attempts") == [("complete",)]


async def test_a_dropped_file_does_not_undo_a_failure(worker: Worker, table: Table) -> None:
    job = await worker.bring("rendering")
    async with worker.database.connection() as conn:
        await attempts.fail_attempt(conn, job, worker.token, **CRASH)
        assert await attempts.adopt_output(
            conn,
            job,
            attempt=None,
            output_path="/renders/job-1.jpg",
            reactor_id=worker.reactor_id,
            token=worker.token,
            lease_s=30,
        )
        assert await attempts.begin_publishing(conn, job, worker.reactor_id)

    await complete(worker, job)

    assert await table.rows("SELECT outcome, error_class FROM reactor.attempts") == [
        ("failed", "crash")
    ]
    assert await table.get(job, "status") == "complete"


async def test_a_completion_does_not_wait_for_another_of_its_kind(
    worker: Worker, table: Table
) -> None:
    """Somebody stands still in the middle of a completion; nobody else has to."""
    await complete(worker, await rendered(worker, 10))
    first, second = await rendered(worker, 10), await rendered(worker, 40)
    async with worker.database.transaction() as standing:
        assert await attempts.complete_job(standing, first, worker.token, ARTIFACT)
        # Whoever waited here would wait for ever: the server would end that.
        await complete(worker, second)

    assert await table.get(second, "status") == "complete"
    assert await table.rows(TIMES) == [("easel", "still", "thumbnail", "720p", 2, 10.0)]


async def test_completions_in_any_order_do_not_block_one_another(
    worker: Worker, table: Table
) -> None:
    kinds = [{"quality": "720p"}, {"quality": "1080p"}]
    jobs = [await rendered(worker, 1, **kind) for kind in kinds * 10]

    async def hand(part: list[JobId]) -> None:
        async with worker.database.transaction() as conn:
            for job in part:
                assert await attempts.complete_job(conn, job, worker.token, ARTIFACT)

    for kind in (0, 1):
        await complete(worker, jobs.pop(kind))
    # Who waited for one another would be a deadlock, which the server ends with an error.
    async with anyio.create_task_group() as tg:
        tg.start_soon(hand, jobs[::2])
        tg.start_soon(hand, jobs[1::2][::-1])

    assert await table.rows("SELECT count(*) FROM actp_gen_jobs WHERE status <> 'complete'") == [
        (0,)
    ]
