"""The SQL functions of control: what they do to a job in each of its states, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from reactor.db import attempts
from tests.integration.conftest import snapshot

if TYPE_CHECKING:
    from reactor.models import JobId
    from tests.fix_reactor import Table
    from tests.integration.conftest import Worker

STAGES = ("claimed", "rendering", "rendered", "publishing")
ENDS = ("complete", "failed", "cancelled")
CANCELLABLE = ("pending", "claimed", "rendering", "rendered")


async def job_that_is(worker: Worker, where: str) -> JobId:
    """A job in a stage, or ended by a plain UPDATE."""
    if where in STAGES:
        return await worker.bring(where)
    job = await worker.bring("claimed")
    await worker.table.rows(
        "UPDATE actp_gen_jobs SET status = %(end)s, stage = NULL, claim_token = NULL, claimed_by = NULL,"
        " lease_expires_at = NULL, error_class = 'crash', error_message = 'it crashed'",
        end=where,
    )
    return job


async def call(table: Table, function: str, **values: Any) -> str:
    """Call a control function the way psql does; its answer."""
    return str((await table.rows(f"SELECT reactor.{function}", **values))[0][0])


@pytest.mark.parametrize("where", CANCELLABLE)
async def test_what_is_not_finished_can_be_cancelled(
    worker: Worker, table: Table, where: str
) -> None:
    job = await job_that_is(worker, where)

    assert await call(table, "cancel(%(job)s, 'wrong music')", job=job) == f"job {job} is cancelled"

    assert await table.get(
        job,
        "status",
        "stage",
        "claim_token",
        "claimed_by",
        "lease_expires_at",
        "error_class",
        "error_message",
    ) == ("cancelled", None, None, None, None, "cancelled", "wrong music")
    assert await table.get(job, "completed_at IS NOT NULL")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("publishing", "is being published; it is too late to cancel it"),
        *((end, f"is {end}; only a pending or processing job can be cancelled") for end in ENDS),
    ],
)
async def test_what_is_finished_or_nearly_cannot_be_cancelled(
    worker: Worker, table: Table, where: str, said: str
) -> None:
    job = await job_that_is(worker, where)
    before = await snapshot(table)

    assert await call(table, "cancel(%(job)s)", job=job) == f"job {job} {said}"
    assert await snapshot(table) == before


async def test_a_cancelled_render_ends_its_attempt(worker: Worker, table: Table) -> None:
    job = await worker.bring("rendering")
    async with worker.database.connection() as conn:
        await attempts.save_progress(conn, [(job, 1, 0.5, 1, 2, 1.0)])

    await call(table, "cancel(%(job)s)", job=job)

    ended = "SELECT outcome, will_retry, ended_at IS NOT NULL FROM reactor.attempts"
    assert await table.rows(ended) == [("cancelled", False, True)]
    assert await table.rows("SELECT count(*) FROM reactor.progress") == [(0,)]


async def test_without_a_reason_the_job_says_who_cancelled_it(table: Table) -> None:
    job = await table.insert()

    await call(table, "cancel(%(job)s)", job=job)

    assert await table.get(job, "error_message") == "cancelled by postgres"


async def test_a_failed_job_can_be_retried_by_force_as_if_new(worker: Worker, table: Table) -> None:
    job = await job_that_is(worker, "failed")
    await table.rows(
        "UPDATE actp_gen_jobs"
        " SET retry_count = 3, run_after = 'infinity', completed_at = now(), progress = 50"
    )
    await table.rows(
        "INSERT INTO reactor.alerts (kind, subject, message) VALUES ('job_failed', %(job)s::text, 'm'),"
        " ('job_failed', 'another', 'm')",
        job=job,
    )

    said = await call(table, "retry(%(job)s)", job=job)
    assert (
        said == f"job {job} has used its 3 attempts; retry it with force to give it as many again"
    )
    assert await table.get(job, "status", "retry_count") == ("failed", 3)
    assert await call(table, "retry(%(job)s, true)", job=job) == f"job {job} is pending again"

    assert await table.get(
        job,
        "status",
        "retry_count",
        "progress",
        "error_class",
        "error_message",
        "completed_at",
        "run_after <= now()",
    ) == ("pending", 0, 0, None, None, None, True)
    assert await worker.claim() == [job]
    open_alerts = "SELECT subject FROM reactor.alerts WHERE resolved_at IS NULL"
    assert await table.rows(open_alerts) == [("another",)]


async def test_a_retry_leaves_the_attempts_that_are_left(worker: Worker, table: Table) -> None:
    job = await job_that_is(worker, "failed")
    await table.rows("UPDATE actp_gen_jobs SET retry_count = 2")

    assert await call(table, "retry(%(job)s)", job=job) == f"job {job} is pending again"

    assert await table.get(job, "status", "retry_count") == ("pending", 2)


async def test_approving_makes_a_waiting_job_due(worker: Worker, table: Table) -> None:
    job = await table.insert(approved=False)
    assert await worker.claim() == []

    assert await call(table, "approve(%(job)s)", job=job) == f"job {job} is approved"

    assert await call(table, "approve(%(job)s)", job=job) == f"job {job} is approved already"
    assert await worker.claim() == [job]


async def test_only_a_pending_job_can_be_approved(table: Table) -> None:
    job = await table.insert(approved=False, status="failed")

    said = await call(table, "approve(%(job)s)", job=job)

    assert said == f"job {job} is failed; only a pending job can be approved"


@pytest.mark.parametrize("where", [*STAGES, "pending", "complete", "cancelled"])
async def test_only_a_failed_job_can_be_retried(worker: Worker, table: Table, where: str) -> None:
    job = await job_that_is(worker, where)
    before = await snapshot(table)
    status = "processing" if where in STAGES else where

    said = await call(table, "retry(%(job)s)", job=job)

    assert said == f"job {job} is {status}; only a failed job can be retried"
    assert await snapshot(table) == before


@pytest.mark.parametrize("verb", ["approve", "retry", "cancel"])
async def test_a_job_that_does_not_exist_is_said_so(table: Table, verb: str) -> None:
    assert await call(table, f"{verb}(404)") == "there is no job 404"


async def test_pause_and_resume_hold_for_the_farm(table: Table) -> None:
    paused = []
    for verb in ("pause", "pause", "resume", "resume"):
        await call(table, f"{verb}()")
        paused += await table.rows("SELECT paused FROM reactor.control")

    assert paused == [(True,), (True,), (False,), (False,)]
    assert await table.rows("SELECT array_agg(verb ORDER BY id) FROM reactor.commands") == [
        (["pause", "pause", "resume", "resume"],)
    ]


async def test_there_is_one_farm_to_pause(table: Table) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        await table.rows("INSERT INTO reactor.control DEFAULT VALUES")


async def test_flush_makes_everything_pending_due(worker: Worker, table: Table) -> None:
    waiting = await table.insert(run_after="infinity")
    due = await table.insert()
    unapproved = await table.insert(approved=False, run_after="infinity")
    ended = await table.insert(status="failed", run_after="infinity")

    assert await call(table, "flush()") == "2 pending jobs are due now"

    assert sorted(await worker.claim(10)) == [waiting, due]
    assert await table.get(unapproved, "status", "run_after <= now()") == ("pending", True)
    assert await table.get(ended, "run_after = 'infinity'")


async def test_a_verb_nobody_knows_is_refused_and_leaves_no_trace(table: Table) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="unknown command explode"):
        await table.rows("SELECT reactor.obey('explode', NULL, NULL, 'me', false)")

    assert await table.rows("SELECT count(*) FROM reactor.commands") == [(0,)]
