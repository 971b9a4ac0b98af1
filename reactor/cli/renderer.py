"""`bin/reactor renderer`: run the embedded render server alone, or install another one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from reactor.cli.app import app
from reactor.settings import load

commands = typer.Typer(help="Run the embedded render server alone; install another one.")
app.add_typer(commands, name="renderer")


class Installable(StrEnum):
    """The render servers that are not simply there."""

    REMOTION = "remotion"


@commands.callback(invoke_without_command=True)
def renderer(context: typer.Context) -> None:
    """Run the embedded render server alone; or install another one."""
    if context.invoked_subcommand is not None:
        return
    from reactor.renderserver import server

    server.main(load())


@commands.command()
def install(
    which: Annotated[Installable, typer.Argument(help="The render server.", metavar="remotion")],
) -> None:
    """Install what a render server needs: the npm packages, and the bundle of its first start.

    Node 20.11 or newer and a browser come from the system; `bin/reactor doctor` says what is missing.
    Remotion's licence is not open source: free for individuals and organisations of up to three employees.
    """
    from reactor.renderers import installation

    settings = load()
    # Where it cannot be done, that alone is said.
    installation.refuse()
    typer.echo(
        "Remotion is not open source: free for individuals and for organisations of up to three"
        " employees; see https://www.remotion.dev/license"
    )
    installation.install(settings, typer.echo)
    typer.echo(f"REACTOR_RENDERER={which} bin/reactor renders with it")
