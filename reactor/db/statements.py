"""The named statements of `sql/queries/*.sql`, read once.

A statement starts with `-- name: claim_next_jobs`; the file is the noun. Each has one typed function
of the same name in `reactor/db/<noun>.py`, and tests hold both sides together.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, LiteralString, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def sql_dir() -> Path:
    """`sql/`: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "sql"
    return inside if inside.is_dir() else package.parent / "sql"


@cache
def statements(noun: str) -> Mapping[str, LiteralString]:
    """Every statement about one noun, by name."""
    parts = NAME.split((sql_dir() / "queries" / f"{noun}.sql").read_text("utf-8"))
    named = dict(zip(parts[1::2], map(str.strip, parts[2::2]), strict=True))
    # The text comes from our own files and never from a user: that is what LiteralString promises.
    return MappingProxyType(cast("dict[str, LiteralString]", named))
