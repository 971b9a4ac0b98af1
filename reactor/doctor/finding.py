"""What one look at the machine found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One check: what it looked at, how it stands, and what mends it."""

    name: str
    state: State
    said: str
    mend: str = ""


def well(name: str, said: str) -> Finding:
    """All is as it should be."""
    return Finding(name, State.OK, said)


def noted(name: str, said: str, mend: str = "") -> Finding:
    """Worth knowing, and nothing that the configured farm needs."""
    return Finding(name, State.NOTE, said, mend)


def amiss(name: str, said: str, mend: str, *, needed: bool = True) -> Finding:
    """What is wrong and what mends it; only a note where nobody needs it."""
    return Finding(name, State.FAILED if needed else State.NOTE, said, mend)
