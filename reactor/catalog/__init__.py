"""The catalogue: which niches, platforms and templates there are, shown and loaded from a file.

A file is loaded whole or not at all. What it does not name stays, and so do the columns it does not
have. Whatever is wrong in it is said at once, each with its line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reactor.catalog.files import read_sheet
from reactor.catalog.rows import KINDS, PlatformRow, conflicts, read_row
from reactor.db import catalog as tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from psycopg import AsyncConnection

    from reactor.catalog.files import Said, Sheet
    from reactor.catalog.rows import Row

READ = {
    "niches": tables.read_niches,
    "platforms": tables.read_platforms,
    "templates": tables.read_templates,
}
ADD = {
    "niches": tables.add_niches,
    "platforms": tables.add_platforms,
    "templates": tables.add_templates,
}
CHANGE = {
    "niches": tables.change_niches,
    "platforms": tables.change_platforms,
    "templates": tables.change_templates,
}


class Loaded(NamedTuple):
    """How many rows of one table a file has made, changed, and left as they were."""

    new: int
    changed: int
    same: int


class Placed(NamedTuple):
    """A row that is good by itself, and how the file says it."""

    said: Said
    row: Row


async def read_catalog(conn: AsyncConnection) -> dict[str, list[dict[str, Any]]]:
    """Every niche, platform and template, with all columns."""
    return {kind: await read(conn) for kind, read in READ.items()}


async def load_catalog(conn: AsyncConnection, path: Path) -> dict[str, Loaded]:
    """Load a file; Invalid names everything that is wrong with it, and then nothing has changed."""
    return await load_sheet(conn, read_sheet(path))


async def load_sheet(conn: AsyncConnection, sheet: Sheet) -> dict[str, Loaded]:
    """Load what was read from a file."""
    rows = check_rows(sheet)
    async with conn.transaction():
        await tables.hold_catalog(conn)
        check_together(rows, await read_catalog(conn), sheet)
        return {kind: await save(conn, kind, rows[kind]) for kind in KINDS if rows[kind]}


def check_rows(sheet: Sheet) -> dict[str, list[Placed]]:
    """Each row by itself, and each name once."""
    rows: dict[str, list[Placed]] = {kind: [] for kind in KINDS}
    first: dict[tuple[str, str], int] = {}
    for said in sheet.rows:
        row = read_row(KINDS[said.kind], said.values)
        if isinstance(row, list):
            for error in row:
                sheet.refuse(said.line_of(error.field), f"{error.field}: {error.message}")
            continue
        if (said.kind, row.name) in first:
            line = first[said.kind, row.name]
            sheet.refuse(said.line, f"{row.key}: '{row.name}' is on line {line} already")
        first.setdefault((said.kind, row.name), said.line)
        rows[said.kind].append(Placed(said, row))
    return rows


def check_together(
    rows: Mapping[str, list[Placed]], known: Mapping[str, list[dict[str, Any]]], sheet: Sheet
) -> None:
    """What depends on other rows, and on what the tables have; Invalid says all that is wrong."""
    for kind in ("niches", "platforms"):
        there = names(kind, known, sheet)
        # Also of templates that are wrong in other respects, or their names would be found at the next try.
        for said in sheet.rows:
            wanted = said.values.get(kind) if said.kind == "templates" else None
            for name in wanted if isinstance(wanted, list) else ():
                if isinstance(name, str) and name not in there:
                    allowed = ", ".join(sorted(there)) or "none, there is none yet"
                    message = f"{kind}: '{name}' is unknown; allowed: {allowed}"
                    sheet.refuse(said.line_of(kind), message)
    platforms = {row["platform"]: row for row in known["platforms"]}
    for said, row in rows["platforms"]:
        usual = PlatformRow(platform=row.name).model_dump(mode="json")
        for error in conflicts({**usual, **platforms.get(row.name, {}), **row.said()}):
            sheet.refuse(said.line_of(error.field), f"{error.field}: {error.message}")
    sheet.judge()


def names(kind: str, known: Mapping[str, list[dict[str, Any]]], sheet: Sheet) -> set[str]:
    """What there will be after the file, as far as its rows are good in other respects."""
    key = KINDS[kind].key
    said = {row.values.get(key) for row in sheet.rows if row.kind == kind}
    return {row[key] for row in known[kind]} | {name for name in said if isinstance(name, str)}


async def save(conn: AsyncConnection, kind: str, rows: list[Placed]) -> Loaded:
    """Write the rows of one table."""
    said = [row.said() for _, row in rows]
    new = await ADD[kind](conn, said)
    changed = await CHANGE[kind](conn, said) - new
    return Loaded(len(new), len(changed), len(rows) - len(new) - len(changed))
