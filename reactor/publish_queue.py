"""The service of the publish queue: take, renew, and say what became of it, over any connection.

Every function works inside the caller's transaction when there is one. The database is the judge; its
verdicts become errors for people: Invalid, Missing, Refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reactor.db import publish_queue
from reactor.db.commands import Verdict
from reactor.errors import FieldError, Invalid, Missing, Refused
from reactor.records import storable

if TYPE_CHECKING:
    from uuid import UUID

    from psycopg import AsyncConnection

    from reactor.db.commands import Outcome
    from reactor.db.publish_queue import Publication, Taken

STATES = ("ready", "blocked", "publishing", "published", "failed")
PAGE = 50
LONGEST_PAGE = 500
MOST_AT_ONCE = 100
LEASE_S = 600.0
SHORTEST_LEASE_S = 1.0
LONGEST_LEASE_S = 86_400.0
LONGEST_PAUSE_S = 7 * 86_400.0
LONGEST_NAME = 200
LONGEST_URL = 2000
LONGEST_ERROR = 4000


class Page(NamedTuple):
    """Publications, the newest first, and from where to go on; None at the end."""

    publications: list[Publication]
    before: int | None


async def take(
    conn: AsyncConnection,
    *,
    publisher: str,
    most: int = 1,
    platform: str | None = None,
    lease_s: float = LEASE_S,
) -> list[Taken]:
    """Take what is due for a while, the most urgent first; nobody else is handed the same meanwhile."""
    check_text("publisher", publisher, LONGEST_NAME)
    check_between("most", most, 1, MOST_AT_ONCE)
    check_between("lease_s", lease_s, SHORTEST_LEASE_S, LONGEST_LEASE_S)
    if platform is not None:
        check_text("platform", platform, LONGEST_NAME)
    return await publish_queue.take_publications(
        conn, publisher=publisher, most=most, platform=platform, lease_s=lease_s
    )


async def renew(
    conn: AsyncConnection, publish_id: int, token: UUID, *, lease_s: float = LEASE_S
) -> str:
    """Keep it for so long from now; Refused when the claim is over."""
    check_between("lease_s", lease_s, SHORTEST_LEASE_S, LONGEST_LEASE_S)
    return said(await publish_queue.renew_publication(conn, publish_id, token, lease_s=lease_s))


async def mark_published(
    conn: AsyncConnection, publish_id: int, *, token: UUID | None = None, url: str | None = None
) -> str:
    """Say that it is on its platform. Without a token a person says so, unless somebody has it just now."""
    if url is not None:
        check_text("url", url, LONGEST_URL)
    return said(await publish_queue.mark_published(conn, publish_id, token=token, url=url))


async def mark_failed(
    conn: AsyncConnection,
    publish_id: int,
    error: str,
    *,
    token: UUID | None = None,
    retry_after_s: float | None = None,
    final: bool = False,
) -> str:
    """Say that it did not work; it is tried again after a pause while there are tries left, unless final."""
    check_text("error", error, LONGEST_ERROR)
    if retry_after_s is not None:
        check_between("retry_after_s", retry_after_s, 0, LONGEST_PAUSE_S)
    return said(
        await publish_queue.mark_publish_failed(
            conn, publish_id, error=error, token=token, retry_after_s=retry_after_s, final=final
        )
    )


async def release(conn: AsyncConnection, publish_id: int, token: UUID) -> str:
    """Give it back without having tried it; the try is not counted."""
    return said(await publish_queue.release_publication(conn, publish_id, token))


async def republish(conn: AsyncConnection, publish_id: int) -> str:
    """Make what is blocked or has failed ready, by a person's word."""
    return said(await publish_queue.republish(conn, publish_id))


async def get_publication(conn: AsyncConnection, publish_id: int) -> Publication:
    """Read one; Missing when there is none."""
    found = await publish_queue.get_publication(conn, publish_id)
    if found is None:
        raise Missing(f"there is no publication {publish_id}")
    return found


async def find_publication(conn: AsyncConnection, job_id: int) -> int:
    """The id of a job's publication; Missing when it has none."""
    found = await publish_queue.find_publication(conn, job_id)
    if found is None:
        raise Missing(
            f"job {job_id} is not in the publish queue; complete jobs with a platform and a file are"
        )
    return found


async def list_publications(
    conn: AsyncConnection,
    *,
    status: str | None = None,
    platform: str | None = None,
    before: int | None = None,
    most: int = PAGE,
) -> Page:
    """Publications that match, the newest first; a page goes on below `before`."""
    check_between("most", most, 1, LONGEST_PAGE)
    if status is not None and status not in STATES:
        raise Invalid(
            [FieldError("status", f"'{status}' is unknown; allowed: {', '.join(STATES)}")]
        )
    found = await publish_queue.list_publications(
        conn, status=status, platform=platform, before=before, most=most + 1
    )
    page = found[:most]
    return Page(page, page[-1].publish_id if len(found) > most else None)


def said(outcome: Outcome) -> str:
    """What came of it; Missing and Refused say why it was not done."""
    if outcome.verdict is Verdict.MISSING:
        raise Missing(outcome.sentence)
    if outcome.verdict is Verdict.REFUSED:
        raise Refused(outcome.sentence)
    return outcome.sentence


def check_text(field: str, text: str, longest: int) -> None:
    """Refuse what is empty, too long, or cannot be kept as text."""
    if not text.strip() or len(text) > longest:
        raise Invalid([FieldError(field, f"must have 1 to {longest} characters")])
    try:
        storable(text)
    except ValueError as wrong:
        raise Invalid([FieldError(field, str(wrong))]) from None


def check_between(field: str, number: float, least: float, most: float) -> None:
    """Refuse a number that is not in between, NaN too."""
    if not least <= number <= most:
        raise Invalid([FieldError(field, f"is {number}; allowed: {least:g} to {most:g}")])
