"""What a run has found: lines of one table, for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Target:
    """What a value should be, and whether it is."""

    words: str
    met: bool


@dataclass(frozen=True)
class Line:
    """One contestant in one measurement; `low` and `high` are the worst and best of the rounds."""

    measurement: str
    who: str
    value: float
    unit: str
    low: float
    high: float
    rounds: int
    ratio: float | None = None
    target: Target | None = None


def line(
    measurement: str,
    who: str,
    samples: Sequence[float],
    unit: str,
    *,
    ratio: float | None = None,
    target: Target | None = None,
) -> Line:
    """The median of the rounds, and their extremes."""
    low, high, rounds = min(samples), max(samples), len(samples)
    return Line(measurement, who, median(samples), unit, low, high, rounds, ratio, target)


def nothing(measurement: str, why: str) -> Line:
    """What could not be measured here."""
    return Line(measurement, why, 0, "", 0, 0, 0)


def at_least(value: float, bound: float, what: str = "ratio") -> Target:
    """More is better."""
    return Target(f"{what} ≥ {bound:g}", value >= bound)


def at_most(value: float, bound: float, what: str = "ratio") -> Target:
    """Less is better."""
    return Target(f"{what} ≤ {bound:g}", value <= bound)


def table(lines: Sequence[Line]) -> Table:
    """All lines, a rule between measurements."""
    view = Table(
        title="The reactor and its yardsticks, in one run",
        caption="ratio: ours divided by the other's, round by round, the median of that",
        title_justify="left",
        caption_justify="left",
    )
    for heading in ("measurement", "who"):
        view.add_column(heading)
    for heading in ("median", "low – high", "rounds", "ratio"):
        view.add_column(heading, justify="right")
    view.add_column("target")
    for index, row in enumerate(lines):
        first = index == 0 or lines[index - 1].measurement != row.measurement
        last = index + 1 == len(lines) or lines[index + 1].measurement != row.measurement
        view.add_row(
            row.measurement if first else "",
            row.who,
            f"{number(row.value)} {row.unit}" if row.rounds else "",
            f"{number(row.low)} – {number(row.high)}" if row.rounds else "",
            str(row.rounds),
            "" if row.ratio is None else f"{row.ratio:.2f}",
            "" if row.target is None else f"{row.target.words} {verdict(row.target)}",
            end_section=last,
        )
    return view


def verdict(target: Target) -> str:
    """Whether it was reached, in a word."""
    return "✓" if target.met else "missed"


def number(value: float) -> str:
    """Three digits that matter."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def as_json(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The lines as plain data."""
    return [asdict(row) for row in lines]
