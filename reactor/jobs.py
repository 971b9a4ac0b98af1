"""The job service: what people and programs may ask of jobs, over any connection.

Every function works inside the caller's transaction when there is one, so that a job exists exactly when
the caller's commit does. The database is the judge; these functions turn its verdicts into errors for
people: Invalid, Missing, Refused, QuotaExceeded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reactor.db import commands, jobs, projects
from reactor.db.commands import Verdict
from reactor.errors import FieldError, Invalid, Missing, QuotaExceeded, Refused
from reactor.models import JobId, JobStatus
from reactor.records import Artefacts, JobRecord, NewJob
from reactor.states import can_transition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

MOST_AT_ONCE = 10_000
PAGE = 50
LONGEST_PAGE = 500
ASKED = ("template_id", "renderer", "format", "quality", "container", "params", "project_id")
ASKED_TOO = ("session_id", "niche", "platform", "audio_path")
NOTHING = Artefacts()


class Created(NamedTuple):
    """A job that was asked for; `is_new` is false when its idempotency key named one that existed."""

    id: JobId
    is_new: bool


class Page(NamedTuple):
    """Jobs, the newest first, and from where to go on; None at the end."""

    jobs: list[JobRecord]
    before: JobId | None


async def create_job(
    conn: AsyncConnection, job: NewJob, *, usual_max_active: int | None = None
) -> Created:
    """Create one job, or find the one its idempotency key names."""
    return (await create_jobs(conn, [job], usual_max_active=usual_max_active))[0]


async def create_jobs(
    conn: AsyncConnection, asked: Sequence[NewJob], *, usual_max_active: int | None = None
) -> list[Created]:
    """Create jobs in the order given, all or none, in one statement.

    `usual_max_active` is how many active jobs a project may have unless its row says otherwise;
    QuotaExceeded when it would have more. Refused when a key was used for another job.
    """
    check_keys(asked)
    if not asked:
        return []
    async with conn.transaction():
        await hold_quotas(conn, asked, usual_max_active)
        inserted = await jobs.create_jobs(conn, asked)
        new_keys = {key: job_id for job_id, key in inserted if key is not None}
        keyless = iter([job_id for job_id, key in inserted if key is None])
        known = await known_keys(conn, asked, new_keys)
        return [
            Created(next(keyless), is_new=True)
            if job.idempotency_key is None
            else Created(known[job.idempotency_key], job.idempotency_key in new_keys)
            for job in asked
        ]


def check_keys(asked: Sequence[NewJob]) -> None:
    """Refuse too many at once, and one key for two jobs."""
    if len(asked) > MOST_AT_ONCE:
        raise Invalid([FieldError("jobs", f"{len(asked)} at once; at most {MOST_AT_ONCE}")])
    keys = [job.idempotency_key for job in asked if job.idempotency_key]
    if len(keys) != len(set(keys)):
        raise Invalid([FieldError("idempotency_key", "names two of the jobs; give each its own")])


async def hold_quotas(
    conn: AsyncConnection, asked: Sequence[NewJob], usual_max_active: int | None
) -> None:
    """Count each project's active jobs while nobody else does; QuotaExceeded when these are too many."""
    for project_id in sorted({job.project_id for job in asked if job.project_id}):
        own = await projects.hold_project(conn, project_id)
        most = usual_max_active if own is None else own
        if most is None:
            continue
        more = sum(job.project_id == project_id for job in asked)
        active = await jobs.count_active(conn, project_id)
        if active + more > most:
            raise QuotaExceeded(
                f"project {project_id} has {active} active jobs and may have {most}; "
                f"{more} more must wait until some have ended"
            )


async def known_keys(
    conn: AsyncConnection, asked: Sequence[NewJob], new_keys: Mapping[str, JobId]
) -> dict[str, JobId]:
    """The job of every key; Refused when an older one is of another job than what is asked now."""
    repeated = {
        job.idempotency_key: job
        for job in asked
        if job.idempotency_key and job.idempotency_key not in new_keys
    }
    known = dict(new_keys)
    for row in await jobs.find_by_keys(conn, list(repeated)) if repeated else ():
        key = row["idempotency_key"]
        again = repeated[key].model_dump(mode="json")
        if other := [name for name in (*ASKED, *ASKED_TOO) if row[name] != again[name]]:
            raise Refused(
                f"idempotency_key '{key}' is job {row['id']}, which has another {', '.join(other)}"
            )
        known[key] = row["id"]
    return known


