"""Every write of an attempt shows its token; with another token it changes nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest

from reactor.db import attempts, jobs
from tests.integration.conftest import snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg import AsyncConnection

    from reactor.models import JobId
    from tests.fix_reactor import Table
    from tests.integration.conftest import Worker

    Write = Callable[[AsyncConnection, JobId, UUID], Awaitable[object]]

ARTIFACT: dict[str, Any] = {
    "output_path": "/library/a.jpg",
    "thumbnail_path": None,
    "size_bytes": 10,
    "sha256": "0" * 64,
    "duration_s": 2.0,
    "width": 1280,
    "height": 720,
    "fps": 30.0,
}


async def fail(conn: AsyncConnection, job: JobId, token: UUID) -> object:
    """End the attempt as crashed."""
    return await attempts.fail_attempt(
        conn,
        job,
        token,
        error_class="crash",
        error_message="it crashed",
        charged=True,
        may_retry=True,
        delay_s=30,
    )


FENCED: dict[str, tuple[str, Write]] = {
    "begin_rendering": ("claimed", attempts.begin_rendering),
    "complete_dry_runs": (
        "claimed",
        lambda conn, job, token: attempts.complete_dry_runs(conn, [job], token),
    ),
    "mark_rendered": (
        "rendering",
        lambda conn, job, token: attempts.mark_rendered(
            conn, job, token, output_path="/renders/x.jpg", frames=1
        ),
    ),
    "fail_attempt": ("rendering", fail),
    "release_jobs": (
        "rendering",
        lambda conn, job, token: attempts.release_jobs(conn, {job: token}),
    ),
    "renew_leases": (
        "rendering",
        lambda conn, job, token: attempts.renew_leases(conn, {job: token}, lease_s=99),
    ),
    "lock_for_publishing": ("publishing", attempts.lock_for_publishing),
    "complete_job": (
        "publishing",
        lambda conn, job, token: attempts.complete_job(conn, job, token, ARTIFACT),
    ),
}


@pytest.mark.parametrize("name", FENCED)
async def test_the_right_token_is_let_through(worker: Worker, name: str) -> None:
    stage, write = FENCED[name]
    job = await worker.bring(stage)

    async with worker.database.connection() as conn:
        assert await write(conn, job, worker.token)


@pytest.mark.parametrize("stage", ["claimed", "rendering", "rendered", "publishing"])
async def test_a_wrong_token_changes_nothing(table: Table, worker: Worker, stage: str) -> None:
    job = await worker.bring(stage)
    before = await snapshot(table)

    async with worker.database.connection() as conn:
        answers = {name: await write(conn, job, uuid4()) for name, (_, write) in FENCED.items()}

    assert not any(answers.values()), answers
    assert await snapshot(table) == before


@pytest.mark.parametrize("stage", ["claimed", "rendering"])
async def test_a_worker_that_was_given_up_changes_nothing(
    table: Table, worker: Worker, rival: Worker, stage: str
) -> None:
    """Its lease ran out, the job was taken back, and another reactor is at the same stage with it."""
    job = await worker.bring(stage)
    await worker.expire(job)
    async with worker.database.connection() as conn:
        await attempts.take_back_expired_jobs(conn, ours=[])
    await rival.carry(job, to=stage)
    before = await snapshot(table)

    async with worker.database.connection() as conn:
        answers = {
            name: await write(conn, job, worker.token) for name, (_, write) in FENCED.items()
        }
        begun = await attempts.begin_publishing(conn, job, worker.reactor_id)

    assert not any(answers.values()), answers
    assert begun is None
    assert await snapshot(table) == before


@pytest.mark.parametrize("name", FENCED)
async def test_a_job_that_was_cancelled_stays_so(table: Table, worker: Worker, name: str) -> None:
    """The token is still the right one when a person cancels by a plain UPDATE."""
    stage, write = FENCED[name]
    job = await worker.bring(stage)
    await table.rows("UPDATE actp_gen_jobs SET status = 'cancelled', stage = NULL")
    before = await snapshot(table)

    async with worker.database.connection() as conn:
        assert not await write(conn, job, worker.token)

    assert await snapshot(table) == before


async def test_only_the_holder_of_the_lease_publishes(worker: Worker, rival: Worker) -> None:
    job = await worker.bring("rendered")

    async with worker.database.connection() as conn:
        assert await attempts.begin_publishing(conn, job, rival.reactor_id) is None
        assert await attempts.begin_publishing(conn, job, worker.reactor_id)
        assert await attempts.begin_publishing(conn, job, worker.reactor_id) is None


async def test_a_job_locked_for_publishing_cannot_be_taken_over(
    worker: Worker, rival: Worker
) -> None:
    job = await worker.bring("publishing")
    await worker.expire(job)

    async with worker.database.transaction() as conn:
        assert await attempts.lock_for_publishing(conn, job, worker.token)
        async with rival.database.connection() as other:
            assert (
                await attempts.take_over_outputs(
                    other, ours=[], reactor_id=rival.reactor_id, token=rival.token, lease_s=30
                )
                == []
            )
            with pytest.raises(psycopg.errors.LockNotAvailable):
                await other.execute(
                    "SELECT FROM actp_gen_jobs WHERE id = %s FOR UPDATE NOWAIT", (job,)
                )


async def test_some_of_many_leases_are_still_ours(table: Table, worker: Worker) -> None:
    jobs_here = [await worker.bring("rendering") for _ in range(3)]
    held = dict.fromkeys(jobs_here, worker.token)
    held[jobs_here[1]] = uuid4()
    await table.rows("UPDATE actp_gen_jobs SET lease_expires_at = now()")

    async with worker.database.connection() as conn:
        kept = await attempts.renew_leases(conn, held, lease_s=3600)
        stopped = await attempts.find_stopped_jobs(conn, held)

    assert (kept, stopped) == ({jobs_here[0], jobs_here[2]}, [jobs_here[1]])
    longer = "lease_expires_at > now() + interval '50 minutes'"
    assert [await table.get(job, longer) for job in jobs_here] == [True, False, True]


async def test_progress_never_runs_backwards_within_an_attempt(
    table: Table, worker: Worker
) -> None:
    job = await worker.bring("rendering")
    seen = []

    for attempt, fraction in [(1, 0.5), (1, 0.25), (1, 0.75), (2, 0.125)]:
        async with worker.database.connection() as conn:
            await attempts.save_progress(conn, [(job, attempt, fraction, 1, 8, 2.0)])
        seen += await table.rows("SELECT attempt, fraction FROM reactor.progress")

    assert seen == [(1, 0.5), (1, 0.5), (1, 0.75), (2, 0.125)]


async def test_saving_progress_does_not_touch_the_job(table: Table, worker: Worker) -> None:
    job = await worker.bring("rendering")
    where = "SELECT ctid::text, xmin::text FROM actp_gen_jobs"
    before = await table.rows(where)

    async with worker.database.connection() as conn:
        await attempts.save_progress(conn, [(job, 1, 0.5, 10, 20, 3.0)])
        shown = (await jobs.get_jobs(conn, [job]))[0]

    assert await table.rows(where) == before
    assert (shown["progress"], shown["eta_s"]) == (50.0, 3.0)
