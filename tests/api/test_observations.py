"""`docs/observations.md` names every observation there is, with the level it is logged at."""

from __future__ import annotations

import re
from pathlib import Path

from reactor.observe import ERRORS, QUIET, WARNINGS, Seen

TABLE = Path(__file__).parents[2] / "docs" / "observations.md"
ROW = re.compile(
    r"^\| `(?P<name>[\w.]+)` \| (?P<level>\w+) \| (?P<facts>.*?) \| (?P<when>.+) \|$", re.M
)


def level(seen: Seen) -> str:
    """The level at which it is logged."""
    named = {"error": ERRORS, "warning": WARNINGS, "quiet": QUIET}
    return next((name for name, members in named.items() if seen in members), "info")


def test_the_table_is_the_enum_with_its_levels() -> None:
    rows = ROW.findall(TABLE.read_text("utf-8"))

    assert [(name, said) for name, said, _, _ in rows] == [
        (seen.value, level(seen)) for seen in Seen
    ]


def test_every_row_says_when() -> None:
    rows = ROW.findall(TABLE.read_text("utf-8"))

    assert all(when.endswith(".") for _, _, _, when in rows)
