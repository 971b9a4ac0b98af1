"""How much is made: counts of completed renders, by the day of the configured time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row, dict_row, scalar_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from datetime import date

    from psycopg import AsyncConnection

SQL = statements("volume")


class PlatformRenders(NamedTuple):
    """How many renders a platform got; no platform is an empty name."""

    platform: str
    renders: int


async def count_renders_today(conn: AsyncConnection) -> int:
    """Count the renders completed today."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(SQL["count_renders_today"])
    count: int | None = await cursor.fetchone()
    return count or 0


async def count_by_platform(conn: AsyncConnection, day: date) -> list[PlatformRenders]:
    """Count the renders completed on a day by platform, the busiest first."""
    cursor = await conn.cursor(row_factory=class_row(PlatformRenders)).execute(
        SQL["count_by_platform"], {"day": day}
    )
    return await cursor.fetchall()


async def get_daily_velocity(conn: AsyncConnection) -> float:
    """Renders a day, averaged over the seven full days before today."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(SQL["get_daily_velocity"])
    velocity: float | None = await cursor.fetchone()
    return velocity or 0.0


async def is_on_pace(conn: AsyncConnection, target_per_day: int | None) -> bool:
    """Whether today has as many renders as it should; None stands for the configured target."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["is_on_pace"], {"target_per_day": target_per_day}
    )
    return bool(await cursor.fetchone())


async def get_volume(conn: AsyncConnection, *, days: int) -> dict[str, Any]:
    """Read how today stands, in all and by platform, and the last `days` days."""
    cursor = await conn.cursor(row_factory=dict_row).execute(SQL["get_volume"], {"days": days})
    row = await cursor.fetchone()
    return dict(row) if row else {}


async def configure(
    conn: AsyncConnection, *, time_zone: str | None, target_per_day: int | None
) -> None:
    """Write down where a day begins and what it should bring; None leaves it as it is."""
    await conn.execute(SQL["configure"], {"time_zone": time_zone, "target_per_day": target_per_day})


async def recount(conn: AsyncConnection) -> bool:
    """Count the jobs that ended long ago, so that the statistics need not; False when not just now."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(SQL["recount"])
    return bool(await cursor.fetchone())
