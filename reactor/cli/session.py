"""One piece of work on the configured database, for a command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import anyio
import psycopg

from reactor.errors import Refused
from reactor.settings import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg import AsyncConnection


def given_by() -> str:
    """Who commands, as the audit has it."""
    return f"command line ({os.environ.get('USER') or os.getuid()})"


def with_database(work: Callable[[AsyncConnection], Awaitable[Any]]) -> Any:
    """Run one piece of work on the migrated database."""
    from reactor.db.dsn import open_dsn
    from reactor.db.migrate import bring_up_to_date
    from reactor.db.pool import TRANSIENT, open_database, unavailable

    async def session() -> Any:
        settings = load()
        async with open_dsn(settings) as dsn:
            await bring_up_to_date(dsn, settings)
            async with open_database(dsn) as database, database.connection() as conn:
                try:
                    return await work(conn)
                except TRANSIENT as wrong:
                    raise unavailable(dsn, wrong) from None
                except psycopg.Error as wrong:
                    said = (wrong.diag.message_primary, wrong.diag.message_detail)
                    why = "; ".join(filter(None, said)) or str(wrong)
                    raise Refused(f"the database refused that: {why}") from None

    return anyio.run(session)
