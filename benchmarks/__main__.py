"""`python -m benchmarks`: every measurement, one table."""

from __future__ import annotations

import json
import os
import sys
import time
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from benchmarks.bench import open_bench
from benchmarks.machine import describe
from benchmarks.table import as_json, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from benchmarks.bench import Bench
    from benchmarks.table import Line

WIDTH = 150


class Name(StrEnum):
    """The measurements, in the order in which they are made: the noisy ones last."""

    PICKUP = "pickup"
    INSERTS = "inserts"
    IDLE = "idle"
    FILES = "files"
    DRAIN = "drain"
    CLAIMS = "claims"
    STATS = "stats"
    SERVICE = "service"
    RENDERS = "renders"
    REMOTION = "remotion"


def main(
    only: Annotated[list[Name] | None, typer.Option(help="Only this; can be repeated.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds, smaller tables.")] = False,
    as_data: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the reactor beside its yardsticks on one embedded PostgreSQL 18, durable."""
    forget_settings()
    # The bar to pass is the whole run's, so all of it is timed.
    began = time.monotonic()
    with open_bench(quick=quick) as bench:
        about = describe(bench.server.dsn)
        lines = run(bench, only or list(Name))
    took_s = time.monotonic() - began
    show(about, lines, took_s, as_data=as_data)


def forget_settings() -> None:
    """The defaults are measured, whatever is configured here."""
    for name in list(os.environ):
        if name.startswith(("REACTOR_", "PGQUEUER_", "PG")) or name == "DATABASE_URL":
            del os.environ[name]


def run(bench: Bench, names: Sequence[Name]) -> list[Line]:
    """One measurement after another; how far it is goes to standard error."""
    lines: list[Line] = []
    for name in dict.fromkeys(names):
        began = time.monotonic()
        print(f"{name} … ", end="", file=sys.stderr, flush=True)
        lines += measurement(name).measure(bench)
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return lines


def measurement(name: Name) -> ModuleType:
    """The module of that name; one can be made where the contestants of another are missing."""
    try:
        return import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as missing:
        if missing.name and missing.name.startswith("benchmarks"):
            raise
        sys.exit(f"benchmarks: {missing.name} is not installed; run pip install '.[bench]'")


def show(about: dict[str, Any], lines: Sequence[Line], took_s: float, *, as_data: bool) -> None:
    """The table under a description of the machine, or both as JSON."""
    if as_data:
        print(json.dumps({"machine": about, "took_s": round(took_s), "lines": as_json(lines)}))
        return
    terminal = Console(width=None if sys.stdout.isatty() else WIDTH)
    for what, value in about.items():
        terminal.print(f"{what.replace('_', ' ')}: {value}", highlight=False)
    terminal.print(table(lines))
    missed = [line for line in lines if line.target and not line.target.met]
    terminal.print(f"{len(missed)} targets missed; {took_s:.0f} s in all")


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
