"""How much is made, and whether it is enough: today, by platform, day by day, and what the day will bring.

The numbers are those of the SQL views (`reactor.pace`, `reactor.platform_pace`, `reactor.renders_by_day`), so
psql, HTTP, the command line and the metrics say the same.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg
from pydantic import BaseModel, ConfigDict, Field

from reactor.db import volume
from reactor.errors import BadConfiguration, FieldError, Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import AsyncConnection

    from reactor.settings import Settings

FEWEST_DAYS, MOST_DAYS, DAYS = 7, 30, 14


class DayRenders(BaseModel):
    """A day and its renders."""

    day: date = Field(examples=["2026-01-27"])
    renders: int = Field(examples=[12])


class PlatformPace(BaseModel):
    """A platform's day. Its name is the catalogue's: show it as text, never as markup."""

    platform: str = Field(examples=["youtube"])
    done: int = Field(description="Completed today.", examples=[1])
    pending: int = Field(examples=[2])
    processing: int = Field(examples=[1])
    daily_least: int = Field(description="As many a day at least.", examples=[2])
    daily_target: int = Field(examples=[3])
    lacking: int = Field(description="Still to be made today to reach the target.", examples=[2])
    forecast: float = Field(
        description="Done, and the last 24 hours' pace for the rest of the day.", examples=[2.5]
    )
    is_on_pace: bool = Field(description="It has the least already.", examples=[False])
    on_course: bool = Field(description="The forecast reaches the least.", examples=[True])


class Volume(BaseModel):
    """How today stands, and the days before it, in the farm's time zone."""

    model_config = ConfigDict(extra="ignore")

    day: date = Field(description="Today, there.", examples=["2026-01-27"])
    time_zone: str = Field(examples=["Europe/Berlin"])
    target_per_day: int = Field(description="10 unless configured.", examples=[10])
    done: int = Field(description="Renders completed today.", examples=[4])
    velocity: float = Field(
        description="Renders a day over the seven full days before today.", examples=[6.43]
    )
    per_hour: float = Field(description="Over the last 24 hours.", examples=[0.42])
    hours_left: float = Field(
        description="Of today; a day has 23 or 25 hours when clocks change.", examples=[9.5]
    )
    forecast: float = Field(description="`done + per_hour × hours_left`.", examples=[8.0])
    is_on_pace: bool = Field(description="Today's target is reached.", examples=[False])
    on_course: bool = Field(description="The forecast reaches the target.", examples=[False])
    platforms: list[PlatformPace] = Field(description="Those of the catalogue, by name.")
    others: int = Field(
        description="Renders of today for no platform of the catalogue, or for none.", examples=[0]
    )
    days: list[DayRenders] = Field(description="Today is the last.")

    sentence: str = Field(
        description="The same in words.", examples=["behind: 4 of 10, forecast 8"]
    )

    @classmethod
    def of(cls, stands: Mapping[str, Any]) -> Volume:
        """The database's numbers, and what they come to."""
        return cls.model_validate({**stands, "sentence": in_words(stands)})


def in_words(stands: Mapping[str, Any]) -> str:
    """How the day stands, as people say it."""
    count = f"{stands['done']} of {stands['target_per_day']}"
    if stands["is_on_pace"]:
        return f"on pace: {count}"
    word = "on course" if stands["on_course"] else "behind"
    return f"{word}: {count}, forecast {amount(stands['forecast'])}"


def amount(number: float) -> str:
    """A number of videos that need not be a whole one; never rounded up to a target it misses."""
    return f"{int(number * 10) / 10:g}" if number < 100 else f"{int(number):,}"


async def count_renders_today(conn: AsyncConnection) -> int:
    """Count the renders completed since the day began in the farm's time zone."""
    return await volume.count_renders_today(conn)


async def count_by_platform(conn: AsyncConnection, day: date) -> Mapping[str, int]:
    """Count a day's renders by platform, the busiest first; those without one have an empty name."""
    return dict(await volume.count_by_platform(conn, day))


async def get_daily_velocity(conn: AsyncConnection) -> float:
    """Renders a day, averaged over the seven full days before today."""
    return await volume.get_daily_velocity(conn)


async def is_on_pace(conn: AsyncConnection, target_per_day: int | None = 10) -> bool:
    """Whether today's target is reached; None stands for the configured one."""
    if target_per_day is not None and not 1 <= target_per_day < 2**31:
        raise Invalid([FieldError("target_per_day", f"is {target_per_day}; write at least 1")])
    return await volume.is_on_pace(conn, target_per_day)


async def get_volume(conn: AsyncConnection, *, days: int = DAYS) -> Volume:
    """How today stands, and the days before it; today is one of the `days`."""
    if not FEWEST_DAYS <= days <= MOST_DAYS:
        allowed = f"{FEWEST_DAYS} to {MOST_DAYS}"
        raise Invalid([FieldError("days", f"is {days}; write {allowed}")])
    stands = await volume.get_volume(conn, days=days)
    return Volume.of(stands)


async def configure(conn: AsyncConnection, settings: Settings) -> None:
    """Keep the settings' time zone and target in the database, where every view and command reads them."""
    try:
        await volume.configure(
            conn, time_zone=settings.time_zone, target_per_day=settings.target_per_day
        )
    except psycopg.DataError as wrong:
        why = " ".join((wrong.diag.message_primary or str(wrong)).split())
        raise BadConfiguration(f"REACTOR_TIME_ZONE: {why}") from None
