"""Connections to Postgres: a pool for short work, and plain ones for those who must own theirs.

Every use is shielded with a deadline. A query that a cancel scope abandons goes on running on the
server and takes its connection with it; a statement timeout below the deadline ends it cleanly.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from reactor.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

DEADLINE_S = 15.0
STATEMENT_TIMEOUT_S = 10
POOL_SIZE = 8

# A dead peer is noticed by keepalives when idle and by tcp_user_timeout when a query is under way.
SESSION: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 10_000,
    "target_session_attrs": "read-write",
    "client_encoding": "UTF8",
    "autocommit": True,
}
LIMITS = (
    f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c lock_timeout={STATEMENT_TIMEOUT_S}s"
    " -c idle_in_transaction_session_timeout=30s -c jit=off"
    # A guarded UPDATE looks again at a row that somebody else has just changed, and only here.
    r" -c default_transaction_isolation=read\ committed"
)


class OwnConnection(AsyncConnection[TupleRow]):
    """A connection that is closed after its block, whatever happens.

    psycopg's own rolls back first, and stays open when that is cancelled, as on a busy machine it can be.
    """

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            await self.close()


class Database:
    """The pool, opened; one per process. `dsn` is for connections of one's own."""

    def __init__(self, dsn: str, pool: AsyncConnectionPool[AsyncConnection]) -> None:
        self.dsn = dsn
        self._pool = pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection in autocommit: each statement is its own transaction."""
        with anyio.fail_after(DEADLINE_S, shield=True):
            async with self._pool.connection() as conn:
                yield conn

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection inside one transaction; never keep it across a render or an HTTP call."""
        async with self.connection() as conn, conn.transaction():
            yield conn

    def statistics(self) -> dict[str, int]:
        """The pool's own counters."""
        return self._pool.get_stats()


@asynccontextmanager
async def open_database(
    dsn: str, *, direct: str | None = None, name: str = "reactor"
) -> AsyncIterator[Database]:
    """Open the pool, or raise DatabaseUnavailable in one line when there is nobody to talk to.

    `direct` is another way to the same database when `dsn` goes through a transaction pooler. Such a
    pooler keeps neither settings nor prepared statements for a session, so the pool does without.
    """
    session = pooled(dsn) if direct else {**whole(dsn), "prepare_threshold": 0}
    await probe(dsn, session)
    pool = AsyncConnectionPool(
        dsn,
        kwargs={**session, "application_name": name},
        min_size=1,
        max_size=POOL_SIZE,
        timeout=DEADLINE_S - 1,
        # A database that is away for an hour is not a reason to give up.
        reconnect_timeout=float("inf"),
        open=False,
    )
    async with pool:
        yield Database(direct or dsn, pool)


def whole(dsn: str, *more: str) -> dict[str, Any]:
    """How to connect to the server itself, with limits."""
    given = parse(dsn).get("options", "")
    options = " ".join(filter(None, (str(given), LIMITS, *more)))
    return {**SESSION, "options": options}


def pooled(dsn: str) -> dict[str, Any]:
    """How to connect through a transaction pooler."""
    parse(dsn)
    return {**SESSION, "prepare_threshold": None}


async def probe(dsn: str, session: dict[str, Any] | None = None) -> None:
    """Connect once, so that a wrong address is one clear line instead of a pool that keeps trying."""
    try:
        async with await OwnConnection.connect(dsn, **(session or whole(dsn))):
            pass
    except (psycopg.Error, UnicodeError) as wrong:
        raise unavailable(dsn, wrong) from None


async def connect(dsn: str, *, name: str) -> AsyncConnection:
    """A connection of one's own, in autocommit, that the server must not close for being idle."""
    session = whole(dsn, "-c idle_session_timeout=0")
    return await OwnConnection.connect(dsn, **session, application_name=name)


def parse(dsn: str) -> dict[str, Any]:
    """The parts of a connection string; DatabaseUnavailable when it is none, without showing it."""
    try:
        return psycopg.conninfo.conninfo_to_dict(dsn)
    except psycopg.Error:
        raise DatabaseUnavailable(
            "DATABASE_URL is not a connection string; write postgresql://user@host:5432/database"
        ) from None


REMEDY = "check DATABASE_URL, or unset it to use the embedded PostgreSQL"


def unavailable(dsn: str, wrong: Exception, *, remedy: str = REMEDY) -> DatabaseUnavailable:
    """Say which database, why, and what to change; never the password."""
    parts = parse(dsn)
    where = f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"
    why = " ".join(str(wrong).split()).removeprefix("connection failed: ") or "no answer in time"
    password = str(parts.get("password") or "")
    why = why.replace(password, "***") if password else why
    if "unsupported startup parameter" in why:
        remedy = "this is a pooler: set REACTOR_LISTEN_URL to a direct connection as well"
    return DatabaseUnavailable(f"cannot reach the database at {where}: {why}; {remedy}")


TRANSIENT = (psycopg.OperationalError, PoolTimeout, TimeoutError)
"""What a database that is away or restarting looks like; the same call may work later."""
