"""The log of what was announced, with a cursor that misses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row, tuple_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import AsyncConnection

SQL = statements("events")


class Cursor(NamedTuple):
    """A place in the log: after this transaction's row with this id."""

    xid: str
    id: int


class Logged(NamedTuple):
    """One announcement: what happened to which jobs."""

    xid: str
    id: int
    at: datetime
    event: str
    job_ids: list[int]


async def read_events(conn: AsyncConnection, after: Cursor, *, most: int) -> list[Logged]:
    """Read on after a place, in an order in which nothing appears later in between."""
    cursor = await conn.cursor(row_factory=class_row(Logged)).execute(
        SQL["read_events"], {"xid": after.xid, "id": after.id, "most": most}
    )
    return await cursor.fetchall()


async def find_end(conn: AsyncConnection) -> Cursor:
    """The place from which only what is yet to come is read."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(SQL["find_end"])
    row = await cursor.fetchone()
    return Cursor(*row) if row else Cursor("0", 0)


async def prune_events(conn: AsyncConnection, *, keep_days: int) -> int:
    """Forget what is older; how many rows that were."""
    cursor = await conn.execute(SQL["prune_events"], {"keep_days": keep_days})
    return cursor.rowcount
