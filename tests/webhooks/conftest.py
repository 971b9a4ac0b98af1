"""A receiver, a way out that may reach it, and an outbox to fill."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.db.webhooks import add_webhook
from reactor.egress import open_egress
from reactor.loops.deliver import Deliver
from reactor.settings import load
from reactor.webhooks import ENDS
from tests.webhooks.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reactor.db.pool import Database
    from reactor.egress import Egress
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Table

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHORT_WAITS_S = (0.05,) * 9
TRY_S, LEASE_S = 600.0, 3600.0
"""A machine that stands still ends no try and loses no claim."""


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody who wants to be told."""
    async with receiving() as opened:
        yield opened


@pytest.fixture
def reaching_here() -> Settings:
    """Settings with which this machine may be reached."""
    return load(egress_allow=("127.0.0.1",))


@pytest.fixture
async def egress(reaching_here: Settings) -> AsyncIterator[Egress]:
    """The way out, open to this machine."""
    async with open_egress(reaching_here) as opened:
        yield opened


class Post:
    """The outbox, as the database's triggers fill it, and the loops that empty it."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        observe: Observer,
        egress: Egress,
        table: Table,
    ) -> None:
        self.settings = settings
        self.database = database
        self.observe = observe
        self.egress = egress
        self.table = table

    async def webhook(self, url: str, secret: str = SECRET) -> int:
        """Register an endpoint."""
        async with self.database.connection() as conn:
            made = await add_webhook(conn, url=url, secret=secret, project_id=None, events=ENDS)
        return made.webhook_id

    async def write(
        self, webhook_id: int, body: str = '{"type":"job.complete"}', **more: Any
    ) -> int:
        """A message, due at once."""
        row = {"webhook_id": webhook_id, "event": "job.complete", "body": body, **more}
        names, values = ", ".join(row), ", ".join(f"%({name})s" for name in row)
        found = await self.table.rows(
            f"INSERT INTO reactor.outbox ({names}) VALUES ({values}) RETURNING outbox_id", **row
        )
        return int(found[0][0])

    async def get(self, outbox_id: int, *columns: str) -> Any:
        """A column's value, or several as a tuple."""
        [row] = await self.table.rows(
            f"SELECT {', '.join(columns)} FROM reactor.outbox WHERE outbox_id = %(id)s",
            id=outbox_id,
        )
        return row[0] if len(columns) == 1 else row

    async def until(self, outbox_id: int, condition: str) -> None:
        """Wait until it is true of a message."""
        await self.table.until(
            f"{condition} FROM reactor.outbox WHERE outbox_id = %(id)s", id=outbox_id
        )

    async def alerts(self) -> list[str]:
        """The subjects of the open alerts about webhooks."""
        rows = await self.table.rows(
            "SELECT subject FROM reactor.alerts WHERE kind = 'webhook_failed' AND resolved_at IS NULL"
        )
        return [subject for (subject,) in rows]

    def deliverer(self, **how: Any) -> Deliver:
        """A loop that does not wait for long."""
        how = {"waits_s": SHORT_WAITS_S, "try_s": TRY_S, "lease_s": LEASE_S, **how}
        return Deliver(self.settings, self.database, self.observe, self.egress, **how)

    @asynccontextmanager
    async def delivering(self, **how: Any) -> AsyncIterator[Deliver]:
        """A loop at work."""
        deliver = self.deliverer(**how)
        async with anyio.create_task_group() as tg:
            await tg.start(deliver.run)
            yield deliver
            tg.cancel_scope.cancel()


@pytest.fixture
def post(
    settings: Settings, database: Database, observer: Observer, egress: Egress, table: Table
) -> Post:
    """Everything between the outbox and the receiver."""
    return Post(settings, database, observer, egress, table)
