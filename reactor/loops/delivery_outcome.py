"""What the answer to a webhook means: it has arrived, is tried again, or is not wanted any more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reactor.egress import Answer

GONE = 410
BUSY = (429, 503)
LONGEST_PAUSE_S = 24 * 3600.0
"""However long a receiver asks us to wait."""


class Fate(Enum):
    """What becomes of the message."""

    ARRIVED = auto()
    FAILED = auto()
    UNWANTED = auto()
    """Nobody is there for any message of this endpoint."""


@dataclass(frozen=True)
class Outcome:
    """How a try ended; `pause_s` is how long the receiver wants to be left alone."""

    fate: Fate
    status: int | None = None
    error: str = ""
    pause_s: float | None = None


def judge(answer: Answer) -> Outcome:
    """Only 2xx has arrived. What the receiver says in the body is not kept: it may be anybody's page."""
    status = answer.status
    if 200 <= status < 300:
        return Outcome(Fate.ARRIVED, status)
    said = f"answered {status} {phrase(status)}".rstrip()
    if status == GONE:
        return Outcome(Fate.UNWANTED, status, said)
    if 300 <= status < 400:
        return Outcome(Fate.FAILED, status, f"{said}; redirects are not followed")
    pause_s = read_retry_after(answer.headers) if status in BUSY else None
    return Outcome(Fate.FAILED, status, said, pause_s)


def phrase(status: int) -> str:
    """The status in words, where it has any."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: a number or a date, at most LONGEST_PAUSE_S; None when it is neither."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdecimal():
        # Longer numbers than Python converts are still only "very long".
        wait_s = float(said[:15]) if len(said) <= 15 else math.inf
    else:
        try:
            wait_s = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait_s, 0.0), LONGEST_PAUSE_S)
