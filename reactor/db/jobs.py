"""Jobs as people and programs ask for them: create, look at, move, count.

What works on them is in `attempts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row, dict_row, scalar_row, tuple_row
from psycopg.types.json import Jsonb

from reactor.db.statements import statements
from reactor.records import JobRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from reactor.models import JobId, JobStatus
    from reactor.records import NewJob

SQL = statements("jobs")


async def create_jobs(
    conn: AsyncConnection, jobs: Sequence[NewJob]
) -> list[tuple[JobId, str | None]]:
    """Insert jobs; id and key of each that was new, in the order given."""
    rows = [job.model_dump(mode="json") for job in jobs]
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["create_jobs"], {"jobs": Jsonb(rows)}
    )
    return await cursor.fetchall()


async def find_by_keys(conn: AsyncConnection, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Find the jobs of these idempotency keys."""
    cursor = await conn.cursor(row_factory=dict_row).execute(
        SQL["find_by_keys"], {"keys": list(keys)}
    )
    return await cursor.fetchall()


async def get_job_records(conn: AsyncConnection, ids: Sequence[JobId]) -> list[JobRecord]:
    """Read everything about these jobs, the newest first."""
    cursor = await conn.cursor(row_factory=class_row(JobRecord)).execute(
        SQL["get_job_records"], {"ids": list(ids)}
    )
    return await cursor.fetchall()


async def list_jobs(
    conn: AsyncConnection,
    *,
    status: str | None = None,
    project_id: str | None = None,
    session_id: str | None = None,
    batch_id: str | None = None,
    before: int | None = None,
    most: int,
) -> list[JobId]:
    """The ids of matching jobs, the newest first, all below `before`."""
    # Planned anew each time, because which index is the right one depends on what was asked.
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["list_jobs"],
        {
            "status": status,
            "project_id": project_id,
            "session_id": session_id,
            "batch_id": batch_id,
            "before": before,
            "most": most,
        },
        prepare=False,
    )
    return await cursor.fetchall()


async def count_active(conn: AsyncConnection, project_id: str) -> int:
    """Count a project's pending and processing jobs."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["count_active"], {"project_id": project_id}
    )
    count: int | None = await cursor.fetchone()
    return count or 0


async def move_job(
    conn: AsyncConnection,
    job_id: JobId,
    status: JobStatus,
    *,
    expected: JobStatus,
    metadata: Mapping[str, Any],
    artefacts: Mapping[str, Any],
    error_class: str | None = None,
    error_message: str | None = None,
) -> bool:
    """Move a job from the expected status; `artefacts` has every key of `records.Artefacts`."""
    cursor = await conn.execute(
        SQL["move_job"],
        {
            **artefacts,
            "id": job_id,
            "status": status,
            "expected": expected,
            "metadata": Jsonb(dict(metadata)),
            "error_class": error_class,
            "error_message": error_message and error_message.replace("\0", "")[:4000],
        },
    )
    return await cursor.fetchone() is not None


async def get_jobs(conn: AsyncConnection, ids: Sequence[JobId]) -> list[dict[str, Any]]:
    """Read these jobs as people look at them; `progress` is 0–100, times are in seconds."""
    cursor = await conn.cursor(row_factory=dict_row).execute(SQL["get_jobs"], {"ids": list(ids)})
    return await cursor.fetchall()


async def find_recent_jobs(conn: AsyncConnection, *, most: int) -> list[JobId]:
    """The ids of what is in work, what waits and what ended last, at most `most` of each."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["find_recent_jobs"], {"most": most}
    )
    return await cursor.fetchall()


async def get_job_stats(conn: AsyncConnection) -> dict[str, Any]:
    """Count the jobs by state; `oldest_due_s` is how long the longest-waiting due job has waited."""
    cursor = await conn.cursor(row_factory=dict_row).execute(SQL["get_job_stats"])
    row = await cursor.fetchone()
    return dict(row) if row else {}
