"""What a flush is about, what becomes of it, and who asked for the renderer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row

from reactor.db.statements import statements
from reactor.models import JobId  # noqa: TC001 - a row class reads it at run time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

SQL = statements("flush")


class Waiting(NamedTuple):
    """What is pending and approved; `ids` are the first of it in the order of the claims."""

    pending: int
    ids: list[JobId]
    paused: bool


class Ended(NamedTuple):
    """A job that has ended; its status is `gone` when somebody deleted the row."""

    id: JobId
    niche: str | None
    platform: str | None
    template_id: str | None
    status: str
    output_path: str | None
    error_class: str | None
    error_message: str | None
    seconds: float | None


class Prospect(NamedTuple):
    """Whether jobs can be expected to move; `attended` says that a reactor runs."""

    paused: bool
    attended: bool
    in_work: int


async def find_waiting(conn: AsyncConnection, *, most: int) -> Waiting:
    """Look at what is pending and approved, naming at most so many jobs."""
    cursor = await conn.cursor(row_factory=class_row(Waiting)).execute(
        SQL["find_waiting"], {"most": most}
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a query without FROM always answers
    return row


async def find_ended(conn: AsyncConnection, ids: Sequence[JobId]) -> list[Ended]:
    """Those of the jobs that have ended, in the order in which they did."""
    cursor = await conn.cursor(row_factory=class_row(Ended)).execute(
        SQL["find_ended"], {"ids": list(ids)}
    )
    return await cursor.fetchall()


async def find_prospect(conn: AsyncConnection, ids: Sequence[JobId]) -> Prospect:
    """Whether these jobs can be expected to move."""
    cursor = await conn.cursor(row_factory=class_row(Prospect)).execute(
        SQL["find_prospect"], {"ids": list(ids)}
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a query without FROM always answers
    return row


async def note_start(conn: AsyncConnection, *, given_by: str) -> None:
    """Write down that somebody asked for the renderer."""
    await conn.execute(SQL["note_start"], {"given_by": given_by})
