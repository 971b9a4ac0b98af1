"""Removing an endpoint while a job moves: the job's change is never refused for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import psycopg

if TYPE_CHECKING:
    from tests.fix_reactor import Table
    from tests.webhooks.conftest import Post

CANCEL = "UPDATE actp_gen_jobs SET status = 'cancelled'"
WAITING = "EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())"


async def test_a_job_moves_while_its_webhook_is_removed(post: Post, table: Table, dsn: str) -> None:
    await post.webhook("https://example.com/hooks")
    job = await table.insert(renderer="server")
    async with (
        await psycopg.AsyncConnection.connect(dsn) as remover,
        anyio.create_task_group() as tg,
    ):
        await remover.execute("DELETE FROM reactor.webhooks")
        tg.start_soon(table.rows, CANCEL)
        await table.until(WAITING)
        await remover.commit()

    assert await table.get(job, "status") == "cancelled"
    assert await table.rows("SELECT FROM reactor.outbox") == []
