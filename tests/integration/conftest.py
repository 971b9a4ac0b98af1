"""Databases that the reactor has not seen yet, and reactors reduced to their statements."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import anyio
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from reactor.db import attempts
from reactor.models import JobId, Stage
from tests.fix_reactor import LOOK_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import SimpleNamespace
    from uuid import UUID

    from psycopg import AsyncConnection

    from reactor.context import Context
    from reactor.db.pool import Database
    from tests.fix_reactor import Table


async def start_hearing(start: Callable[..., Awaitable[Context]], **changes: Any) -> Context:
    """Start a reactor whose ears are proven once and then left alone, so that whatever is said arrives.

    Ears that answer a heartbeat too late are grown anew, and what is said meanwhile is lost.
    """
    context = await start(heartbeat_s=600, **changes)
    await until_hearing(context)
    return context


async def until_hearing(context: Context) -> None:
    """Wait until the ears are proven."""
    with anyio.fail_after(PATIENCE_S):
        while not context.listener.healthy:
            await anyio.sleep(LOOK_S)


class Bare(NamedTuple):
    """Somebody's database, before the reactor came."""

    dsn: str

    async def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Run SQL as its owner; the rows of the last statement."""
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as conn:
            cursor = await conn.cursor(row_factory=tuple_row).execute(statement.encode())
            return await cursor.fetchall() if cursor.description else []


@pytest.fixture
async def bare(server: SimpleNamespace) -> AsyncIterator[Bare]:
    """An empty database."""
    async with created(server, encoding="UTF8") as made:
        yield made


@asynccontextmanager
async def created(server: SimpleNamespace, *, encoding: str) -> AsyncIterator[Bare]:
    """Create a database, and drop it after the test whoever is still in it."""
    where = {"host": server.host, "port": server.port, "user": server.user}
    maintenance = Bare(make_conninfo(**where, dbname="postgres"))
    name = f"bare_{uuid4().hex}"
    await maintenance.run(
        f"CREATE DATABASE {name} TEMPLATE template0 LOCALE 'C' ENCODING '{encoding}'"
    )
    try:
        yield Bare(make_conninfo(**where, dbname=name))
    finally:
        await drop(maintenance, name)


async def drop(maintenance: Bare, name: str) -> None:
    """Drop it, also when its last session takes longer to end than the server waits for that."""
    with anyio.fail_after(PATIENCE_S, shield=True):
        while True:
            with suppress(psycopg.errors.ObjectInUse):
                await maintenance.run(f"DROP DATABASE {name} WITH (FORCE)")
                return


@dataclass(frozen=True)
class Worker:
    """A reactor reduced to its statements: one id, one token."""

    database: Database
    table: Table
    reactor_id: UUID = field(default_factory=uuid4)
    token: UUID = field(default_factory=uuid4)

    async def claim(self, slots: int = 1, *, lease_s: float = 600) -> list[JobId]:
        """Claim due jobs of the renderer `easel`."""
        async with self.database.connection() as conn:
            claims = await attempts.claim_next_jobs(
                conn,
                {"easel": slots},
                reactor_id=self.reactor_id,
                token=self.token,
                lease_s=lease_s,
            )
        return [claim.id for claim in claims]

    async def bring(self, to: str, **columns: Any) -> JobId:
        """Insert a job and bring it to a stage, as the handlers do."""
        inserted = await self.table.insert(priority=2**30, **columns)
        return await self.carry(JobId(inserted), to=to)

    async def carry(self, job: JobId, *, to: str) -> JobId:
        """Bring the pending job that is first in the queue to a stage."""
        assert await self.claim() == [job]
        stages = list(Stage)[1 : list(Stage).index(Stage(to)) + 1]
        async with self.database.connection() as conn:
            for stage in stages:
                assert await self.advance(conn, job, stage)
        return job

    async def advance(self, conn: AsyncConnection, job: JobId, stage: Stage) -> object:
        """One step of a render."""
        if stage == "rendering":
            return await attempts.begin_rendering(conn, job, self.token)
        if stage == "rendered":
            return await attempts.mark_rendered(conn, job, self.token, output_path="/renders/a.jpg")
        return await attempts.begin_publishing(conn, job, self.reactor_id)

    async def expire(self, job: int) -> None:
        """Let the job's lease have run out a second ago."""
        await self.table.rows(
            "UPDATE actp_gen_jobs SET lease_expires_at = now() - interval '1 second' WHERE id = %(job)s",
            job=job,
        )


@pytest.fixture
def worker(database: Database, table: Table) -> Worker:
    """A reactor that does only what it is told."""
    return Worker(database, table)


@pytest.fixture
def rival(database: Database, table: Table) -> Worker:
    """Another one."""
    return Worker(database, table)


async def snapshot(table: Table) -> list[tuple[Any, ...]]:
    """All that is known of jobs and attempts, as bytes, with its place on the disk."""
    return await table.rows(
        "SELECT id, ctid::text, md5(j::text) FROM actp_gen_jobs AS j"
        " UNION ALL SELECT job_id, ctid::text, md5(a::text) FROM reactor.attempts AS a"
        " UNION ALL SELECT job_id, ctid::text, md5(p::text) FROM reactor.progress AS p ORDER BY 1, 2, 3"
    )
