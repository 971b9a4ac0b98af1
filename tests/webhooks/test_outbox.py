"""The statements of the outbox: who may do what to a message, and what is asked about them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio

from reactor.db import outbox, webhooks

if TYPE_CHECKING:
    from tests.webhooks.conftest import Post

URL = "https://example.com/hooks"


async def test_a_message_is_claimed_once(post: Post) -> None:
    webhook = await post.webhook(URL)
    await post.write(webhook)

    async def claim(taken: list[Any]) -> None:
        async with post.database.connection() as conn:
            taken.append(await outbox.claim_message(conn, webhook, token=uuid4(), lease_s=60))

    for _ in range(5):
        await post.table.rows("UPDATE reactor.outbox SET next_try_at = now()")
        taken: list[Any] = []
        async with anyio.create_task_group() as tg:
            for _ in range(6):
                tg.start_soon(claim, taken)
        assert len([one for one in taken if one]) == 1


async def test_who_has_lost_the_claim_changes_nothing(post: Post) -> None:
    webhook = await post.webhook(URL)
    message = await post.write(webhook)
    late, now = uuid4(), uuid4()
    async with post.database.connection() as conn:
        await outbox.claim_message(conn, webhook, token=late, lease_s=0)
        assert await outbox.claim_message(conn, webhook, token=now, lease_s=60)

        assert not await outbox.record_delivered(conn, message, late, status=200)
        how = {"status": 500, "error": "no"}
        assert not await outbox.record_failed(conn, message, late, wait_s=9, **how)  # type: ignore[arg-type]
        assert not await outbox.record_abandoned(conn, message, late, **how)  # type: ignore[arg-type]
        assert not await outbox.release_message(conn, message, late)
        assert await outbox.record_delivered(conn, message, now, status=204)


async def test_the_most_urgent_endpoint_is_the_first(post: Post) -> None:
    now = datetime.now(UTC)
    later, sooner, idle, gone = [await post.webhook(URL) for _ in range(4)]
    for webhook, hours in ((later, 2), (later, 3), (sooner, -1), (sooner, 5), (gone, -2)):
        await post.write(webhook, next_try_at=now + timedelta(hours=hours))
    await post.write(idle, delivered_at=now)
    async with post.database.connection() as conn:
        await webhooks.disable_webhook(conn, gone, reason="answered 410 Gone")
        found = await outbox.find_next_tries(conn)

    assert [(due.webhook_id, round(due.wait_s / 60, -1)) for due in found] == [
        (sooner, -60),
        (later, 120),
    ]


async def test_who_was_told_what_of_a_job(post: Post) -> None:
    one, other = await post.webhook(URL), await post.webhook(URL)
    told = [await post.write(webhook, job_id=7) for webhook in (one, other)]
    await post.write(one, job_id=8)
    async with post.database.connection() as conn:
        found = await outbox.list_job_deliveries(conn, 7, most=10)
        assert len(await outbox.list_job_deliveries(conn, 7, most=1)) == 1

    assert [(delivery.outbox_id, delivery.webhook_id) for delivery in found] == [
        (told[1], other),
        (told[0], one),
    ]


async def test_the_oldest_message_that_waits(post: Post) -> None:
    webhook, gone = await post.webhook(URL), await post.webhook(URL)
    now = datetime.now(UTC)

    async def age_s() -> float | None:
        async with post.database.connection() as conn:
            return await outbox.find_oldest_pending(conn)

    await post.write(webhook, created_at=now - timedelta(hours=5), delivered_at=now)
    await post.write(webhook, created_at=now - timedelta(hours=4), abandoned_at=now)
    await post.write(gone, created_at=now - timedelta(hours=3))
    async with post.database.connection() as conn:
        await webhooks.disable_webhook(conn, gone, reason="answered 410 Gone")
    assert await age_s() is None
    await post.write(webhook, created_at=now - timedelta(hours=1))
    await post.write(webhook, created_at=now)
    assert 3500 < (await age_s() or 0) < 3700
