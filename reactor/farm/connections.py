"""The client's connections: a few for short work, and the caller's own.

They are opened as if through a transaction pooler, because one may be there: nothing is prepared and
nothing is set for a session.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

from reactor.db.pool import pooled, unavailable
from reactor.errors import BadConfiguration, FieldError, Invalid, Refused, SchemaMismatch

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_CONNECTIONS = 4
PATIENCE_S = 15.0
NAME = "reactor farm"


def given_dsn(dsn: str | None) -> str:
    """The connection string, or that of the environment; BadConfiguration without one."""
    if found := dsn or os.environ.get("DATABASE_URL"):
        return found
    raise BadConfiguration("which database? Give Farm a connection string, or set DATABASE_URL")


@contextmanager
def in_our_words(dsn: str) -> Iterator[None]:
    """Turn the driver's errors into ours: away, not migrated, or not allowed."""
    try:
        yield
    except (psycopg.OperationalError, UnicodeError) as wrong:
        raise unavailable(dsn, wrong, remedy="check the connection string") from None
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as wrong:
        raise SchemaMismatch(
            f"the database is not migrated for this release ({wrong.diag.message_primary}); "
            "run bin/reactor migrate"
        ) from None
    except psycopg.Error as wrong:
        said = (wrong.diag.message_primary, wrong.diag.message_detail)
        why = "; ".join(filter(None, said)) or str(wrong)
        raise Refused(f"the database refused that: {why}") from None


async def connect(dsn: str) -> AsyncConnection:
    """A connection of one's own, in autocommit."""
    return await AsyncConnection.connect(dsn, **pooled(dsn), application_name=NAME)


async def open_pool(dsn: str) -> AsyncConnectionPool[AsyncConnection]:
    """Connections for short work; DatabaseUnavailable at once when there is nobody to talk to."""
    with in_our_words(dsn):
        # A pool would go on trying for its whole patience, and then not say why.
        first = await connect(dsn)
        await first.close()
    pool = AsyncConnectionPool(
        dsn,
        kwargs={**pooled(dsn), "application_name": NAME},
        connection_class=AsyncConnection,
        min_size=0,
        max_size=MOST_CONNECTIONS,
        timeout=PATIENCE_S,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    await pool.open()
    return pool


async def joined(connection: AsyncConnection[Any]) -> AsyncConnection[Any]:
    """The caller's connection, inside a transaction that the caller ends; Invalid when it is another kind."""
    if not isinstance(connection, AsyncConnection):
        given, allowed = type(connection).__name__, AsyncConnection.__name__
        raise Invalid([FieldError("connection", f"is a {given}; allowed: psycopg's {allowed}")])
    idle = connection.info.transaction_status is TransactionStatus.IDLE
    if idle and not connection.autocommit:
        # The driver begins with the first statement. Were that ours, our transaction block would be
        # the outermost one, and committed by us.
        await connection.execute("")
    return connection
