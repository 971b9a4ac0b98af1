"""The queue kept full: statements of `sql/queries/filler.sql` around the functions of `sql/filler.sql`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg.rows import class_row, scalar_row, tuple_row
from pydantic import BaseModel, ConfigDict

from reactor.db.statements import statements
from reactor.models import JobId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

SQL = statements("filler")


class PendingJob(BaseModel):
    """A job that waits."""

    model_config = ConfigDict(frozen=True)

    id: JobId
    niche: str | None
    platform: str | None
    template_id: str | None
    priority: int | None
    waits: str | None
    """For what besides its turn, in words."""


class Filled(NamedTuple):
    """The jobs that were made; why there are fewer than wanted, or None; and a sentence for people."""

    ids: list[JobId]
    short: str | None
    sentence: str


class Prioritized(NamedTuple):
    """How many jobs have another priority; and a sentence for people."""

    jobs: int
    sentence: str


class StaleFlushed(NamedTuple):
    """The jobs that were taken back; and a sentence for people."""

    ids: list[JobId]
    sentence: str


async def count_pending_jobs(conn: AsyncConnection, most: int | None) -> int:
    """How many jobs are in the queue, counted no further than `most`."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["count_pending_jobs"], {"most": most}
    )
    return int(await cursor.fetchone() or 0)


async def get_pending_jobs(conn: AsyncConnection, most: int) -> list[PendingJob]:
    """Pending jobs, the most urgent first."""
    cursor = await conn.cursor(row_factory=class_row(PendingJob)).execute(
        SQL["get_pending_jobs"], {"most": most}
    )
    return await cursor.fetchall()


async def fill_queue(conn: AsyncConnection, target: int, given_by: str | None) -> Filled:
    """Make jobs until so many are pending."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["fill_queue"], {"target": target, "given_by": given_by}
    )
    return Filled(*(await cursor.fetchall())[0])


async def create_catalog_job(
    conn: AsyncConnection, niche: str, platform: str, template_id: str | None
) -> JobId:
    """One job of the catalogue."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["create_catalog_job"],
        {"niche": niche, "platform": platform, "template_id": template_id},
    )
    return JobId((await cursor.fetchall())[0])


async def prioritize_jobs(conn: AsyncConnection, given_by: str | None) -> Prioritized:
    """Give pending jobs the priority of their niche and platform."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["prioritize_jobs"], {"given_by": given_by}
    )
    return Prioritized(*(await cursor.fetchall())[0])


async def flush_stale_jobs(
    conn: AsyncConnection,
    max_age_hours: float,
    *,
    longest_render_s: float,
    given_by: str | None,
) -> StaleFlushed:
    """Take back what has been in work for longer than that."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["flush_stale_jobs"],
        {
            "max_age_hours": max_age_hours,
            "longest_render_s": longest_render_s,
            "given_by": given_by,
        },
    )
    return StaleFlushed(*(await cursor.fetchall())[0])


async def count_kinds(
    conn: AsyncConnection, kinds: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """How many jobs of each niche and platform there are that nobody has cancelled."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["count_kinds"],
        {"niches": [niche for niche, _ in kinds], "platforms": [platform for _, platform in kinds]},
    )
    return {(niche, platform): count for niche, platform, count in await cursor.fetchall()}
