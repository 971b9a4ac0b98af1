"""Everything that is known of one job: its row, its attempts, and when it may be done and why not sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from reactor.db import evidence
from reactor.db.evidence import Attempt
from reactor.errors import Missing
from reactor.models import JobId, JobStatus, Stage
from reactor.records import JobRecord
from reactor.states import is_active

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from reactor.db.evidence import Wait

ATTEMPTS = 20
"""The latest ones that are shown; an outage can make any number of them."""


class Waiting(BaseModel):
    """Why a pending job does not run yet."""

    model_config = ConfigDict(frozen=True)

    place: int = Field(description="Due jobs that come before it, at most 10000.", examples=[3])
    estimated_start_s: float | None = Field(description="Seconds; null when nobody can know.")
    reason: str = Field(examples=["it waits for a slot behind 3 jobs"])


class Evidence(BaseModel):
    """A job, its latest attempts (the newest first), and its outlook."""

    model_config = ConfigDict(frozen=True)

    job: JobRecord
    attempts: list[Attempt]
    waiting: Waiting | None = Field(description="Null unless it is pending.")
    eta_s: float | None = Field(description="Seconds until it is rendered; null when unknown.")


async def get_evidence(
    conn: AsyncConnection, job_id: int, *, usual_max_rendering: int | None = None
) -> Evidence:
    """Put the evidence together in at most two statements; Missing when there is no such job."""
    found = await evidence.find_evidence(conn, JobId(job_id), most=ATTEMPTS)
    if found is None:
        raise Missing(f"there is no job {job_id}")
    job, attempts = found
    wait = None
    if is_active(job.status):
        wait = await evidence.explain_wait(conn, job.id, usual_most=usual_max_rendering)
    if wait is None:
        return Evidence(job=job, attempts=attempts, waiting=None, eta_s=None)
    if job.status is not JobStatus.PENDING or wait.before is None:
        return Evidence(job=job, attempts=attempts, waiting=None, eta_s=time_left(job, wait))
    start_s = time_to_start(wait)
    waiting = Waiting(place=wait.before, estimated_start_s=start_s, reason=wait.reason)
    return Evidence(job=job, attempts=attempts, waiting=waiting, eta_s=total(start_s, wait))


def time_to_start(wait: Wait) -> float | None:
    """Seconds until a pending job has a slot, if the renders before it take as long as usual."""
    if wait.held:
        return None
    queued_s = 0.0 if not wait.before else per_slot(wait)
    return None if queued_s is None else round(max(wait.due_in_s or 0.0, queued_s), 1)


def per_slot(wait: Wait) -> float | None:
    """Seconds that the jobs before it keep each slot busy."""
    typical_s = wait.usual_s if wait.typical_s is None else wait.typical_s
    return None if typical_s is None else (wait.before or 0) * typical_s / wait.slots


def total(start_s: float | None, wait: Wait) -> float | None:
    """Seconds until a pending job is rendered."""
    if start_s is None or wait.typical_s is None:
        return None
    return round(start_s + wait.typical_s, 1)


def time_left(job: JobRecord, wait: Wait) -> float | None:
    """Seconds until a job in work is rendered: the renderer's own word, else by past renders."""
    if job.stage not in (Stage.CLAIMED, Stage.RENDERING):
        return None
    if job.eta_s is not None:
        return round(job.eta_s, 1)
    if wait.typical_s is None:
        return None
    return round(max(0.0, wait.typical_s - (wait.elapsed_s or 0.0)), 1)
