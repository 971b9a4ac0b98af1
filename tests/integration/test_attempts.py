"""How an attempt ends without a video: what it costs, and how long the job waits."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from reactor.db import attempts

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from reactor.db.attempts import Ended
    from reactor.models import JobId
    from tests.fix_reactor import Table
    from tests.integration.conftest import Worker

CRASH: dict[str, Any] = {
    "error_class": "crash",
    "error_message": "it crashed",
    "charged": True,
    "may_retry": True,
    "delay_s": 30.0,
}
DUE = "UPDATE actp_gen_jobs SET run_after = now() WHERE status = 'pending'"


async def fail(worker: Worker, job: JobId, **said: Any) -> Ended:
    """Claim the job, begin and fail."""
    await worker.table.rows(DUE)
    await worker.carry(job, to="rendering")
    return await end(worker, job, **said)


async def end(worker: Worker, job: JobId, **said: Any) -> Ended:
    """Fail the attempt that is under way."""
    async with worker.database.connection() as conn:
        ended = await attempts.fail_attempt(conn, job, worker.token, **{**CRASH, **said})
    assert ended is not None
    return ended


async def wait_after(ending: Awaitable[Ended]) -> tuple[float, float]:
    """The least and the most that the job was told to wait: some of it had passed when it was read."""
    began = monotonic()
    waits = (await ending).wait_s
    return waits, waits + monotonic() - began


async def test_charged_failures_wait_three_times_longer_each_time(worker: Worker) -> None:
    job = await worker.bring("rendering", max_attempts=9)

    waits = [await wait_after(end(worker, job))]
    waits += [await wait_after(fail(worker, job)) for _ in range(6)]

    for expected, (least, most) in zip([30, 90, 270, 810, 2430, 3600, 3600], waits, strict=True):
        # Ten percent of jitter either way.
        assert least <= 1.1 * expected
        assert most >= 0.9 * expected


async def test_waits_are_jittered(worker: Worker) -> None:
    job = await worker.bring("rendering", max_attempts=99)
    uncharged = {"charged": False, "delay_s": 3000.0}

    waits = [await wait_after(end(worker, job, **uncharged))]
    waits += [await wait_after(fail(worker, job, **uncharged)) for _ in range(5)]

    # Further apart than by what had passed of each: six of ten minutes' spread are not all alike.
    least, most = [wait[0] for wait in waits], [wait[1] for wait in waits]
    assert min(most) < max(least)


@pytest.mark.parametrize("most", [1, 2, 3])
async def test_the_last_charged_attempt_fails_the_job(worker: Worker, most: int) -> None:
    job = await worker.bring("rendering", max_attempts=most)

    outcomes = [(await end(worker, job)).status]
    while outcomes[-1] == "pending":
        outcomes.append((await fail(worker, job)).status)

    assert outcomes == ["pending"] * (most - 1) + ["failed"]
    assert await worker.table.get(job, "attempt", "retry_count") == (most, most)


async def test_uncharged_failures_repeat_as_long_as_they_last(worker: Worker) -> None:
    job = await worker.bring("rendering", max_attempts=1)

    waits = [await wait_after(end(worker, job, charged=False, delay_s=5.0))]
    waits += [await wait_after(fail(worker, job, charged=False, delay_s=5.0)) for _ in range(7)]

    assert await worker.table.get(job, "status") == "pending"
    assert all(least < 5.6 and most > 4.4 for least, most in waits)
    assert await worker.table.get(job, "attempt", "retry_count") == (8, 0)


async def test_what_may_not_be_retried_fails_at_once(worker: Worker) -> None:
    job = await worker.bring("claimed", max_attempts=9)

    ended = await end(worker, job, may_retry=False, error_class="input")

    assert ended.status == "failed"
    assert await worker.table.get(job, "completed_at IS NOT NULL", "error_class") == (True, "input")


@pytest.mark.parametrize("may_retry", [True, False])
async def test_a_failure_leaves_nothing_of_the_attempt_on_the_job(
    worker: Worker, table: Table, *, may_retry: bool
) -> None:
    job = await worker.bring("rendered")
    async with worker.database.connection() as conn:
        await attempts.save_progress(conn, [(job, 1, 0.5, 1, 2, 1.0)])

    await end(worker, job, may_retry=may_retry)

    left = ("stage", "claim_token", "claimed_by", "lease_expires_at", "output_path", "progress")
    assert await table.get(job, *left) == (None, None, None, None, None, 0)
    assert await table.get(job, "completed_at IS NULL", "error_message") == (
        may_retry,
        "it crashed",
    )
    assert await table.rows("SELECT count(*) FROM reactor.progress") == [(0,)]


async def test_every_attempt_is_written_down(worker: Worker, table: Table) -> None:
    job = await worker.bring("rendering", max_attempts=2)
    await end(worker, job, error_class="stall", error_message="stood still")
    await fail(worker, job)

    assert await table.rows(
        "SELECT attempt, renderer, outcome, error_class, error_message, will_retry, ended_at >= started_at"
        " FROM reactor.attempts ORDER BY attempt"
    ) == [
        (1, "easel", "failed", "stall", "stood still", True, True),
        (2, "easel", "failed", "crash", "it crashed", False, True),
    ]


async def test_an_attempt_that_failed_before_it_began_is_written_down_too(
    worker: Worker, table: Table
) -> None:
    job = await worker.bring("claimed")

    await end(worker, job, error_class="input", may_retry=False)

    written = "SELECT attempt, outcome, error_class, will_retry FROM reactor.attempts"
    assert await table.rows(written) == [(1, "failed", "input", False)]


async def test_what_postgres_cannot_hold_is_left_out_of_the_message(worker: Worker) -> None:
    job = await worker.bring("rendering")

    await end(worker, job, error_message="a\0b" + "x" * 10_000)

    assert await worker.table.get(job, "error_message") == "ab" + "x" * 3998


async def test_a_lease_given_back_costs_nothing(worker: Worker, table: Table) -> None:
    """At shutdown; and what already has its file is not given back."""
    claimed, rendering, rendered = [
        await worker.bring(stage) for stage in ("claimed", "rendering", "rendered")
    ]

    async with worker.database.connection() as conn:
        released = await attempts.release_jobs(
            conn, dict.fromkeys([claimed, rendering, rendered], worker.token)
        )

    assert sorted(released) == [claimed, rendering]
    for job in released:
        assert await table.get(
            job, "status", "stage", "retry_count", "run_after <= now()", "claim_token"
        ) == (("pending", None, 0, True, None))
    assert await table.get(rendered, "stage") == "rendered"
    written = "SELECT job_id, outcome, will_retry FROM reactor.attempts WHERE ended_at IS NOT NULL"
    assert await table.rows(written) == [(rendering, "released", True)]


async def test_a_completed_job_carries_its_file_and_no_claim(worker: Worker, table: Table) -> None:
    job = await worker.bring("publishing")
    artifact = {
        "output_path": "/library/a.jpg",
        "thumbnail_path": "/library/a.thumb.jpg",
        "size_bytes": 2**40,
        "sha256": "ab" * 32,
        "duration_s": 2.5,
        "width": 1280,
        "height": 720,
        "fps": 29.97,
    }

    async with worker.database.connection() as conn:
        assert await attempts.complete_job(conn, job, worker.token, artifact)

    assert await table.get(
        job,
        "output_path",
        "thumbnail_path",
        "file_size_bytes",
        "sha256",
        "duration_s",
        "width",
        "height",
        "fps",
    ) == tuple(artifact.values())
    assert await table.get(
        job,
        "status",
        "stage",
        "progress",
        "claim_token",
        "claimed_by",
        "lease_expires_at",
        "completed_at <= now()",
    ) == ("complete", None, 100, None, None, None, True)
    assert await table.rows("SELECT outcome, will_retry FROM reactor.attempts") == [
        ("complete", False)
    ]
