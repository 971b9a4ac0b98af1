"""A history of completed renders, and days that do not end while a test looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reactor.db.pool import connect
from tests.noon import noon_zone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import AsyncConnection

    from tests.fix_reactor import Table


class History:
    """Writes what was made, and asks how that stands."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def zone(self, name: str) -> None:
        """Let days begin there."""
        await self.table.rows("UPDATE reactor.control SET time_zone = %(name)s", name=name)

    async def target(self, renders: int | None) -> None:
        """Let a day have so many renders."""
        await self.table.rows(
            "UPDATE reactor.control SET target_per_day = %(renders)s::integer", renders=renders
        )

    async def made(self, *moments: str, platform: str | None = "youtube") -> None:
        """One completed render at each of these moments."""
        await self.table.rows(
            "INSERT INTO actp_gen_jobs (platform, status, completed_at)"
            " SELECT %(platform)s, 'complete', moment::timestamptz FROM unnest(%(moments)s::text[]) AS moment",
            platform=platform,
            moments=list(moments),
        )

    async def made_today(self, renders: int, *, platform: str | None = "youtube") -> None:
        """So many renders, a minute ago."""
        await self.table.rows(
            "INSERT INTO actp_gen_jobs (platform, status, completed_at)"
            " SELECT %(platform)s, 'complete', now() - interval '1 minute' FROM generate_series(1, %(renders)s::integer)",
            platform=platform,
            renders=renders,
        )

    async def pace(self, moment: str) -> dict[str, Any]:
        """The row of `reactor.pace` as it was at a moment."""
        [(found,)] = await self.table.rows(
            "SELECT to_jsonb(pace) FROM reactor.pace_at(%(moment)s::timestamptz) AS pace",
            moment=moment,
        )
        assert isinstance(found, dict)
        return found

    async def one(self, expression: str, **values: Any) -> Any:
        """What an expression is."""
        [(found,)] = await self.table.rows(f"SELECT {expression}", **values)
        return found


@pytest.fixture
def history(table: Table) -> History:
    """Writes what was made."""
    return History(table)


@pytest.fixture
async def midday(history: History) -> None:
    """A zone in which it is about noon, so that no day ends during a test."""
    await history.zone(noon_zone())


@pytest.fixture
async def conn(dsn: str) -> AsyncIterator[AsyncConnection]:
    """A connection in autocommit."""
    async with await connect(dsn, name="test") as opened:
        yield opened
