"""Removing an endpoint while a job moves: the job's change is never refused for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import psycopg

if TYPE_CHECKING:
    from tests.fix_reactor import Table
    from tests.webhooks.conftest import Post

CANCEL = "UPDATE actp_gen_jobs SET status = 'cancelled'"
WAITING = "cardinality(pg_blocking_pids(%(mover)s)) > 0"


async def test_a_job_moves_while_its_webhook_is_removed(post: Post, table: Table, dsn: str) -> None:
    await post.webhook("https://example.com/hooks")
    job = await table.insert(renderer="server")
    async with (
        await psycopg.AsyncConnection.connect(dsn) as remover,
        # Without the pool's limits: however late the test is, the change waits.
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as mover,
        anyio.create_task_group() as tg,
    ):
        await remover.execute("DELETE FROM reactor.webhooks")
        tg.start_soon(mover.execute, CANCEL)
        await table.until(WAITING, mover=mover.info.backend_pid)
        await remover.commit()

    assert await table.get(job, "status") == "cancelled"
    assert await table.rows("SELECT FROM reactor.outbox") == []
