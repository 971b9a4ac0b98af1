"""Recording sessions: their films and their list of cuts.

Cuts come back as text of at most `LONGEST_CUTS` characters, since people write them from psql, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row, tuple_row
from psycopg.types.json import Jsonb

from reactor.db.statements import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

SQL = statements("sessions")
LONGEST_CUTS = 1_000_000
"""Characters of JSON; 200 cuts of well-named assets are a third of it."""


class Session(NamedTuple):
    """A recording session as it stands in the table."""

    session_id: str
    title: str | None
    project_id: str | None
    created_at: datetime


class Asset(NamedTuple):
    """A film of a session as it stands in the table."""

    asset_id: str
    mezzanine_url: str | None
    duration_s: float | None
    created_at: datetime


class Edl(NamedTuple):
    """A list of cuts as it stands in the table."""

    status: str
    cuts: str
    created_at: datetime
    locked_at: datetime | None


async def put_session(
    conn: AsyncConnection, session_id: str, *, title: str | None, project_id: str | None
) -> None:
    """Create a session, or replace its title and project."""
    await conn.execute(
        SQL["put_session"], {"session_id": session_id, "title": title, "project_id": project_id}
    )


async def get_session(conn: AsyncConnection, session_id: str) -> Session | None:
    """Read a session."""
    cursor = await conn.cursor(row_factory=class_row(Session)).execute(
        SQL["get_session"], {"session_id": session_id}
    )
    return await cursor.fetchone()


async def hold_session(conn: AsyncConnection, session_id: str) -> Session | None:
    """Read a session and keep it as it is until the transaction ends."""
    cursor = await conn.cursor(row_factory=class_row(Session)).execute(
        SQL["hold_session"], {"session_id": session_id}
    )
    return await cursor.fetchone()


async def put_asset(
    conn: AsyncConnection,
    session_id: str,
    asset_id: str,
    *,
    mezzanine_url: str | None,
    duration_s: float | None,
) -> Asset:
    """Add an asset or replace what is said of it; RestrictViolation when a locked EDL needs its URL."""
    given = {
        "session_id": session_id,
        "asset_id": asset_id,
        "mezzanine_url": mezzanine_url,
        "duration_s": duration_s,
    }
    cursor = await conn.cursor(row_factory=class_row(Asset)).execute(SQL["put_asset"], given)
    [stored] = await cursor.fetchall()
    return stored


async def list_assets(conn: AsyncConnection, session_id: str) -> list[Asset]:
    """Read a session's assets, by their ids."""
    cursor = await conn.cursor(row_factory=class_row(Asset)).execute(
        SQL["list_assets"], {"session_id": session_id}
    )
    return await cursor.fetchall()


async def hold_assets(
    conn: AsyncConnection, session_id: str, asset_ids: Sequence[str]
) -> dict[str, str | None]:
    """The mezzanine URL of each of these assets that exists; they stay so until the transaction ends."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["hold_assets"], {"session_id": session_id, "asset_ids": list(asset_ids)}
    )
    return dict(await cursor.fetchall())


async def put_edl(
    conn: AsyncConnection, session_id: str, cuts: Sequence[dict[str, Any]]
) -> Edl | None:
    """Replace a session's cuts; None when they are locked."""
    cursor = await conn.cursor(row_factory=class_row(Edl)).execute(
        SQL["put_edl"], {"session_id": session_id, "cuts": Jsonb(cuts), "most": LONGEST_CUTS}
    )
    return await cursor.fetchone()


async def get_edl(conn: AsyncConnection, session_id: str) -> Edl | None:
    """Read a session's EDL."""
    cursor = await conn.cursor(row_factory=class_row(Edl)).execute(
        SQL["get_edl"], {"session_id": session_id, "most": LONGEST_CUTS}
    )
    return await cursor.fetchone()


async def hold_edl(conn: AsyncConnection, session_id: str) -> Edl | None:
    """Read a session's EDL and keep it as it is until the transaction ends."""
    cursor = await conn.cursor(row_factory=class_row(Edl)).execute(
        SQL["hold_edl"], {"session_id": session_id, "most": LONGEST_CUTS}
    )
    return await cursor.fetchone()


async def move_edl(conn: AsyncConnection, session_id: str, status: str) -> Edl | None:
    """Make an EDL `locked` or `draft`; None when the session has none."""
    cursor = await conn.cursor(row_factory=class_row(Edl)).execute(
        SQL["move_edl"], {"session_id": session_id, "status": status, "most": LONGEST_CUTS}
    )
    return await cursor.fetchone()
