"""What people do with a session: describe it, say where its films are, cut it, lock the cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

from reactor.db import sessions
from reactor.errors import Invalid, Missing, Refused
from reactor.sessions.records import AssetRecord, SessionRecord, check_name, read_cuts, shown

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from reactor.db.sessions import Edl, Session
    from reactor.sessions.records import Cut, EdlRecord, NewAsset, NewEdl, NewSession


async def put_session(conn: AsyncConnection, session_id: str, given: NewSession) -> SessionRecord:
    """Create a session, or replace its title and project."""
    check_name("session_id", session_id)
    async with conn.transaction():
        await sessions.put_session(conn, session_id, title=given.title, project_id=given.project_id)
        return await get_session(conn, session_id)


async def get_session(conn: AsyncConnection, session_id: str) -> SessionRecord:
    """A session with its EDL and its assets; Missing when there is none."""
    check_name("session_id", session_id)
    session = existing(session_id, await sessions.get_session(conn, session_id))
    edl = await sessions.get_edl(conn, session_id)
    assets = await sessions.list_assets(conn, session_id)
    return SessionRecord(
        **session._asdict(),
        edl=shown(edl) if edl else None,
        assets=[AssetRecord.model_validate(asset) for asset in assets],
    )


async def put_asset(
    conn: AsyncConnection, session_id: str, asset_id: str, given: NewAsset
) -> AssetRecord:
    """Add an asset, or say where its film is now; Refused when a locked EDL would lose it."""
    check_name("asset_id", asset_id)
    try:
        async with conn.transaction():
            await hold_session(conn, session_id)
            stored = await sessions.put_asset(
                conn,
                session_id,
                asset_id,
                mezzanine_url=given.mezzanine_url,
                duration_s=given.duration_s,
            )
    except psycopg.errors.RestrictViolation as wrong:
        raise Refused(f"{wrong.diag.message_primary}; {how('unlock', session_id)}") from None
    return AssetRecord.model_validate(stored)


async def put_edl(conn: AsyncConnection, session_id: str, given: NewEdl) -> EdlRecord:
    """Replace a session's cuts; Refused while they are locked."""
    async with conn.transaction():
        await hold_session(conn, session_id)
        edl = await sessions.put_edl(conn, session_id, given.model_dump()["cuts"])
        if edl is None:
            raise Refused(f"session {session_id}: its EDL is locked; {how('unlock', session_id)}")
        return shown(edl)


async def lock_edl(conn: AsyncConnection, session_id: str) -> EdlRecord:
    """Let a session's cuts be rendered, and nobody change them; Refused when they are none."""
    async with conn.transaction():
        edl = await move_edl(conn, session_id, "locked")
        # An error takes the lock back.
        check_cuts(session_id, edl, remedy=how("write", session_id))
        return shown(edl)


async def unlock_edl(conn: AsyncConnection, session_id: str) -> EdlRecord:
    """Let a session's cuts be changed again; jobs that were made of them stay as they are."""
    async with conn.transaction():
        return shown(await move_edl(conn, session_id, "draft"))


async def move_edl(conn: AsyncConnection, session_id: str, status: str) -> Edl:
    """Lock or unlock; Missing without a session or an EDL."""
    await hold_session(conn, session_id)
    edl = await sessions.move_edl(conn, session_id, status)
    if edl is None:
        raise Missing(f"session {session_id}: it has no EDL; {how('write', session_id)}")
    return edl


async def hold_session(conn: AsyncConnection, session_id: str) -> Session:
    """A session that stays as it is until the transaction ends; Missing when there is none."""
    check_name("session_id", session_id)
    return existing(session_id, await sessions.hold_session(conn, session_id))


def existing(session_id: str, session: Session | None) -> Session:
    """The session; Missing when there is none."""
    if session is None:
        place = address(session_id)
        raise Missing(f"there is no session '{session_id}'; create it with PUT {place}")
    return session


def check_cuts(session_id: str, edl: Edl, *, remedy: str) -> list[Cut]:
    """The cuts that are stored; Refused when something else is."""
    try:
        return read_cuts(edl)
    except Invalid as wrong:
        raise Refused(
            f"session {session_id}: its EDL cannot be rendered ({wrong}); {remedy}"
        ) from None


def how(verb: str, session_id: str) -> str:
    """What to do about an EDL."""
    edl = f"{address(session_id)}/edl"
    return {
        "write": f"write its cuts with PUT {edl}",
        "lock": f"lock it with POST {edl}/lock",
        "unlock": f"unlock it with POST {edl}/unlock",
    }[verb]


def address(session_id: str) -> str:
    """Where a session is found by HTTP."""
    return f"/api/sessions/{quote(session_id, safe='')}"
