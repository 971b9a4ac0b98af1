"""Both flavours of the client behind one face, so that each test runs against both."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest
from anyio import to_thread

from reactor import Farm, SyncFarm, jobs
from reactor.models import JobStatus
from reactor.records import Artefacts
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from tests.fix_reactor import Table

CLIENT = "reactor farm"
END = object()


class Threaded:
    """Something blocking, whose methods run in a thread and whose generators are read in one."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.raw, name)
        if name in ("events", "iterate"):
            return lambda *args, **words: self._read(method(*args, **words))

        async def call(*args: Any, **words: Any) -> Any:
            work = partial(method, *args, **words)
            return await to_thread.run_sync(work, abandon_on_cancel=True)

        return call

    async def _read(self, generator: Any) -> AsyncGenerator[Any]:
        try:
            following = partial(next, generator, END)
            while (one := await to_thread.run_sync(following, abandon_on_cancel=True)) is not END:
                yield one
        finally:
            generator.close()


class Flavour:
    """How to make a farm and a caller's connection in one of the flavours."""

    def __init__(self, name: str) -> None:
        self.name = name

    @asynccontextmanager
    async def farm(self, dsn: str, **how: Any) -> AsyncIterator[Any]:
        """A client, opened."""
        if self.name == "async":
            async with Farm(dsn, **how) as farm:
                yield farm
            return
        farm_ = SyncFarm(dsn, **how)
        await to_thread.run_sync(farm_.__enter__)
        try:
            yield Threaded(farm_)
        finally:
            await to_thread.run_sync(farm_.__exit__, None, None, None)

    @asynccontextmanager
    async def connection(self, dsn: str, **how: Any) -> AsyncIterator[tuple[Any, Any]]:
        """A caller's connection: what is given to the client, and what has commit and rollback."""
        if self.name == "async":
            conn = await psycopg.AsyncConnection.connect(dsn, **how)
            try:
                yield conn, conn
            finally:
                await conn.close()
            return
        raw = await to_thread.run_sync(partial(psycopg.Connection.connect, dsn, **how))
        try:
            yield raw, Threaded(raw)
        finally:
            raw.close()


@pytest.fixture(params=["async", "blocking"])
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Each test runs in both."""
    return Flavour(request.param)


@pytest.fixture
async def farm(flavour: Flavour, dsn: str) -> AsyncIterator[Any]:
    """The client of the test's database."""
    async with flavour.farm(dsn, given_by="a test") as opened:
        yield opened


async def take(events: Any, number: int) -> list[Any]:
    """The first so many of a stream that has no end."""
    found: list[Any] = []
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(events):
            async for event in events:
                found.append(event)
                if len(found) == number:
                    break
    return found


async def finish(table: Table, job_id: int, status: str = "complete") -> None:
    """Render a job elsewhere: begin, and end."""
    async with table.database.connection() as conn:
        await jobs.transition(conn, job_id, JobStatus.PROCESSING)
        if status == "complete":
            await jobs.complete(conn, job_id, Artefacts(output_path="/library/a.mp4"))
        else:
            await jobs.fail(conn, job_id, "the paint is out")


async def hang_up(table: Table) -> None:
    """End all of the client's sessions, as a restarted database would; there is at least one.

    It returns once they are gone: a session that is ending is still listed as the idle one it was.
    """
    await table.until(
        "count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) > 0 FROM pg_stat_activity"
        " WHERE application_name = %(name)s AND datname = current_database()",
        name=CLIENT,
    )


async def until_listening(table: Table) -> None:
    """Wait until a session of the client that LISTENs has looked, at a job or at the log."""
    await table.until(
        "count(*) > 0 FROM pg_stat_activity WHERE application_name = %(name)s AND datname ="
        " current_database() AND state = 'idle'"
        " AND (query LIKE '%%-- These jobs with everything%%' OR query LIKE '%%reactor.events%%')",
        name=CLIENT,
    )
