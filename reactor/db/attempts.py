"""Work on jobs: every step of an attempt is one guarded statement of `sql/queries/attempts.sql`.

An empty answer means that somebody else was first or the lease is gone: return quietly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row, scalar_row, tuple_row

from reactor.db.statements import statements
from reactor.models import Job, JobId, JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from psycopg import AsyncConnection

SQL = statements("attempts")


class Claim(NamedTuple):
    """One job taken, with the token that every later write must show."""

    id: JobId
    renderer: str
    token: UUID


class Ahead(NamedTuple):
    """What a claim did not take: names of renderers nobody has, and seconds to the next due job."""

    unroutable: list[str]
    next_due_s: float | None


class Ended(NamedTuple):
    """What became of a job whose attempt failed: its status, and how long it waits."""

    status: JobStatus
    wait_s: float


async def claim_next_jobs(
    conn: AsyncConnection,
    slots: Mapping[str, int],
    *,
    reactor_id: UUID,
    token: UUID,
    lease_s: float,
    project_max_rendering: int | None = None,
) -> list[Claim]:
    """Take as many due jobs as there are slots; no project has more than its most rendering."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["claim_next_jobs"],
        {
            "renderers": list(slots),
            "slots": list(slots.values()),
            "reactor_id": reactor_id,
            "token": token,
            "lease_s": lease_s,
            "project_max_rendering": project_max_rendering,
        },
    )
    return [Claim(*row) for row in await cursor.fetchall()]


async def look_ahead(conn: AsyncConnection, renderers: Sequence[str]) -> Ahead:
    """See what the last claim left behind."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["look_ahead"], {"renderers": list(renderers)}
    )
    row = await cursor.fetchone()
    return Ahead(*row) if row else Ahead([], None)


async def begin_rendering(conn: AsyncConnection, job_id: JobId, token: UUID) -> Job | None:
    """Start the attempt and read the job."""
    cursor = await conn.cursor(row_factory=class_row(Job)).execute(
        SQL["begin_rendering"], {"id": job_id, "token": token}
    )
    return await cursor.fetchone()


async def mark_rendered(
    conn: AsyncConnection,
    job_id: JobId,
    token: UUID,
    *,
    output_path: str,
    attempt: int | None = None,
    version: str | None = None,
    frames: int | None = None,
    log: str | None = None,
) -> bool:
    """Write down that the file is there, and what the renderer says of it.

    With `attempt`, its own one, the latter also when somebody else was first with the former.
    """
    cursor = await conn.execute(
        SQL["mark_rendered"],
        {
            "id": job_id,
            "token": token,
            "output_path": output_path,
            "attempt": attempt,
            "version": version,
            "frames": frames,
            "log": log,
        },
    )
    return await cursor.fetchone() is not None


async def adopt_output(
    conn: AsyncConnection,
    job_id: JobId,
    *,
    attempt: int | None,
    output_path: str,
    reactor_id: UUID,
    token: UUID,
    lease_s: float,
) -> bool:
    """Take a finished file for its job; `attempt` is None for one dropped by hand."""
    cursor = await conn.execute(
        SQL["adopt_output"],
        {
            "id": job_id,
            "attempt": attempt,
            "output_path": output_path,
            "reactor_id": reactor_id,
            "token": token,
            "lease_s": lease_s,
        },
    )
    return await cursor.fetchone() is not None


async def begin_publishing(conn: AsyncConnection, job_id: JobId, reactor_id: UUID) -> Job | None:
    """Take a rendered job of this reactor into hand; `frames` is what its renderer said."""
    cursor = await conn.cursor(row_factory=class_row(Job)).execute(
        SQL["begin_publishing"], {"id": job_id, "reactor_id": reactor_id}
    )
    return await cursor.fetchone()


async def lock_for_publishing(conn: AsyncConnection, job_id: JobId, token: UUID) -> bool:
    """Hold the row until the transaction ends, if the lease is still ours."""
    cursor = await conn.execute(SQL["lock_for_publishing"], {"id": job_id, "token": token})
    return await cursor.fetchone() is not None


async def complete_job(
    conn: AsyncConnection, job_id: JobId, token: UUID, artifact: Mapping[str, Any]
) -> bool:
    """End the job with its file; `artifact` has the keys of a publication and `output_path`."""
    cursor = await conn.execute(SQL["complete_job"], {**artifact, "id": job_id, "token": token})
    return await cursor.fetchone() is not None


async def complete_dry_runs(conn: AsyncConnection, ids: Sequence[JobId], token: UUID) -> int:
    """End jobs that draw nothing; how many were still ours."""
    cursor = await conn.execute(SQL["complete_dry_runs"], {"ids": list(ids), "token": token})
    return cursor.rowcount


async def fail_attempt(
    conn: AsyncConnection,
    job_id: JobId,
    token: UUID,
    *,
    error_class: str,
    error_message: str,
    charged: bool,
    may_retry: bool,
    delay_s: float,
    version: str | None = None,
    frame: int | None = None,
    log: str | None = None,
) -> Ended | None:
    """End the attempt; the job waits for its next one or has failed. `frame` is how far it came."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["fail_attempt"],
        {
            "id": job_id,
            "token": token,
            "error_class": error_class,
            # Postgres text cannot hold NUL, and a traceback is not a message.
            "error_message": error_message.replace("\0", "")[:4000],
            "charged": charged,
            "may_retry": may_retry,
            "delay_s": delay_s,
            "version": version,
            "frame": frame,
            "log": log,
        },
    )
    row = await cursor.fetchone()
    return Ended(JobStatus(row[0]), row[1]) if row else None


