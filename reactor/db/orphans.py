"""Files in the render directory, and the jobs they are named after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import dict_row, tuple_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

    from reactor.models import JobId

SQL = statements("orphans")


class Orphan(NamedTuple):
    """A file that belongs to no job, and why."""

    path: str
    size_bytes: int
    modified_at: datetime
    reason: str


class KnownJob(NamedTuple):
    """As much of a job as decides what its file is."""

    id: JobId
    status: str
    stage: str | None
    attempt: int


async def list_orphans(conn: AsyncConnection, *, most: int) -> list[dict[str, Any]]:
    """Files that belong to no job, the latest first."""
    cursor = await conn.cursor(row_factory=dict_row).execute(SQL["list_orphans"], {"most": most})
    return await cursor.fetchall()


async def replace_orphans(conn: AsyncConnection, directory: str, found: Sequence[Orphan]) -> None:
    """Write down what the last full scan of this directory found."""
    await conn.execute(
        SQL["replace_orphans"],
        {
            "directory": directory,
            "paths": [orphan.path for orphan in found],
            "sizes": [orphan.size_bytes for orphan in found],
            "modified": [orphan.modified_at for orphan in found],
            "reasons": [orphan.reason for orphan in found],
        },
    )


async def find_known_jobs(conn: AsyncConnection, ids: Sequence[JobId]) -> list[KnownJob]:
    """What the table says of the jobs these files are named after."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["find_known_jobs"], {"ids": list(ids)}
    )
    return [KnownJob(*row) for row in await cursor.fetchall()]
