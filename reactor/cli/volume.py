"""Commands about how much is made: `volume` with its bars, and `stats`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactor.cli.app import Json, app
from reactor.cli.session import with_database

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from reactor.volume import PlatformPace, Volume

STATES = ("total", "pending", "processing", "complete", "failed", "cancelled")
LABEL, COUNT = 12, 8
"""What stands left and right of a bar."""
SHORTEST, LONGEST = 10, 60


@app.command()
def volume(
    days: Annotated[int, typer.Option(min=7, max=30, help="Days to show; today is the last.")] = 14,
    as_json: Json = False,
) -> None:
    """Show how much was made day by day, and whether today will be enough."""
    from reactor.volume import get_volume

    found: Volume = with_database(lambda conn: get_volume(conn, days=days))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        show(found)


@app.command()
def stats(as_json: Json = False) -> None:
    """Count the jobs in every state."""
    from reactor.db.jobs import get_job_stats

    found: dict[str, Any] = with_database(get_job_stats)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name in (*STATES, "complete_today"):
        typer.echo(f"{name.replace('_', ' '):<14} {found[name]:>12,}")
    if found["oldest_due_s"] is not None:
        typer.echo(f"the longest-waiting due job has waited {found['oldest_due_s']:,.0f} s")


def show(found: Volume) -> None:
    """A bar for each day, a sentence, and a line for each platform."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text.assemble(("Renders a day", "bold"), f", {zone(found.time_zone)}"))
    for line in chart(found, console):
        console.print(line)
    console.print()
    console.print(
        Text(found.sentence, style=tone(on_pace=found.is_on_pace, on_course=found.on_course))
    )
    console.print(
        f"{found.velocity:g} a day over the seven full days before today\n"
        f"{found.per_hour:g} an hour over the last 24 hours; {found.hours_left:.1f} hours are left of today"
    )
    if found.platforms:
        console.print()
        console.print(platform_table(found.platforms, others=found.others))


def chart(found: Volume, console: Console) -> Iterable[Text]:
    """The days as bars on one scale, with a mark where the target is."""
    from rich.text import Text

    ascii_only = console.options.ascii_only
    full, rest, mark = ("#", ".", "|") if ascii_only else ("█", "·", "│")
    width = min(max(console.width - LABEL - COUNT - 1, SHORTEST), LONGEST)
    most = max(found.target_per_day, *(day.renders for day in found.days))
    target_at = max(round(found.target_per_day / most * width) - 1, 0)
    for day in found.days:
        today = day.day == found.day
        length = min(max(round(day.renders / most * width), day.renders > 0), width)
        # The days that reached the target end at the mark or beyond it, those that did not before it.
        length = min(length, target_at) if day.renders < found.target_per_day else length
        bar = full * length + (rest if today else " ") * (width - length)
        if length <= target_at:
            bar = bar[:target_at] + mark + bar[target_at + 1 :]
        label = "today" if today else f"{day.day:%a} {day.day.day:>2} {day.day:%b}"
        style = "bold" if today else ""
        yield Text.assemble(
            (f"{label:<{LABEL}}", style),
            (bar, "green" if day.renders >= found.target_per_day else ""),
            (f"{day.renders:>{COUNT},}", style),
        )
    yield Text(
        f"{'':<{LABEL}}{mark:>{target_at + 1}} {found.target_per_day:,} a day".rstrip(), "dim"
    )


def platform_table(platforms: Iterable[PlatformPace], *, others: int) -> Table:
    """Each platform's day: made, wanted, on the way, lacking."""
    from rich.table import Table
    from rich.text import Text

    from reactor.volume import amount

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("platform", overflow="fold", max_width=24)
    for heading in ("today", "wanted", "pending", "rendering", "lacking", "forecast"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for one in platforms:
        state = "on pace" if one.is_on_pace else "on course" if one.on_course else "behind"
        table.add_row(
            # Text, because what people write into the catalogue is not markup.
            Text(one.platform),
            f"{one.done:,}",
            wanted(one),
            f"{one.pending:,}",
            f"{one.processing:,}",
            f"{one.lacking:,}",
            amount(one.forecast),
            Text(state, style=tone(on_pace=one.is_on_pace, on_course=one.on_course)),
        )
    if others:
        table.add_row(Text("(others)", style="dim"), f"{others:,}")
    return table


def zone(name: str) -> str:
    """Where the days begin."""
    return f"in {name}" if name == "UTC" else f"in {name} time"


def wanted(one: PlatformPace) -> str:
    """The least and the target of a platform's day."""
    if one.daily_least == one.daily_target:
        return f"{one.daily_target:,}"
    return f"{one.daily_least:,} to {one.daily_target:,}"


def tone(*, on_pace: bool, on_course: bool) -> str:
    """The colour of how something stands; the words say the same."""
    return "green" if on_pace or on_course else "yellow"
