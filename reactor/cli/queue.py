"""Commands about the queue: fill it, sort it, look at it, take back what is stuck."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from reactor.cli.app import Json, app
from reactor.cli.session import given_by, with_database

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.db.filler import PendingJob
    from reactor.filler import Lacking

COUNT_COLUMNS = ("niche", "platform", "count")
NUMBERS = {"ignore_unknown_options": True}
"""A number may be negative: it is refused in words, and not as an option that there is not."""


@app.command(context_settings=NUMBERS)
def fill(
    target: Annotated[
        int | None,
        typer.Argument(help="How many jobs should be pending; REACTOR_FILL_TARGET, or 15."),
    ] = None,
) -> None:
    """Make jobs of the catalogue until so many are pending."""
    from reactor import filler
    from reactor.settings import load

    wanted = target if target is not None else load().fill_target or filler.TARGET
    filled = with_database(lambda conn: filler.fill_queue(conn, wanted, given_by=given_by()))
    typer.echo(filled.sentence)


@app.command()
def prioritize() -> None:
    """Set the priority of pending jobs: performance of the niche times engagement of the platform."""
    from reactor import filler

    typer.echo(
        with_database(lambda conn: filler.prioritize_jobs(conn, given_by=given_by())).sentence
    )


@app.command("flush-stale", context_settings=NUMBERS)
def flush_stale(
    hours: Annotated[
        float, typer.Argument(help="How many hours an attempt may be in work.")
    ] = 24.0,
) -> None:
    """Take back jobs that have been in work for too long."""
    from reactor import filler
    from reactor.settings import load

    longest_render_s = load().render_timeout_s
    flushed = with_database(
        lambda conn: filler.flush_stale_jobs(
            conn, hours, longest_render_s=longest_render_s, given_by=given_by()
        )
    )
    typer.echo(flushed.sentence)


@app.command()
def pending(
    file: Annotated[
        Path | None,
        typer.Argument(help="With --check: a CSV file with the columns niche, platform, count."),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Say which jobs are missing, by default of the twelve first ones."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what waits, or whether everything is there that should be."""
    if check:
        check_jobs(file, as_json=as_json)
    elif file is not None:
        raise typer.BadParameter("a file is read with --check only", param_hint="'file'")
    else:
        show_pending(as_json=as_json)


def show_pending(*, as_json: bool) -> None:
    """Everything pending, the most urgent first."""
    from reactor import filler

    found = with_database(filler.get_pending_jobs)
    if as_json:
        typer.echo(json.dumps([job.model_dump() for job in found], indent=2, ensure_ascii=False))
        return
    if found:
        print_jobs(found)
    typer.echo(f"{len(found)} pending")


def print_jobs(jobs: Sequence[PendingJob]) -> None:
    """A table for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("job", "niche", "platform", "template", "priority", "waits"):
        table.add_column(heading, overflow="fold")
    for job in jobs:
        shown = (job.id, job.niche, job.platform, job.template_id, job.priority, job.waits)
        # Text, because what producers write is not markup.
        table.add_row(*(Text("" if value is None else str(value)) for value in shown))
    Console().print(table)


def check_jobs(file: Path | None, *, as_json: bool) -> None:
    """Whether there is a job that nobody has cancelled for everything that is wanted; exit 1 if not."""
    from reactor import filler
    from reactor.demo.script import SCRIPT

    wanted = (
        read_counts(file) if file else Counter((niche, platform) for niche, platform, *_ in SCRIPT)
    )
    lacking: list[Lacking] = with_database(lambda conn: filler.find_lacking(conn, wanted))
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in lacking], indent=2, ensure_ascii=False))
    else:
        for one in lacking:
            missing = f"{one.wanted - one.found} missing of {one.wanted}"
            typer.echo(f"{one.niche}/{one.platform}: {missing}")
        if not lacking:
            typer.echo(f"all {sum(wanted.values())} jobs are there")
    if lacking:
        raise typer.Exit(1)


def read_counts(file: Path) -> Counter[tuple[str, str]]:
    """How many jobs of each niche and platform a CSV file wants; Invalid names each bad line."""
    from reactor.catalog.files import Sheet, csv_lines, read_text

    sheet = Sheet(file.name)
    lines = csv_lines(read_text(file), sheet)
    line, header = next(lines, (1, []))
    wanted: Counter[tuple[str, str]] = Counter()
    if [name.strip() for name in header] != list(COUNT_COLUMNS):
        sheet.refuse(line, f"the header must be {','.join(COUNT_COLUMNS)}")
        sheet.judge()
    for line, cells in lines:
        niche, platform, many = (*(cell.strip() for cell in cells), "", "", "")[:3]
        if len(cells) != len(COUNT_COLUMNS) or not niche or not platform:
            sheet.refuse(line, f"must have a niche, a platform and a count; it has {cells!r}")
        elif not (many.isascii() and many.isdigit() and 1 <= int(many[:10]) < 10**9):
            sheet.refuse(line, f"count: is {many!r}; allowed: 1 to 999999999")
        else:
            wanted[niche, platform] += int(many)
    sheet.judge()
    return wanted
