"""The render cache: which finished job drew the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg import AsyncConnection

    from reactor.models import JobId

SQL = statements("cache")


class Equal(NamedTuple):
    """A complete job that drew the same, and its file."""

    id: JobId
    output_path: str
    size_bytes: int | None
    frames: int | None
    version: str | None


async def find_equal(conn: AsyncConnection, cache_key: str) -> Equal | None:
    """Find a finished job with this key."""
    cursor = await conn.cursor(row_factory=class_row(Equal)).execute(
        SQL["find_equal"], {"cache_key": cache_key}
    )
    return await cursor.fetchone()


async def note_key(
    conn: AsyncConnection,
    job_id: JobId,
    token: UUID,
    *,
    cache_key: str,
    cached_from: JobId | None = None,
    frames: int | None = None,
) -> bool:
    """Write the key to the job, if the attempt is still ours."""
    cursor = await conn.execute(
        SQL["note_key"],
        {
            "id": job_id,
            "token": token,
            "cache_key": cache_key,
            "cached_from": cached_from,
            "frames": frames,
        },
    )
    return await cursor.fetchone() is not None


async def confirm_key(
    conn: AsyncConnection,
    job_id: JobId,
    *,
    attempt: int,
    cache_key: str,
    version: str | None = None,
    frames: int | None = None,
) -> None:
    """Let equal jobs find what that attempt has drawn, and by whom, if the job still has its picture."""
    await conn.execute(
        SQL["confirm_key"],
        {
            "id": job_id,
            "attempt": attempt,
            "cache_key": cache_key,
            "version": version,
            "frames": frames,
        },
    )
