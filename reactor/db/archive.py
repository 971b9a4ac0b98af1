"""Published files on their way into the archive: where each is meant to go, and that it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.errors import UniqueViolation
from psycopg.rows import class_row, scalar_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from psycopg import AsyncConnection

SQL = statements("archive")


class Unarchived(NamedTuple):
    """A published video that lies in the library; `month` is its directory in the archive."""

    publish_id: int
    job_id: int
    output_path: str
    thumbnail_path: str | None
    sha256: str | None
    size_bytes: int | None
    archive_path: str | None
    month: str
    may_be_elsewhere: bool


async def find_unarchived(
    conn: AsyncConnection, *, directory: str, host: str, beyond: int, most: int
) -> list[Unarchived]:
    """Published videos below this directory, in the order of their ids."""
    cursor = await conn.cursor(row_factory=class_row(Unarchived)).execute(
        SQL["find_unarchived"],
        {"directory": directory, "host": host, "beyond": beyond, "most": most},
    )
    return await cursor.fetchall()


async def intend_archiving(conn: AsyncConnection, publish_id: int, path: str) -> bool:
    """Reserve the path; False when it is another's."""
    try:
        async with conn.transaction():
            cursor = await conn.execute(
                SQL["intend_archiving"], {"publish_id": publish_id, "path": path}
            )
            return await cursor.fetchone() is not None
    except UniqueViolation:  # two at once
        return False


async def find_intended_path(conn: AsyncConnection, job_id: int) -> str | None:
    """Where a job's file is on its way to, or is."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["find_intended_path"], {"job_id": job_id}
    )
    path: str | None = await cursor.fetchone()
    return path


async def lock_for_archiving(conn: AsyncConnection, publish_id: int, path: str | None) -> bool:
    """Hold the row; False when somebody else has it in hand, or has moved the file, or means it elsewhere."""
    cursor = await conn.execute(SQL["lock_for_archiving"], {"publish_id": publish_id, "path": path})
    return await cursor.fetchone() is not None


async def confirm_archived(
    conn: AsyncConnection,
    found: Unarchived,
    *,
    output_path: str,
    thumbnail_path: str | None,
) -> None:
    """Let the job and the payload follow the files."""
    await conn.execute(
        SQL["confirm_archived"],
        {
            "publish_id": found.publish_id,
            "job_id": found.job_id,
            "source": found.output_path,
            "output_path": output_path,
            "thumbnail_path": thumbnail_path,
        },
    )


async def give_up_archiving(conn: AsyncConnection, publish_id: int, reason: str) -> None:
    """Look for this file no more."""
    await conn.execute(SQL["give_up_archiving"], {"publish_id": publish_id, "reason": reason})


async def settle_elsewhere(conn: AsyncConnection, directory: str) -> int:
    """Let files that no reactor made stay where they are; how many those were."""
    cursor = await conn.execute(SQL["settle_elsewhere"], {"directory": directory})
    return cursor.rowcount
