"""The publish queue: videos on their way to a platform, and what publishers say of them.

The functions in `sql/publish.sql` are the judge; a verdict comes with a sentence for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row, scalar_row, tuple_row

from reactor.db.commands import Outcome, Verdict
from reactor.db.statements import statements

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from psycopg import AsyncConnection

SQL = statements("publish_queue")


class Taken(NamedTuple):
    """A publication that is handed to a publisher; every word about it names the token."""

    publish_id: int
    token: UUID
    job_id: int
    platform: str
    tries: int
    lease_expires_at: datetime
    payload: dict[str, Any]


class Publication(NamedTuple):
    """A publication as people look at it."""

    publish_id: int
    job_id: int
    platform: str
    niche: str | None
    status: str
    priority: int
    payload: dict[str, Any]
    problems: list[str]
    tries: int
    max_tries: int
    publish_after: datetime
    publisher: str | None
    lease_expires_at: datetime | None
    created_at: datetime
    published_at: datetime | None
    published_url: str | None
    archived_at: datetime | None
    error_message: str | None


async def take_publications(
    conn: AsyncConnection, *, publisher: str, most: int, platform: str | None, lease_s: float
) -> list[Taken]:
    """Take what is due, the most urgent first."""
    cursor = await conn.cursor(row_factory=class_row(Taken)).execute(
        SQL["take_publications"],
        {"publisher": publisher, "most": most, "platform": platform, "lease_s": lease_s},
    )
    return await cursor.fetchall()


async def renew_publication(
    conn: AsyncConnection, publish_id: int, token: UUID, *, lease_s: float
) -> Outcome:
    """Keep it for so long from now."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["renew_publication"], {"publish_id": publish_id, "token": token, "lease_s": lease_s}
    )
    return outcome_of(await cursor.fetchone())


async def mark_published(
    conn: AsyncConnection, publish_id: int, *, token: UUID | None, url: str | None
) -> Outcome:
    """It is on its platform; without a token a person says so."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["mark_published"], {"publish_id": publish_id, "token": token, "url": url}
    )
    return outcome_of(await cursor.fetchone())


async def mark_publish_failed(
    conn: AsyncConnection,
    publish_id: int,
    *,
    error: str,
    token: UUID | None,
    retry_after_s: float | None,
    final: bool,
) -> Outcome:
    """It did not work; it is tried again unless that is final, or a person says so."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["mark_publish_failed"],
        {
            "publish_id": publish_id,
            "error": error,
            "token": token,
            "retry_after_s": retry_after_s,
            "final": final,
        },
    )
    return outcome_of(await cursor.fetchone())


async def release_publication(conn: AsyncConnection, publish_id: int, token: UUID) -> Outcome:
    """Give it back, uncharged."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["release_publication"], {"publish_id": publish_id, "token": token}
    )
    return outcome_of(await cursor.fetchone())


async def republish(conn: AsyncConnection, publish_id: int) -> Outcome:
    """Make what is blocked or has failed ready."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["republish"], {"publish_id": publish_id}
    )
    return outcome_of(await cursor.fetchone())


async def take_back_publications(conn: AsyncConnection) -> int:
    """Take back what publishers hold beyond their time; how many that were."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(SQL["take_back_publications"])
    return int(await cursor.fetchone() or 0)


async def get_publication(conn: AsyncConnection, publish_id: int) -> Publication | None:
    """Read one."""
    cursor = await conn.cursor(row_factory=class_row(Publication)).execute(
        SQL["get_publication"], {"publish_id": publish_id}
    )
    return await cursor.fetchone()


async def find_publication(conn: AsyncConnection, job_id: int) -> int | None:
    """The id of a job's publication."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["find_publication"], {"job_id": job_id}
    )
    found: int | None = await cursor.fetchone()
    return found


async def list_publications(
    conn: AsyncConnection,
    *,
    status: str | None,
    platform: str | None,
    before: int | None,
    most: int,
) -> list[Publication]:
    """What matches, the newest first."""
    cursor = await conn.cursor(row_factory=class_row(Publication)).execute(
        SQL["list_publications"],
        {"status": status, "platform": platform, "before": before, "most": most},
    )
    return await cursor.fetchall()


def outcome_of(row: Any) -> Outcome:
    """The verdict and its sentence."""
    return Outcome(Verdict(row[0]), row[1])
