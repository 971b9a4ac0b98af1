"""Commands about the catalogue: what may be made for whom."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from reactor.cli.app import Json, app
from reactor.cli.session import with_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection
    from rich.table import Table

    from reactor.errors import Invalid

commands = typer.Typer(
    invoke_without_command=True, help="Show or load the catalogue: niches, platforms, templates."
)
app.add_typer(commands, name="niches")
SHOWN = {
    "niches": ("niche", "title", "performance", "hashtags", "made", "enabled"),
    "platforms": (
        "platform", "engagement", "format", "daily_least", "daily_target", "daily_most", "enabled",
    ),
    "templates": ("template_id", "niches", "platforms", "defaults", "enabled"),
}  # fmt: skip
NULLS = {"niches": "all", "platforms": "all", "daily_most": "no end"}
MOST_LINES = 100


@commands.callback()
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show the catalogue."""
    if context.invoked_subcommand is not None:
        return
    from rich.console import Console

    from reactor.catalog import read_catalog

    found = with_database(read_catalog)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    console = Console()
    for kind, rows in found.items():
        console.print(table_of(kind, rows) if rows else f"no {kind} yet")
        if kind != "templates":
            console.print()


def table_of(kind: str, rows: Sequence[dict[str, Any]]) -> Table:
    """One of the three tables for people."""
    from rich.table import Table
    from rich.text import Text

    # One space between columns: the names of a platform's columns just fit into 80.
    table = Table(
        title=kind, title_justify="left", title_style="bold", box=None, pad_edge=False,
        padding=(0, 1, 0, 0),
    )  # fmt: skip
    for column in SHOWN[kind]:
        table.add_column(column, overflow="fold", min_width=len(column))
    for row in rows:
        # Text, because what people load is not markup.
        table.add_row(*(Text(words(row[column], column)) for column in SHOWN[kind]))
    return table


def words(value: Any, column: str) -> str:
    """A value as people read it; where nothing is said, what that means."""
    match value:
        case None:
            return NULLS.get(column, "")
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(map(str, value))
        case dict():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


@commands.command()
def load(
    file: Annotated[Path, typer.Argument(help="A CSV or YAML file; docs/volume.md shows both.")],
) -> None:
    """Load niches, platforms and templates from a file: all of it, or nothing."""
    from reactor.catalog import load_sheet
    from reactor.catalog.files import read_sheet
    from reactor.errors import Invalid

    async def work(conn: AsyncConnection) -> Any:
        try:
            return await load_sheet(conn, sheet)
        except Invalid as refused:
            return refused

    try:
        # Before a database is looked for, or even started.
        sheet = read_sheet(file)
        if not sheet.rows:
            sheet.judge()
    except Invalid as refused:
        complain(refused)
    loaded = with_database(work)
    if isinstance(loaded, Invalid):
        complain(loaded)
    for kind, done in loaded.items():
        typer.echo(f"{kind}: {done.new} new, {done.changed} changed, {done.same} as they were")


def complain(refused: Invalid) -> NoReturn:
    """Say each thing that is wrong on a line of its own, and leave."""
    for error in refused.errors[:MOST_LINES]:
        typer.echo(f"reactor: {error.field}: {error.message}", err=True)
    if (more := len(refused.errors) - MOST_LINES) > 0:
        typer.echo(f"reactor: and {more} more", err=True)
    raise typer.Exit(refused.exit_code)