async def get_job(conn: AsyncConnection, job_id: int) -> JobRecord:
    """Read one job; Missing when there is none."""
    found = await jobs.get_job_records(conn, [JobId(job_id)])
    if not found:
        raise Missing(f"there is no job {job_id}")
    return found[0]


async def list_jobs(
    conn: AsyncConnection,
    *,
    status: str | None = None,
    project_id: str | None = None,
    session_id: str | None = None,
    batch_id: str | None = None,
    before: int | None = None,
    most: int = PAGE,
) -> Page:
    """Jobs that match, the newest first; a page goes on below `before`."""
    if not 1 <= most <= LONGEST_PAGE:
        raise Invalid([FieldError("most", f"is {most}; allowed: 1 to {LONGEST_PAGE}")])
    ids = await jobs.list_jobs(
        conn,
        status=status,
        project_id=project_id,
        session_id=session_id,
        batch_id=batch_id,
        before=before,
        most=most + 1,
    )
    found = await jobs.get_job_records(conn, ids[:most])
    return Page(found, ids[most - 1] if len(ids) > most else None)


async def approve(conn: AsyncConnection, job_id: int, *, given_by: str) -> str:
    """Let a job that waits for approval be rendered; what came of it, as a sentence."""
    return await obey(conn, "approve", job_id, given_by=given_by)


async def retry(conn: AsyncConnection, job_id: int, *, force: bool = False, given_by: str) -> str:
    """Make a failed job pending again; `force` gives one that has used its attempts as many again."""
    return await obey(conn, "retry", job_id, force=force, given_by=given_by)


async def cancel(
    conn: AsyncConnection, job_id: int, *, reason: str | None = None, given_by: str
) -> str:
    """Cancel a job that waits or renders; its renderer is stopped and its file discarded."""
    return await obey(conn, "cancel", job_id, reason=reason, given_by=given_by)


async def obey(conn: AsyncConnection, verb: str, job_id: int, **how: Any) -> str:
    """Give a command; Missing or Refused say why it was not done."""
    outcome = await commands.obey(conn, verb, job_id=JobId(job_id), **how)
    if outcome.verdict is Verdict.MISSING:
        raise Missing(outcome.sentence)
    if outcome.verdict is Verdict.REFUSED:
        raise Refused(outcome.sentence)
    return outcome.sentence


async def transition(
    conn: AsyncConnection,
    job_id: int,
    status: JobStatus,
    *,
    metadata: Mapping[str, Any] | None = None,
    artefacts: Artefacts = NOTHING,
    error_class: str | None = None,
    error_message: str | None = None,
) -> JobRecord:
    """Move a job that is rendered elsewhere, and set the times that belong to the move.

    A reactor that is at work on the job loses it. Refused when the move is not one of `docs/states.md`.
    """
    job = await get_job(conn, job_id)
    allowed = can_transition(job.status, status)
    moved = allowed and await jobs.move_job(
        conn,
        job.id,
        status,
        expected=job.status,
        metadata=metadata or {},
        artefacts=artefacts.model_dump(),
        error_class=error_class,
        error_message=error_message,
    )
    if not moved:
        raise Refused(f"job {job_id} is {job.status}; it cannot become {status}")
    return await get_job(conn, job_id)


async def complete(conn: AsyncConnection, job_id: int, artefacts: Artefacts) -> JobRecord:
    """End a job with what was rendered elsewhere.

    The file is taken at your word. To have it verified and published, drop it into `renders/`
    as `job-<id>.<ext>` instead.
    """
    return await transition(conn, job_id, JobStatus.COMPLETE, artefacts=artefacts)


async def fail(
    conn: AsyncConnection, job_id: int, message: str, *, error_class: str = "crash"
) -> JobRecord:
    """End a job that was rendered elsewhere without a video."""
    return await transition(
        conn, job_id, JobStatus.FAILED, error_class=error_class, error_message=message
    )
