"""kill -9 at the worst moments: the message comes again, under the same id, byte for byte."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psycopg

import reactor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import Process

    from tests.webhooks.conftest import Post
    from tests.webhooks.receiver import Receiver

LEASE_S = 1.0
VICTIMS = "FROM pg_stat_activity WHERE application_name = 'victim' AND datname = current_database()"


@asynccontextmanager
async def victim(dsn: str) -> AsyncIterator[Process]:
    """A process that delivers; dead at the end in any case."""
    root = Path(reactor.__file__).parent.parent
    command = [sys.executable, "-m", "tests.webhooks.deliverer", dsn, str(LEASE_S)]
    async with await anyio.open_process(command, cwd=root, stdout=None, stderr=None) as process:
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()


async def test_killed_while_sending(post: Post, receiver: Receiver, dsn: str) -> None:
    receiver.hanging.add("/hook")
    message = await post.write(await post.webhook(receiver.url()))
    async with victim(dsn) as process:
        await receiver.until(1)
        process.kill()
        await process.wait()

    receiver.goes_on()
    async with post.delivering():
        await post.until(message, "delivered_at IS NOT NULL")

    first, second = receiver.sent
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert await post.get(message, "tries") == 2


async def test_killed_between_the_answer_and_the_write(
    post: Post, receiver: Receiver, dsn: str
) -> None:
    receiver.hanging.add("/hook")
    message = await post.write(await post.webhook(receiver.url()))
    async with victim(dsn) as process:
        await receiver.until(1)
        # The write waits for this lock, so the answer was read and the result is not written.
        async with await psycopg.AsyncConnection.connect(dsn) as conn:
            await conn.execute("SELECT FROM reactor.outbox FOR UPDATE")
            receiver.goes_on()
            await post.table.until(f"EXISTS (SELECT {VICTIMS} AND wait_event_type = 'Lock')")
            process.kill()
            await process.wait()
        await post.table.until(f"NOT EXISTS (SELECT {VICTIMS})")
    assert await post.get(message, "delivered_at") is None

    async with post.delivering():
        await post.until(message, "delivered_at IS NOT NULL")

    first, second = receiver.sent
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
