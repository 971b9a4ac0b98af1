"""What a person should look at: one open alert for the same trouble, whoever sees it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - part of a record's type
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from psycopg.rows import class_row, dict_row, tuple_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from reactor.models import JobId

SQL = statements("alerts")
Reporting = Literal["raised", "resolved", "nothing"]


class Reported(NamedTuple):
    """What a report of trouble or its end has done."""

    outcome: Reporting
    kind: str
    subject: str


class Alert(NamedTuple):
    """Trouble: since when, when it was last seen, and when it was over."""

    id: int
    kind: str
    subject: str
    message: str
    raised_at: datetime
    seen_at: datetime
    resolved_at: datetime | None


async def report_alert(
    conn: AsyncConnection,
    kind: str,
    subject: str,
    *,
    trouble: bool,
    message: str = "",
    known_for_s: float = 0.0,
) -> Reporting:
    """Say what was seen `known_for_s` ago; newer knowledge wins. What this has changed."""
    cursor = await conn.execute(
        SQL["report_alert"],
        {
            "kind": kind,
            "subject": subject,
            "trouble": trouble,
            "message": message,
            "known_for_s": known_for_s,
        },
    )
    row: tuple[Reporting] | None = await cursor.fetchone()
    return row[0] if row else "nothing"


async def report_failed_jobs(conn: AsyncConnection, ids: Sequence[JobId]) -> list[Reported]:
    """Open an alert for each of these jobs that failed for good; the new ones."""
    cursor = await conn.cursor(row_factory=class_row(Reported)).execute(
        SQL["report_failed_jobs"], {"ids": list(ids)}
    )
    return await cursor.fetchall()


async def check_farm(
    conn: AsyncConnection, *, expects_work: bool, watched_for_s: float
) -> list[Reported]:
    """Judge what only the database knows; nothing while another reactor does."""
    cursor = await conn.cursor(row_factory=class_row(Reported)).execute(
        SQL["check_farm"], {"expects_work": expects_work, "watched_for_s": watched_for_s}
    )
    return await cursor.fetchall()


async def alert_if_behind(
    conn: AsyncConnection, target_per_day: int | None
) -> tuple[bool, list[Reported]]:
    """Whether today will have fewer videos than this, or than the farm's own target; what was reported."""
    cursor = await conn.execute(SQL["alert_if_behind"], {"target_per_day": target_per_day})
    rows = await cursor.fetchall()
    return bool(rows and rows[-1][3]), [Reported(*row[:3]) for row in rows]


async def is_renderer_missed(conn: AsyncConnection) -> bool:
    """Whether due jobs wait for a render server and none runs anywhere."""
    cursor = await conn.execute(SQL["is_renderer_missed"])
    [missed] = await cursor.fetchone() or (False,)
    return bool(missed)


async def list_open_alerts(conn: AsyncConnection, *, most: int) -> list[dict[str, Any]]:
    """The open alerts, newest first."""
    cursor = await conn.cursor(row_factory=dict_row).execute(
        SQL["list_open_alerts"], {"most": most}
    )
    return await cursor.fetchall()


async def list_alerts(
    conn: AsyncConnection, *, ended: bool, before: int | None, most: int
) -> list[Alert]:
    """A page of alerts, newest first, below `before`; with `ended` also those that are over."""
    cursor = await conn.cursor(row_factory=class_row(Alert)).execute(
        SQL["list_alerts"], {"ended": ended, "before": before, "most": most}
    )
    return await cursor.fetchall()


async def count_open_alerts(conn: AsyncConnection) -> Mapping[str, int]:
    """How many are open, by kind."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(SQL["count_open_alerts"])
    return dict(await cursor.fetchall())


async def prune_alerts(conn: AsyncConnection, *, keep_days: int) -> int:
    """Forget what has been over for longer; how many rows that were."""
    cursor = await conn.execute(SQL["prune_alerts"], {"keep_days": keep_days})
    return cursor.rowcount
