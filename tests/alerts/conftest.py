"""What is said of alerts, to whom, and by whom."""

from __future__ import annotations

import json
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import psycopg
import pytest

from reactor.db import alerts
from reactor.db.webhooks import add_webhook
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from reactor.db.pool import Database
    from tests.fix_reactor import Table

BOTH = ("alert.raised", "alert.resolved")


class Bell:
    """A plain session that listens for alerts."""

    def __init__(self, conn: psycopg.AsyncConnection[Any]) -> None:
        self.conn = conn

    async def rung(self) -> list[tuple[str, str, bool]]:
        """Kind, subject and whether it is over, of all since the last call: our own word comes after them."""
        end = uuid4().hex
        await self.conn.execute("SELECT pg_notify('end_of_test', %s)", (end,))
        heard: list[tuple[str, str, bool]] = []
        with anyio.fail_after(PATIENCE_S):
            async with aclosing(self.conn.notifies()) as notes:
                async for note in notes:
                    if note.payload == end:
                        return heard
                    said = json.loads(note.payload)
                    heard.append((said["kind"], said["subject"], said["resolved"]))
        raise AssertionError("the connection has ended")


@asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[Bell]:
    """Ears that are open before anything happens."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute("LISTEN reactor_alerts")
        await conn.execute("LISTEN end_of_test")
        yield Bell(conn)


@pytest.fixture
async def bell(dsn: str) -> AsyncIterator[Bell]:
    """What everybody who listens hears."""
    async with listening(dsn) as opened:
        yield opened


class Desk:
    """Reports, and looks at what has come of them."""

    def __init__(self, database: Database, table: Table) -> None:
        self.database = database
        self.table = table

    async def report(
        self, kind: str = "renderer_down", subject: str = "here", *, trouble: bool, **more: Any
    ) -> str:
        """Say it as a reactor does."""
        async with self.database.connection() as conn:
            return await alerts.report_alert(conn, kind, subject, trouble=trouble, **more)

    async def check(
        self, *, expects_work: bool = False, watched_for_s: float = 0
    ) -> list[tuple[str, str, str]]:
        """What the database finds by itself."""
        async with self.database.connection() as conn:
            found = await alerts.check_farm(
                conn, expects_work=expects_work, watched_for_s=watched_for_s
            )
        return [(one.outcome, one.kind, one.subject) for one in found]

    async def rows(self, kind: str | None = None) -> list[tuple[str, str, bool]]:
        """Kind, subject and whether it is open, the oldest first."""
        return await self.table.rows(
            "SELECT kind, subject, resolved_at IS NULL FROM reactor.alerts"
            " WHERE kind = coalesce(%(kind)s, kind) ORDER BY id",
            kind=kind,
        )

    async def webhook(self, *, project: str | None = None, events: Sequence[str] = BOTH) -> int:
        """An endpoint that nothing is sent to."""
        async with self.database.connection() as conn:
            made = await add_webhook(
                conn,
                url="http://127.0.0.1:1/hooks",
                secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                project_id=project,
                events=tuple(events),
            )
        return made.webhook_id

    async def posted(self) -> list[tuple[int, str, str]]:
        """Webhook, event and subject of every message, in the order they were written."""
        return await self.table.rows(
            "SELECT webhook_id, event, body::json #>> '{data,subject}' FROM reactor.outbox ORDER BY outbox_id"
        )

    async def failed_job(self, **columns: Any) -> int:
        """A job that a renderer could not draw, failed by hand and noticed by nobody."""
        return await self.table.insert(
            status="failed", attempt=1, completed_at="now", error_message="no", **columns
        )


@pytest.fixture
def desk(database: Database, table: Table) -> Desk:
    """Where alerts are reported."""
    return Desk(database, table)
