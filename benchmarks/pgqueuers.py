"""PgQueuer as a contestant, as fast as its documentation makes it without giving up durability.

Under uvloop like its own `pgq run`, with `pgq autovac` applied; the queue manager alone, without the
scheduler. Every driver of its that is installed takes part; asyncpg's is the one it recommends.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module, util
from typing import TYPE_CHECKING, Any, Literal

import anyio
import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, PsycopgDriver
from pgqueuer.queries import Queries

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pgqueuer.models import Job

Driver = Literal["psycopg", "asyncpg"]
ENTRYPOINT = "nothing"
STOP_S = 10.0
UVLOOP = {"use_uvloop": True}


def drivers() -> list[Driver]:
    """The drivers that can be used here."""
    return ["psycopg", "asyncpg"] if util.find_spec("asyncpg") else ["psycopg"]


@dataclass(frozen=True)
class Producer:
    """Puts jobs into the queue, over a connection of its own."""

    conn: psycopg.AsyncConnection
    queries: Queries

    async def enqueue(self, count: int) -> None:
        """So many jobs in one statement."""
        await self.queries.enqueue([ENTRYPOINT] * count, [None] * count, [0] * count)

    async def is_empty(self) -> bool:
        """Whether every job has left the queue."""
        cursor = await self.conn.execute("SELECT NOT EXISTS (SELECT FROM pgqueuer)")
        row = await cursor.fetchone()
        return bool(row and row[0])


async def install(dsn: str) -> None:
    """PgQueuer's tables, with the settings it recommends for them."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        queries = Queries(PsycopgDriver(conn))
        await queries.install()
        await queries.optimize_autovacuum()


@asynccontextmanager
async def worker(
    dsn: str, driver: Driver, *, batch_size: int, handle: Callable[[], None], managers: int = 1
) -> AsyncIterator[Producer]:
    """A running worker that calls `handle` for every job, and somebody to give it jobs."""
    async with AsyncExitStack() as stack:
        own = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        await stack.enter_async_context(own)
        queues = [
            PgQueuer(await stack.enter_async_context(connected(dsn, driver)))
            for _ in range(managers)
        ]
        async with anyio.create_task_group() as tg:
            for queue in queues:
                tg.start_soon(work, queue, batch_size, handle)
            yield Producer(own, Queries(PsycopgDriver(own)))
            for queue in queues:
                queue.shutdown.set()
            tg.cancel_scope.deadline = anyio.current_time() + STOP_S


async def work(queue: PgQueuer, batch_size: int, handle: Callable[[], None]) -> None:
    """One queue manager until its shutdown."""

    @queue.entrypoint(ENTRYPOINT)
    async def nothing(job: Job) -> None:
        handle()

    await queue.qm.run(batch_size=batch_size)


@asynccontextmanager
async def connected(dsn: str, driver: Driver) -> AsyncIterator[Any]:
    """One of PgQueuer's drivers over one connection, as its documentation recommends."""
    if driver == "psycopg":
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
            yield PsycopgDriver(conn)
        return
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    asyncpg: Any = import_module("asyncpg")
    conn = await asyncpg.connect(
        host=parts["host"], port=int(parts["port"] or 5432), user=parts["user"],
        database=parts["dbname"],
    )  # fmt: skip
    try:
        yield AsyncpgDriver(conn)
    finally:
        await conn.close()
