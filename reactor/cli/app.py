"""The typer application that the commands are added to, and what they have in common."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An event-driven render farm that lives in Postgres: insert a row and a video comes out.",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Job = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The job's id.")]
