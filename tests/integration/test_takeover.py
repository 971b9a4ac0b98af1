"""What a dead reactor leaves behind: leases that ran out, finished files, and files dropped by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reactor.db import attempts
from tests.integration.conftest import snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.models import JobId, JobStatus
    from tests.fix_reactor import Table
    from tests.integration.conftest import Worker


async def take_back(worker: Worker, ours: Sequence[JobId] = ()) -> list[tuple[JobId, JobStatus]]:
    """Sweep for lost renders."""
    async with worker.database.connection() as conn:
        return await attempts.take_back_expired_jobs(conn, ours=ours)


async def take_over(worker: Worker, ours: Sequence[JobId] = ()) -> list[JobId]:
    """Sweep for files left lying."""
    async with worker.database.connection() as conn:
        return await attempts.take_over_outputs(
            conn, ours=ours, reactor_id=worker.reactor_id, token=worker.token, lease_s=30
        )


async def adopt(worker: Worker, job: JobId, *, attempt: int | None) -> bool:
    """A finished file with that job's name has been seen."""
    async with worker.database.connection() as conn:
        return await attempts.adopt_output(
            conn,
            job,
            attempt=attempt,
            output_path="/renders/seen.jpg",
            reactor_id=worker.reactor_id,
            token=worker.token,
            lease_s=30,
        )


@pytest.mark.parametrize("stage", ["claimed", "rendering"])
async def test_a_lease_that_ran_out_frees_the_job_uncharged(
    worker: Worker, table: Table, stage: str
) -> None:
    job = await worker.bring(stage)
    await worker.expire(job)

    assert await take_back(worker) == [(job, "pending")]

    assert await table.get(
        job, "status", "stage", "retry_count", "claim_token", "run_after <= now()"
    ) == (("pending", None, 0, None, True))
    written = "SELECT attempt, outcome, will_retry FROM reactor.attempts"
    assert await table.rows(written) == [(1, "lost", True)]


@pytest.mark.parametrize("stage", ["claimed", "rendering", "rendered", "publishing"])
async def test_a_lease_that_stands_is_left_alone(worker: Worker, table: Table, stage: str) -> None:
    await worker.bring(stage)
    before = await snapshot(table)

    assert (await take_back(worker), await take_over(worker)) == ([], [])
    assert await snapshot(table) == before


@pytest.mark.parametrize("stage", ["rendering", "publishing"])
async def test_what_runs_here_is_not_taken_from_oneself(worker: Worker, stage: str) -> None:
    """The database was away for longer than a lease, the render was not."""
    job = await worker.bring(stage)
    await worker.expire(job)

    assert (await take_back(worker, [job]), await take_over(worker, [job])) == ([], [])


async def test_two_sweeps_at_once_do_not_wait_for_each_other(worker: Worker, rival: Worker) -> None:
    job = await worker.bring("rendering")
    await worker.expire(job)

    async with worker.database.transaction() as conn:
        first = await attempts.take_back_expired_jobs(conn, ours=[])
        second = await take_back(rival)

    assert (first, second) == ([(job, "pending")], [])


async def test_a_job_lost_three_times_running_is_poison(worker: Worker, table: Table) -> None:
    job = await worker.bring("rendering")
    outcomes = []

    for stage in ("claimed", "rendering", None):
        await worker.expire(job)
        outcomes += await take_back(worker)
        if stage:
            await worker.carry(job, to=stage)

    assert [status for _, status in outcomes] == ["pending", "pending", "failed"]
    assert await table.get(job, "error_class", "completed_at IS NOT NULL") == ("poison", True)
    written = "SELECT array_agg(will_retry ORDER BY attempt) FROM reactor.attempts"
    assert await table.rows(written) == [([True, True, False],)]


async def test_anything_but_a_loss_in_between_starts_the_count_anew(worker: Worker) -> None:
    job = await worker.bring("rendering")
    outcomes = []

    for lost in (True, True, False, True, True, True):
        if lost:
            await worker.expire(job)
            outcomes += [status for _, status in await take_back(worker)]
        else:
            async with worker.database.connection() as conn:
                await attempts.release_jobs(conn, {job: worker.token})
        if outcomes[-1] == "pending":
            await worker.carry(job, to="rendering")

    assert outcomes == ["pending"] * 4 + ["failed"]


@pytest.mark.parametrize("stage", ["rendered", "publishing"])
async def test_a_file_whose_reactor_died_is_taken_over_without_rendering_again(
    worker: Worker, rival: Worker, table: Table, stage: str
) -> None:
    job = await worker.bring(stage)
    await worker.expire(job)

    assert await take_back(rival) == []
    assert await take_over(rival) == [job]

    assert await table.get(job, "stage", "attempt", "claimed_by", "claim_token", "output_path") == (
        ("rendered", 1, rival.reactor_id, rival.token, "/renders/a.jpg")
    )
    async with rival.database.connection() as conn:
        assert await attempts.find_unfinished_outputs(
            conn, ours=[], reactor_id=rival.reactor_id
        ) == [job]
        assert (
            await attempts.find_unfinished_outputs(conn, ours=[job], reactor_id=rival.reactor_id)
            == []
        )
        assert await attempts.begin_publishing(conn, job, rival.reactor_id)


@pytest.mark.parametrize("stage", ["pending", "claimed", "rendering"])
async def test_a_file_dropped_by_hand_finishes_any_unfinished_job(
    worker: Worker, rival: Worker, table: Table, stage: str
) -> None:
    """Whoever was at it is fenced off."""
    job = await bring(worker, stage)

    assert await adopt(rival, job, attempt=None)

    assert await table.get(
        job, "status", "stage", "progress", "claimed_by", "claim_token", "output_path"
    ) == (("processing", "rendered", 90, rival.reactor_id, rival.token, "/renders/seen.jpg"))


@pytest.mark.parametrize("where", ["rendered", "publishing", "complete", "failed", "cancelled"])
@pytest.mark.parametrize("attempt", [None, 1])
async def test_a_job_that_has_its_file_or_its_end_adopts_none(
    worker: Worker, rival: Worker, table: Table, where: str, attempt: int | None
) -> None:
    job = await bring(worker, where)
    before = await snapshot(table)

    assert not await adopt(rival, job, attempt=attempt)
    assert not await adopt(worker, job, attempt=attempt)
    assert await snapshot(table) == before


@pytest.mark.parametrize(
    ("case", "attempt", "adopted"),
    [
        ("own", 1, True),
        ("own", 2, False),
        ("another's", 1, False),
        ("another's, expired", 1, True),
        ("another's, expired", 2, False),
        ("pending again", 1, True),
        ("pending again", 0, False),
    ],
)
async def test_a_renderers_file_belongs_to_its_own_attempt(
    worker: Worker, rival: Worker, case: str, attempt: int, *, adopted: bool
) -> None:
    job = await worker.bring("rendering")
    if "expired" in case or "pending" in case:
        await worker.expire(job)
    if "pending" in case:
        await take_back(worker)

    assert await adopt(worker if case == "own" else rival, job, attempt=attempt) == adopted


async def bring(worker: Worker, where: str) -> JobId:
    """A job in any state; a finished one has had one attempt."""
    if where in ("pending", "failed", "cancelled", "complete"):
        job = await worker.bring("claimed")
        await worker.table.rows(
            "UPDATE actp_gen_jobs SET status = %(end)s, stage = NULL, claim_token = NULL, claimed_by = NULL",
            end=where,
        )
        return job
    return await worker.bring(where)
