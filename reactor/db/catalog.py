"""What may be made, for whom: niches, platforms and templates as they stand in their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import scalar_row
from psycopg.types.json import Jsonb

from reactor.db.statements import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    Rows = Sequence[Mapping[str, Any]]

SQL = statements("catalog")


async def hold_catalog(conn: AsyncConnection) -> None:
    """Keep whoever fills the queue, or loads another file, waiting until the transaction ends."""
    await conn.execute(SQL["hold_catalog"])


async def read_niches(conn: AsyncConnection) -> list[dict[str, Any]]:
    """All of them, by name."""
    return await (await conn.cursor(row_factory=scalar_row).execute(SQL["read_niches"])).fetchall()


async def read_platforms(conn: AsyncConnection) -> list[dict[str, Any]]:
    """All of them, by name."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(SQL["read_platforms"])
    return await cursor.fetchall()


async def read_templates(conn: AsyncConnection) -> list[dict[str, Any]]:
    """All of them, by name."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(SQL["read_templates"])
    return await cursor.fetchall()


async def add_niches(conn: AsyncConnection, rows: Rows) -> set[str]:
    """The names that were new."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["add_niches"], {"rows": Jsonb(rows)}
    )
    return set(await cursor.fetchall())


async def add_platforms(conn: AsyncConnection, rows: Rows) -> set[str]:
    """The names that were new."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["add_platforms"], {"rows": Jsonb(rows)}
    )
    return set(await cursor.fetchall())


async def add_templates(conn: AsyncConnection, rows: Rows) -> set[str]:
    """The names that were new."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["add_templates"], {"rows": Jsonb(rows)}
    )
    return set(await cursor.fetchall())


async def change_niches(conn: AsyncConnection, rows: Rows) -> set[str]:
    """The names of those that are other ones now."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["change_niches"], {"rows": Jsonb(rows)}
    )
    return set(await cursor.fetchall())


async def change_platforms(conn: AsyncConnection, rows: Rows) -> set[str]:
    """The names of those that are other ones now."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["change_platforms"], {"rows": Jsonb(rows)}
    )
    return set(await cursor.fetchall())


async def change_templates(conn: AsyncConnection, rows: Rows) -> set[str]:
    """The names of those that are other ones now."""
    cursor = await conn.cursor(row_factory=scalar_row).execute(
        SQL["change_templates"], {"rows": Jsonb(rows)}
    )
    return set(await cursor.fetchall())
