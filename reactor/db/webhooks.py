"""Webhooks: who is told of which events. Secrets are written here and read only to sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

SQL = statements("webhooks")


class Webhook(NamedTuple):
    """An endpoint as people see it; what waits is counted only where endpoints are listed."""

    webhook_id: int
    url: str
    project_id: str | None
    events: list[str]
    enabled: bool
    disabled_reason: str | None
    created_at: datetime
    waiting: int = 0
    oldest_s: float | None = None


async def add_webhook(
    conn: AsyncConnection,
    *,
    url: str,
    secret: str,
    project_id: str | None,
    events: Sequence[str],
) -> Webhook:
    """Register an endpoint for a project's jobs, or for all."""
    given = {"url": url, "secret": secret, "project_id": project_id, "events": list(events)}
    cursor = await conn.cursor(row_factory=class_row(Webhook)).execute(SQL["add_webhook"], given)
    [made] = await cursor.fetchall()
    return made


async def list_webhooks(conn: AsyncConnection) -> list[Webhook]:
    """Every endpoint, with the number of messages that wait and the age of the oldest."""
    cursor = await conn.cursor(row_factory=class_row(Webhook)).execute(SQL["list_webhooks"])
    return await cursor.fetchall()


async def get_webhook(conn: AsyncConnection, webhook_id: int) -> Webhook | None:
    """One endpoint."""
    cursor = await conn.cursor(row_factory=class_row(Webhook)).execute(
        SQL["get_webhook"], {"webhook_id": webhook_id}
    )
    return await cursor.fetchone()


async def remove_webhook(conn: AsyncConnection, webhook_id: int) -> bool:
    """Forget an endpoint and its messages; whether there was one."""
    cursor = await conn.execute(SQL["remove_webhook"], {"webhook_id": webhook_id})
    return cursor.rowcount > 0


async def enable_webhook(conn: AsyncConnection, webhook_id: int) -> bool:
    """Send to it again; whether there is one."""
    cursor = await conn.execute(SQL["enable_webhook"], {"webhook_id": webhook_id})
    return cursor.rowcount > 0


async def disable_webhook(conn: AsyncConnection, webhook_id: int, *, reason: str) -> bool:
    """Send nothing more to it; whether it was enabled."""
    cursor = await conn.execute(
        SQL["disable_webhook"], {"webhook_id": webhook_id, "reason": reason}
    )
    return cursor.rowcount > 0


async def keep_managed_webhook(
    conn: AsyncConnection,
    *,
    managed_as: str,
    url: str,
    secret: str | None,
    made_up: str,
    events: Sequence[str],
    reason: str,
) -> bool:
    """Let the endpoint that a setting stands for be as it says; whether anything has changed.

    Without a secret it keeps its own, or gets the one that was made up. `reason` is why it was disabled
    when the setting was not there.
    """
    cursor = await conn.execute(
        SQL["keep_managed_webhook"],
        {
            "managed_as": managed_as,
            "url": url,
            "secret": secret,
            "made_up": made_up,
            "events": list(events),
            "reason": reason,
        },
    )
    return await cursor.fetchone() is not None


async def drop_managed_webhook(conn: AsyncConnection, *, managed_as: str, reason: str) -> bool:
    """Disable the endpoint that a setting stood for; whether there was one."""
    cursor = await conn.execute(
        SQL["drop_managed_webhook"], {"managed_as": managed_as, "reason": reason}
    )
    return cursor.rowcount > 0
