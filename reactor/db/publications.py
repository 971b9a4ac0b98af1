"""Where files are meant to go: written before a file is moved, read after a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection

    from reactor.models import JobId

SQL = statements("publications")


async def intend_publication(
    conn: AsyncConnection, job_id: JobId, artifact: Mapping[str, Any]
) -> bool:
    """Reserve `artifact["path"]` for this job; False when the name is another job's."""
    cursor = await conn.execute(SQL["intend_publication"], {**artifact, "job_id": job_id})
    return await cursor.fetchone() is not None


async def find_intention(conn: AsyncConnection, job_id: JobId) -> dict[str, Any] | None:
    """Read where this job's file was about to go when its publication was interrupted."""
    cursor = await conn.cursor(row_factory=dict_row).execute(
        SQL["find_intention"], {"job_id": job_id}
    )
    return await cursor.fetchone()


async def withdraw_intention(conn: AsyncConnection, job_id: JobId, path: str) -> None:
    """Free the name again."""
    await conn.execute(SQL["withdraw_intention"], {"job_id": job_id, "path": path})


async def confirm_publication(conn: AsyncConnection, job_id: JobId, path: str) -> None:
    """The file is in its place."""
    await conn.execute(SQL["confirm_publication"], {"job_id": job_id, "path": path})
