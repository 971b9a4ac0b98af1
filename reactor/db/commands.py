"""Control: the SQL function that does the deed, who sent a NOTIFY, and the answer."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import scalar_row, tuple_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from reactor.models import JobId

SQL = statements("commands")


class Verdict(StrEnum):
    """Whether it was done, or why not."""

    DONE = "done"
    MISSING = "missing"
    REFUSED = "refused"


class Outcome(NamedTuple):
    """What came of a command; the sentence is for people."""

    verdict: Verdict
    sentence: str


class Sender(NamedTuple):
    """The role behind a backend, and whether it may command."""

    role: str
    may_command: bool


async def obey(
    conn: AsyncConnection,
    verb: str,
    *,
    job_id: JobId | None = None,
    reason: str | None = None,
    force: bool = False,
    given_by: str,
) -> Outcome:
    """Do what was asked, write it down, and say in one sentence what came of it."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["obey"],
        {
            "verb": verb,
            "job_id": job_id,
            # Postgres text cannot hold NUL.
            "reason": reason and reason.replace("\0", ""),
            "given_by": given_by,
            "force": force,
        },
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a function always answers
    return Outcome(Verdict(row[0]), row[1])


async def find_sender(conn: AsyncConnection, pid: int) -> Sender | None:
    """Look up who is behind this backend; None when it is gone and so cannot be trusted."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(SQL["find_sender"], {"pid": pid})
    row = await cursor.fetchone()
    return Sender(*row) if row else None


async def reply(conn: AsyncConnection, payload: str) -> None:
    """Answer on `reactor_reply`."""
    await conn.execute(SQL["reply"], {"payload": payload})


async def is_paused(conn: AsyncConnection) -> bool:
    """Whether nothing may be claimed."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(SQL["is_paused"])
    return bool(await cursor.fetchone())
