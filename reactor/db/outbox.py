"""The outbox: every message to a webhook, until it has arrived or was given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row, scalar_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection

SQL = statements("outbox")


class NextTry(NamedTuple):
    """How long until an endpoint's first message is due; at most 0 when it is."""

    webhook_id: int
    wait_s: float


class Message(NamedTuple):
    """A message claimed for one try; `sent_at` in Unix seconds by the database's clock."""

    outbox_id: int
    message_id: str
    webhook_id: int
    event: str
    body: str
    tries: int
    url: str
    secret: str
    sent_at: int


class Delivery(NamedTuple):
    """A message as people look at it."""

    outbox_id: int
    message_id: str
    webhook_id: int
    event: str
    job_id: int | None
    created_at: datetime
    tries: int
    delivered_at: datetime | None
    abandoned_at: datetime | None
    last_status: int | None
    last_error: str | None
    next_try_at: datetime | None


async def find_next_tries(conn: AsyncConnection) -> list[NextTry]:
    """Every enabled endpoint that has something to send, the most urgent first."""
    cursor = await conn.cursor(row_factory=class_row(NextTry)).execute(SQL["find_next_tries"])
    return await cursor.fetchall()


async def claim_message(
    conn: AsyncConnection, webhook_id: int, *, token: UUID, lease_s: float
) -> Message | None:
    """Take an endpoint's next due message for one try; None when there is none."""
    cursor = await conn.cursor(row_factory=class_row(Message)).execute(
        SQL["claim_message"], {"webhook_id": webhook_id, "token": token, "lease_s": lease_s}
    )
    return await cursor.fetchone()


async def record_delivered(
    conn: AsyncConnection, outbox_id: int, token: UUID, *, status: int
) -> bool:
    """It has arrived; False when somebody else has the message by now."""
    cursor = await conn.execute(
        SQL["record_delivered"], {"outbox_id": outbox_id, "token": token, "status": status}
    )
    return cursor.rowcount > 0


async def record_failed(
    conn: AsyncConnection,
    outbox_id: int,
    token: UUID,
    *,
    status: int | None,
    error: str,
    wait_s: float,
) -> bool:
    """Try again after the wait; False when somebody else has the message by now."""
    cursor = await conn.execute(
        SQL["record_failed"],
        {
            "outbox_id": outbox_id,
            "token": token,
            "status": status,
            "error": error,
            "wait_s": wait_s,
        },
    )
    return cursor.rowcount > 0


async def record_abandoned(
    conn: AsyncConnection, outbox_id: int, token: UUID, *, status: int | None, error: str
) -> bool:
    """Give the message up; False when somebody else has it by now."""
    cursor = await conn.execute(
        SQL["record_abandoned"],
        {"outbox_id": outbox_id, "token": token, "status": status, "error": error},
    )
    return cursor.rowcount > 0


async def release_message(conn: AsyncConnection, outbox_id: int, token: UUID) -> bool:
    """Give an unfinished try back; False when somebody else has the message by now."""
    cursor = await conn.execute(SQL["release_message"], {"outbox_id": outbox_id, "token": token})
    return cursor.rowcount > 0


async def postpone_messages(conn: AsyncConnection, webhook_id: int, *, wait_s: float) -> int:
    """Send nothing to the endpoint before the wait is over; how many messages that concerns."""
    cursor = await conn.execute(
        SQL["postpone_messages"], {"webhook_id": webhook_id, "wait_s": wait_s}
    )
    return cursor.rowcount


async def abandon_messages(conn: AsyncConnection, webhook_id: int, *, error: str) -> int:
    """Give up everything that waits for the endpoint; how many messages that was."""
    cursor = await conn.execute(SQL["abandon_messages"], {"webhook_id": webhook_id, "error": error})
    return cursor.rowcount


async def list_deliveries(
    conn: AsyncConnection, webhook_id: int, *, before: int | None = None, most: int
) -> list[Delivery]:
    """An endpoint's messages, the newest first; a page goes on below `before`."""
    cursor = await conn.cursor(row_factory=class_row(Delivery)).execute(
        SQL["list_deliveries"], {"webhook_id": webhook_id, "before": before, "most": most}
    )
    return await cursor.fetchall()


async def list_job_deliveries(conn: AsyncConnection, job_id: int, *, most: int) -> list[Delivery]:
    """The messages about a job, the newest first."""
    cursor = await conn.cursor(row_factory=class_row(Delivery)).execute(
        SQL["list_job_deliveries"], {"job_id": job_id, "most": most}
    )
    return await cursor.fetchall()


async def replay_messages(
    conn: AsyncConnection,
    webhook_id: int,
    *,
    message_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Send one message again, those written in a time, or all that were abandoned; how many."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["replay_messages"],
        {"webhook_id": webhook_id, "message_id": message_id, "since": since, "until": until},
    )
    return int(await cursor.fetchone() or 0)


async def prune_messages(conn: AsyncConnection, *, keep_days: int) -> int:
    """Forget delivered and abandoned messages that are older; how many that were."""
    cursor = await conn.execute(SQL["prune_messages"], {"keep_days": keep_days})
    return cursor.rowcount


async def find_oldest_pending(conn: AsyncConnection) -> float | None:
    """Seconds that the oldest message has waited; None when none waits."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(SQL["find_oldest_pending"])
    age_s: float | None = await cursor.fetchone()
    return age_s
