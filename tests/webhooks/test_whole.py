"""A whole reactor: a job ends, and whoever wanted to know is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reactor.signature import verify
from tests.webhooks.conftest import LEASE_S, SECRET, Post

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from tests.fix_reactor import Table
    from tests.webhooks.receiver import Receiver

    Start = Callable[..., Awaitable[Context]]


async def test_the_end_of_a_job_is_told_once_and_signed(
    receiver: Receiver, post: Post, table: Table, start: Start
) -> None:
    # The receiver comes first among the fixtures, because it has to outlive the reactor.
    webhook = await post.webhook(receiver.url())
    await start(egress_allow=("127.0.0.1",), lease_s=LEASE_S)

    job = await table.insert(project_id="spring", metadata='{"order": 4711}')
    [sent] = await receiver.until(1)
    await table.until(
        "delivered_at IS NOT NULL FROM reactor.outbox WHERE webhook_id = %(id)s", id=webhook
    )

    said = json.loads(sent.body)
    assert (said["type"], said["data"]["id"], said["data"]["status"]) == (
        "job.complete",
        job,
        "complete",
    )
    assert (said["data"]["project_id"], said["data"]["metadata"]) == ("spring", {"order": 4711})
    verify(SECRET, sent.headers, sent.body)
    assert await table.rows("SELECT job_id, tries FROM reactor.outbox") == [(job, 1)]
