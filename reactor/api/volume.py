"""`GET /api/renderer/volume` and `GET /api/jobs/stats`: the farm's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from reactor.api.route import AWAY, Route
from reactor.db.jobs import get_job_stats
from reactor.volume import DAYS, FEWEST_DAYS, MOST_DAYS, Volume, get_volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context


class JobStats(BaseModel):
    """Jobs by state."""

    total: int = Field(examples=[136])
    pending: int = Field(examples=[3])
    processing: int = Field(examples=[1])
    complete: int = Field(examples=[128])
    failed: int = Field(examples=[2])
    cancelled: int = Field(examples=[2])
    complete_today: int = Field(
        description="Since the day began in the farm's time zone.", examples=[12]
    )
    oldest_due_s: float | None = Field(
        description="How long the longest-waiting due job has waited; null when none is due.",
        examples=[4.2],
    )


class Numbers:
    """Counts what is made."""

    def __init__(self, context: Context) -> None:
        self._database = context.database

    async def volume(
        self, days: Annotated[int, Query(ge=FEWEST_DAYS, le=MOST_DAYS)] = DAYS
    ) -> Volume:
        """Renders a day: today against its target, in all and by platform, the pace of the last seven
        days, what today will bring at the last 24 hours' pace, and the days before.
        """
        async with self._database.connection() as conn:
            return await get_volume(conn, days=days)

    async def stats(self) -> JobStats:
        """Count the jobs in every state. Quick also when a million have ended."""
        async with self._database.connection() as conn:
            return JobStats.model_validate(await get_job_stats(conn))


def routes(context: Context) -> Sequence[Route]:
    """The two addresses."""
    numbers = Numbers(context)
    return (
        Route("/api/renderer/volume", numbers.volume, "renderer", Volume, problems=AWAY),
        Route("/api/jobs/stats", numbers.stats, "renderer", JobStats, problems=AWAY),
    )
