"""A time zone in which it is about noon, so that no day ends during a test."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg

from reactor.db.migrate import migrate
from tests.integration.conftest import created

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import SimpleNamespace


def noon_zone() -> str:
    """Its name, as Postgres knows it."""
    ahead = 12 - datetime.now(UTC).hour
    # These names count the other way round.
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


@asynccontextmanager
async def farm_at_noon(server: SimpleNamespace, *history: str) -> AsyncIterator[str]:
    """A farm of its own in that zone, after these statements; its address."""
    async with created(server, encoding="UTF8") as bare:
        await migrate(bare.dsn)
        # Not over a pool of ours, whose statements have ten seconds.
        async with await psycopg.AsyncConnection.connect(bare.dsn, autocommit=True) as conn:
            await conn.execute("UPDATE reactor.control SET time_zone = %s", (noon_zone(),))
            for statement in history:
                await conn.execute(statement.encode())
        yield bare.dsn
