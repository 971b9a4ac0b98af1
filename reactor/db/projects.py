"""Projects: how many of their jobs may be active, and render at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row, scalar_row

from reactor.db.statements import statements

if TYPE_CHECKING:
    from psycopg import AsyncConnection

SQL = statements("projects")


async def hold_project(conn: AsyncConnection, project_id: str) -> int | None:
    """Hold the project until the transaction ends; the most active jobs it was given, if any."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["hold_project"], {"project_id": project_id}
    )
    most: int | None = await cursor.fetchone()
    return most


async def limit_project(
    conn: AsyncConnection, project_id: str, *, max_active: int | None, max_rendering: int | None
) -> None:
    """Set the limits; None is the farm's usual one."""
    await conn.execute(
        SQL["limit_project"],
        {"project_id": project_id, "max_active": max_active, "max_rendering": max_rendering},
    )


async def get_project(conn: AsyncConnection, project_id: str) -> dict[str, Any]:
    """Limits and numbers of a project; one without limits of its own has None."""
    cursor = await conn.cursor(row_factory=dict_row).execute(
        SQL["get_project"], {"project_id": project_id}
    )
    row = await cursor.fetchone()
    return dict(row) if row else {}
