"""`/api/sessions`: recording sessions, where their films are, and their list of cuts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Path

from reactor import sessions
from reactor.api.route import AWAY, Route
from reactor.records import Name
from reactor.sessions import (
    AssetRecord,
    EdlRecord,
    NewAsset,
    NewEdl,
    NewSession,
    SessionRecord,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context

SessionId = Annotated[Name, Path(examples=["s1"])]
AssetId = Annotated[Name, Path(examples=["camera_1"])]
MISSING = {**AWAY, 404: "No such session."}
LOCKED = {**MISSING, 409: "The EDL is locked."}


class Sessions:
    """Writes sessions down, and locks what is to be rendered."""

    def __init__(self, context: Context) -> None:
        self._database = context.database

    async def put(self, session_id: SessionId, given: NewSession) -> SessionRecord:
        """Create a session, or replace its title and project."""
        async with self._database.connection() as conn:
            return await sessions.put_session(conn, session_id, given)

    async def show(self, session_id: SessionId) -> SessionRecord:
        """A session with its EDL and its assets."""
        async with self._database.connection() as conn:
            return await sessions.get_session(conn, session_id)

    async def put_asset(
        self, session_id: SessionId, asset_id: AssetId, given: NewAsset
    ) -> AssetRecord:
        """Add an asset, or say where its film is now."""
        async with self._database.connection() as conn:
            return await sessions.put_asset(conn, session_id, asset_id, given)

    async def put_edl(self, session_id: SessionId, given: NewEdl) -> EdlRecord:
        """Replace the cuts, while they are a draft."""
        async with self._database.connection() as conn:
            return await sessions.put_edl(conn, session_id, given)

    async def lock(self, session_id: SessionId) -> EdlRecord:
        """Lock the cuts, so that they can be rendered; until they are unlocked nobody can change them."""
        async with self._database.connection() as conn:
            return await sessions.lock_edl(conn, session_id)

    async def unlock(self, session_id: SessionId) -> EdlRecord:
        """Make the cuts a draft again; jobs that were made of them stay as they are."""
        async with self._database.connection() as conn:
            return await sessions.unlock_edl(conn, session_id)


def routes(context: Context) -> Sequence[Route]:
    """Everything under `/api/sessions`."""
    served, tag, one = Sessions(context), "sessions", "/api/sessions/{session_id}"
    asset, edl = f"{one}/assets/{{asset_id}}", f"{one}/edl"
    uncut = {**MISSING, 409: "What is stored is no list of cuts."}
    return (
        Route(one, served.show, tag, SessionRecord, problems=MISSING),
        Route(one, served.put, tag, SessionRecord, problems=AWAY, method="PUT"),
        Route(asset, served.put_asset, tag, AssetRecord, problems=LOCKED, method="PUT"),
        Route(edl, served.put_edl, tag, EdlRecord, problems=LOCKED, method="PUT"),
        Route(f"{edl}/lock", served.lock, tag, EdlRecord, problems=uncut, method="POST"),
        Route(f"{edl}/unlock", served.unlock, tag, EdlRecord, problems=MISSING, method="POST"),
    )
