"""What a person should look at: one open alert for the same trouble, whoever sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

    from reactor.models import JobId

SQL = statements("alerts")


async def raise_alert(conn: AsyncConnection, kind: str, subject: str, message: str) -> bool:
    """Open an alert unless it is open already; True when it is new."""
    cursor = await conn.execute(
        SQL["raise_alert"], {"kind": kind, "subject": subject, "message": message}
    )
    return await cursor.fetchone() is not None


async def raise_job_alerts(conn: AsyncConnection, ids: Sequence[JobId]) -> int:
    """Open an alert for each of these jobs that failed for good; how many are new."""
    cursor = await conn.execute(SQL["raise_job_alerts"], {"ids": list(ids)})
    return cursor.rowcount


async def resolve_alert(conn: AsyncConnection, kind: str, subject: str) -> None:
    """The trouble is over."""
    await conn.execute(SQL["resolve_alert"], {"kind": kind, "subject": subject})


async def list_open_alerts(conn: AsyncConnection, *, most: int) -> list[dict[str, Any]]:
    """The open alerts, newest first."""
    cursor = await conn.cursor(row_factory=dict_row).execute(
        SQL["list_open_alerts"], {"most": most}
    )
    return await cursor.fetchall()