async def release_jobs(conn: AsyncConnection, held: Mapping[JobId, UUID]) -> list[JobId]:
    """Give these leases back; the jobs are pending again and nothing was charged."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(SQL["release_jobs"], pairs(held))
    return await cursor.fetchall()


async def renew_leases(
    conn: AsyncConnection, held: Mapping[JobId, UUID], *, lease_s: float
) -> set[JobId]:
    """Prolong every lease; the answer is what is still ours."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["renew_leases"], {**pairs(held), "lease_s": lease_s}
    )
    return set(await cursor.fetchall())


async def save_progress(conn: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write (id, attempt, fraction, frames, total frames, seconds left) of everything that moved."""
    columns = ("ids", "attempts", "fractions", "rendered", "totals", "etas")
    await conn.execute(
        SQL["save_progress"],
        dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True)),
    )


async def clear_progress(conn: AsyncConnection) -> None:
    """Forget the progress of what is not being rendered any more."""
    await conn.execute(SQL["clear_progress"])


async def take_back_expired_jobs(
    conn: AsyncConnection, *, ours: Sequence[JobId]
) -> list[tuple[JobId, JobStatus]]:
    """Free the jobs of dead reactors: each is pending again, or failed as poison."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["take_back_expired_jobs"], {"ours": list(ours)}
    )
    return [(JobId(row[0]), JobStatus(row[1])) for row in await cursor.fetchall()]


async def take_over_outputs(
    conn: AsyncConnection, *, ours: Sequence[JobId], reactor_id: UUID, token: UUID, lease_s: float
) -> list[JobId]:
    """Take the finished files of dead reactors over."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["take_over_outputs"],
        {"ours": list(ours), "reactor_id": reactor_id, "token": token, "lease_s": lease_s},
    )
    return await cursor.fetchall()


async def find_unfinished_outputs(
    conn: AsyncConnection, *, ours: Sequence[JobId], reactor_id: UUID
) -> list[JobId]:
    """Find rendered jobs of this reactor that nobody works on."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["find_unfinished_outputs"], {"ours": list(ours), "reactor_id": reactor_id}
    )
    return await cursor.fetchall()


async def find_stopped_jobs(conn: AsyncConnection, held: Mapping[JobId, UUID]) -> list[JobId]:
    """Find jobs that run here although the table has moved on."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["find_stopped_jobs"], pairs(held)
    )
    return await cursor.fetchall()


async def find_cancelled_jobs(
    conn: AsyncConnection, ids: Sequence[JobId]
) -> list[tuple[JobId, str | None]]:
    """Find which of these were cancelled after a claim, and where their finished file lies, if anywhere."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["find_cancelled_jobs"], {"ids": list(ids)}
    )
    return await cursor.fetchall()


def pairs(held: Mapping[JobId, UUID]) -> dict[str, list[Any]]:
    """Ids and tokens as the two arrays that statements unnest."""
    return {"ids": list(held), "tokens": list(held.values())}
