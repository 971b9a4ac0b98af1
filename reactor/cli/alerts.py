"""`bin/reactor alerts`: what needs a person."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from reactor.cli.app import Json, app
from reactor.cli.session import with_database

if TYPE_CHECKING:
    from rich.text import Text

    from reactor.db.alerts import Alert


@app.command()
def alerts(
    as_json: Json = False,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    most: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest first.")] = 50,
) -> None:
    """Show what needs a person."""
    from reactor.db.alerts import list_alerts

    found: list[Alert] = with_database(
        partial(list_alerts, ended=everything, before=None, most=most)
    )
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in found], default=str, indent=2))
        return
    from rich.console import Console

    console = Console()
    for one in found:
        console.print(line_of(one), soft_wrap=True)
    if not found:
        console.print("there is no alert", style="green")


def line_of(alert: Alert) -> Text:
    """One alert in a line: since when, what, and whether it is over."""
    from rich.text import Text

    from reactor.cli.show import moment, printable

    over = f", over {moment(alert.resolved_at)}" if alert.resolved_at else ""
    said = f"{moment(alert.raised_at)}{over}  {alert.kind}  {printable(alert.message)}"
    # Text, because what producers and renderers write is not markup.
    return Text(said, style="dim" if over else "red")
