"""`bin/reactor doctor`: the settings and where they come from, what is missing, and what mends it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import anyio
import typer

from reactor.cli.app import Json, app
from reactor.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from reactor.cli.origins import Origin
    from reactor.doctor.finding import Finding

WIDTH = 80
TONES = {"ok": "green", "note": "yellow", "failed": "red"}


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say where each setting comes from, and whether this machine has what the configured farm needs.

    Exit code 0 when it has, 1 when something is missing; what nobody needs is a note.
    """
    from reactor.cli.origins import origins
    from reactor.doctor import machine, remotion, services
    from reactor.doctor.finding import State

    settings = load()
    found: list[Finding] = [
        *machine.look(settings),
        *anyio.run(services.look, settings),
        *remotion.look(settings),
    ]
    missing = sum(finding.state is State.FAILED for finding in found)
    if as_json:
        said = {
            "ok": not missing,
            "settings": [asdict(origin) for origin in origins(settings)],
            "checks": [asdict(finding) for finding in found],
        }
        typer.echo(json.dumps(said, indent=2))
    else:
        show(list(origins(settings)), found, missing)
    raise typer.Exit(1 if missing else 0)


def show(settings: Sequence[Origin], found: Sequence[Finding], missing: int) -> None:
    """Two tables and a sentence."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    console.print(settings_table(settings))
    console.print()
    console.print(findings_table(found))
    console.print()
    renderer = next(one.value for one in settings if one.name == "REACTOR_RENDERER")
    said = f"{missing} missing" if missing else "all there"
    console.print(f"for REACTOR_RENDERER={renderer}: {said}", markup=False)


def settings_table(settings: Sequence[Origin]) -> Table:
    """Name, value, origin; what is set stands out."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", no_wrap=True)
    for one in settings:
        style = "dim" if one.origin == "default" else "bold"
        # Text, because paths and names are not markup.
        table.add_row(Text(one.name, style), Text(one.value, style), Text(one.origin, style))
    return table


def findings_table(found: Sequence[Finding]) -> Table:
    """A line for each check, and below it what mends it."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("what", overflow="fold")
    for one in found:
        said = Text(one.said)
        if one.mend:
            said.append(f"\n-> {one.mend}", "bold")
        table.add_row(one.name, Text(one.state, TONES[one.state]), said)
    return table
