"""The jobs of a session: each renders the cuts that were locked when it was created."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reactor import jobs
from reactor.db import sessions
from reactor.db.jobs import find_by_keys
from reactor.errors import Refused
from reactor.jobs import PAGE
from reactor.records import new_job
from reactor.sessions.editing import address, check_cuts, get_session, hold_session, how
from reactor.sessions.mezzanine import source_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import AsyncConnection

    from reactor.jobs import Page
    from reactor.records import JobRecord, NewJob

TEMPLATE = "edl-cut"
ASKED = ("template_id", "renderer", "format", "quality", "container", "session_id")
"""What a repeated idempotency key must ask for again; the cuts may be others by now."""


class SessionJob(NamedTuple):
    """A job of a session; `is_new` is false when its idempotency key named one that existed."""

    job: JobRecord
    is_new: bool


async def create_session_job(
    conn: AsyncConnection,
    session_id: str,
    *,
    title: str | None = None,
    usual_max_active: int | None = None,
    **asked: Any,
) -> SessionJob:
    """Create the job that renders a session's locked EDL; `asked` are further fields of `NewJob`.

    Refused, saying what is missing, unless the EDL is locked and each of its assets has a film. From that
    check until the caller's commit nothing of it can change.
    """
    asked |= {"template_id": TEMPLATE, "session_id": session_id}
    shown = {"title": title} if title else {}
    order = new_job(**{**asked, "params": shown})
    async with conn.transaction():
        if known := await find_known(conn, order):
            return known
        session = await hold_session(conn, session_id)
        params = {**shown, "clips": await hold_clips(conn, session_id)}
        job = new_job(**{**asked, "params": params, "project_id": session.project_id or None})
        created = await jobs.create_job(conn, job, usual_max_active=usual_max_active)
        return SessionJob(await jobs.get_job(conn, created.id), created.is_new)


async def list_session_jobs(
    conn: AsyncConnection, session_id: str, *, before: int | None = None, most: int = PAGE
) -> Page:
    """A session's jobs, the newest first; Missing when it has none and does not exist."""
    page = await jobs.list_jobs(conn, session_id=session_id, before=before, most=most)
    if not page.jobs:
        await get_session(conn, session_id)
    return page


async def find_known(conn: AsyncConnection, order: NewJob) -> SessionJob | None:
    """The job that this key was used for before, whatever became of the session since."""
    if order.idempotency_key is None:
        return None
    for row in await find_by_keys(conn, [order.idempotency_key]):
        again = order.model_dump(mode="json")
        other = [name for name in ASKED if row[name] != again[name]]
        if not other and title_in(row["params"]) != title_in(order.params):
            other = ["title"]
        if other:
            raise Refused(
                f"idempotency_key '{order.idempotency_key}' is job {row['id']},"
                f" which has another {', '.join(other)}"
            )
        return SessionJob(await jobs.get_job(conn, row["id"]), is_new=False)
    return None


def title_in(params: object) -> object:
    """The title a job asks for; its params may be anything."""
    return params.get("title") if isinstance(params, dict) else None


async def hold_clips(conn: AsyncConnection, session_id: str) -> list[dict[str, Any]]:
    """What the template cuts out of which film; Refused unless all of it is there."""
    edl = await sessions.hold_edl(conn, session_id)
    if edl is None:
        raise Refused(f"session {session_id}: it has no EDL; {how('write', session_id)}")
    if edl.status != "locked":
        raise Refused(f"session {session_id}: its EDL is a draft; {how('lock', session_id)}")
    cuts = check_cuts(session_id, edl, remedy=how("unlock", session_id))
    named = sorted({cut.asset for cut in cuts})
    sources = find_sources(session_id, named, await sessions.hold_assets(conn, session_id, named))
    return [{"source": sources[cut.asset], "in_s": cut.in_s, "out_s": cut.out_s} for cut in cuts]


def find_sources(
    session_id: str, named: Iterable[str], urls: Mapping[str, str | None]
) -> dict[str, str]:
    """Where each asset's film is; Refused with all that have none."""
    sources: dict[str, str] = {}
    wrong: list[str] = []
    for asset_id in named:
        try:
            sources[asset_id] = find_source(asset_id, urls)
        except ValueError as problem:
            wrong.append(f"asset '{asset_id}' {problem}")
    if wrong:
        place = f"PUT {address(session_id)}/assets/ASSET_ID"
        raise Refused(f"session {session_id}: {'; '.join(wrong)}; say where with {place}")
    return sources


def find_source(asset_id: str, urls: Mapping[str, str | None]) -> str:
    """Where an asset's film is; ValueError says why that is not known."""
    if asset_id not in urls:
        raise ValueError("does not exist")
    url = urls[asset_id]
    if url is None or not url.strip():
        raise ValueError("has no mezzanine_url")
    try:
        return source_of(url)
    except ValueError as problem:
        raise ValueError(f"has no usable mezzanine_url: it {problem}") from None
