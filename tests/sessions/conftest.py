"""A session that is ready to be rendered, people with psql, and the application around a reactor that stands still."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from reactor import sessions
from reactor.db.pool import connect
from reactor.sessions import Cut, NewAsset, NewEdl, NewSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import AsyncConnection


CUTS = [
    Cut(asset="left", in_s=1.0, out_s=3.5),
    Cut(asset="right", in_s=0.0, out_s=2.0),
    Cut(asset="left", in_s=10.0, out_s=11.0),
]


@pytest.fixture
async def conn(dsn: str) -> AsyncIterator[AsyncConnection]:
    """A caller's own connection."""
    async with await connect(dsn, name="caller") as opened:
        yield opened


@pytest.fixture
async def ready(conn: AsyncConnection) -> str:
    """A session whose EDL is locked and whose films are known; its id."""
    await sessions.put_session(conn, "s1", NewSession(title="Sunday", project_id="church"))
    await sessions.put_asset(conn, "s1", "left", NewAsset(mezzanine_url="left.mov"))
    await sessions.put_asset(conn, "s1", "right", NewAsset(mezzanine_url="file:///films/a%20b.mov"))
    await sessions.put_edl(conn, "s1", NewEdl(cuts=CUTS))
    await sessions.lock_edl(conn, "s1")
    return "s1"


class Psql:
    """Somebody who types SQL; each statement is committed unless it stands in `held`."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    async def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Run it and read everything."""
        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as conn:
            cursor = await conn.cursor(row_factory=tuple_row).execute(statement.encode())
            return await cursor.fetchall() if cursor.description else []

    @asynccontextmanager
    async def held(self, statement: str) -> AsyncIterator[AsyncConnection]:
        """Run it in a transaction that is committed at the end of the block."""
        async with await psycopg.AsyncConnection.connect(self.dsn) as conn:
            await conn.execute(statement.encode())
            yield conn


@pytest.fixture
def psql(dsn: str) -> Psql:
    """Somebody with psql, the owner of everything."""
    return Psql(dsn)
