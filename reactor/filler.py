"""The queue as a service: what waits, what is made next, and what has been in work for too long.

The functions of `sql/filler.sql` do it, for psql users as well; these turn their verdicts into errors
for people. Every function works inside the caller's transaction when there is one.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from psycopg.errors import InvalidParameterValue

from reactor.db import filler
from reactor.errors import FieldError, Invalid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from psycopg import AsyncConnection

    from reactor.db.filler import Filled, PendingJob, Prioritized, StaleFlushed
    from reactor.models import JobId

TARGET = 15
"""Jobs in the queue, unless somebody says otherwise."""
STALE_HOURS = 24.0
LONGEST_RENDER_S = 7 * 24 * 3600.0
"""The most that any setting may allow."""
LONGEST_LIST = 10_000
INT4 = 2**31
CHARACTERS = 200
"""The longest name in the catalogue."""


class Lacking(NamedTuple):
    """Jobs that should be in the table, and how many of them are."""

    niche: str
    platform: str
    wanted: int
    found: int


async def count_pending_jobs(conn: AsyncConnection, *, most: int | None = None) -> int:
    """How many jobs are in the queue; counting stops at `most`.

    What is not approved, or not due for a day or more, is not in the queue yet.
    """
    return await filler.count_pending_jobs(conn, most)


async def get_pending_jobs(conn: AsyncConnection, *, most: int = LONGEST_LIST) -> list[PendingJob]:
    """Everything pending with its niche, platform and template, the most urgent first."""
    return await filler.get_pending_jobs(conn, most)


async def fill_queue(
    conn: AsyncConnection, target_count: int = TARGET, *, given_by: str | None = None
) -> Filled:
    """Make jobs of the catalogue until so many are pending, and never more; Invalid for no such target.

    With `given_by` it is written down as a command of theirs.
    """
    if not -INT4 <= target_count < INT4:
        raise Invalid([FieldError("target", f"is {target_count}; allowed: 1 to 10000")])
    async with verdicts(conn):
        return await filler.fill_queue(conn, target_count, given_by)


async def create_job(
    conn: AsyncConnection, niche: str, platform: str, template_id: str | None = None
) -> JobId:
    """Make one job of the catalogue, by default of the template that was used least today.

    Invalid lists what may be named; then nothing was created.
    """
    async with verdicts(conn):
        return await filler.create_catalog_job(
            conn, known(niche), known(platform), template_id and known(template_id)
        )


def known(name: str) -> str:
    """The name as the database can be asked for it: one that it cannot store is surely not there."""
    return (
        name.encode(errors="replace")
        .decode()
        .replace("\0", "\N{REPLACEMENT CHARACTER}")[: CHARACTERS + 1]
    )


async def prioritize_jobs(conn: AsyncConnection, *, given_by: str | None = None) -> Prioritized:
    """Set the priority of pending jobs: their niche's performance times their platform's engagement."""
    return await filler.prioritize_jobs(conn, given_by)


async def flush_stale_jobs(
    conn: AsyncConnection,
    max_age_hours: float = STALE_HOURS,
    *,
    longest_render_s: float = LONGEST_RENDER_S,
    given_by: str | None = None,
) -> StaleFlushed:
    """End attempts that began longer ago, charged; their jobs are tried again while attempts are left.

    A render whose lease is renewed is left alone for as long as the farm lets it take.
    """
    async with verdicts(conn):
        return await filler.flush_stale_jobs(
            conn, max_age_hours, longest_render_s=longest_render_s, given_by=given_by
        )


async def find_lacking(
    conn: AsyncConnection, wanted: Mapping[tuple[str, str], int]
) -> list[Lacking]:
    """Niches and platforms that have fewer jobs than they should; cancelled ones do not count."""
    found = await filler.count_kinds(conn, list(wanted))
    return [
        Lacking(*kind, wanted=many, found=found[kind])
        for kind, many in wanted.items()
        if found[kind] < many
    ]


@asynccontextmanager
async def verdicts(conn: AsyncConnection) -> AsyncIterator[None]:
    """What the database refuses is undone and raised as Invalid, with the field's name."""
    try:
        async with conn.transaction():
            yield
    except InvalidParameterValue as refused:
        field, _, message = (refused.diag.message_primary or str(refused)).partition(": ")
        raise Invalid([FieldError(field, message)]) from None
