"""What every renderer is: a thing that takes an order and answers with a file, or says why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reactor.errors import RenderFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reactor.models import JobId, RenderSpec


LOG_BYTES = 8 * 1024
"""Of a renderer's log, kept with the attempt."""


@dataclass(frozen=True)
class Order:
    """One attempt, ready to be drawn."""

    job_id: JobId
    attempt: int
    spec: RenderSpec
    output_path: Path
    """Where the finished file is to appear, by rename; nothing else may lie there before."""
    claim: str = ""
    """Tells apart the jobs of two databases that share a render server."""

    @property
    def id(self) -> str:
        """The same id is the same render, however often it is asked for."""
        return "-".join(filter(None, (str(self.job_id), str(self.attempt), self.claim)))


@dataclass(frozen=True)
class Progress:
    """How far a render is."""

    fraction: float
    """0.0–1.0, never going back within one attempt."""
    rendered_frames: int | None = None
    total_frames: int | None = None
    eta_s: float | None = None


@dataclass(frozen=True)
class Rendered:
    """A renderer's word that the file is there; the file itself is judged later."""

    path: Path
    version: str | None = None
    frames: int | None = None
    """How many frames the renderer drew; a file with fewer was cut short."""
    log: str | None = None
    """What it had to say while drawing."""


def log_tail(said: object) -> str | None:
    """The last lines of a log as they are kept: no control characters but the newline, not too much."""
    if not isinstance(said, str):
        return None
    # Cut twice: before the costly part, and after it, because a character has up to four bytes.
    lines = said[-LOG_BYTES:].replace("\r\n", "\n").split("\n")
    plain = "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines)
    end = plain.strip().encode("utf-8", "replace")[-LOG_BYTES:]
    return end.decode("utf-8", "ignore") or None


class Busy(RenderFailed):
    """The renderer has no room just now; the same order may be taken in a moment."""


class Renderer(Protocol):
    """Draws videos somewhere: on this machine, on a cluster, at a service.

    One that also has a `version` (a text, None while it is unknown) draws the same from the same order as
    long as that stays the same: its videos may be taken over by equal jobs.
    """

    @property
    def draws(self) -> bool:
        """False for a dry run: its jobs end as soon as they are claimed, whole claims at once."""

    @property
    def slots(self) -> int:
        """How many renders it takes at once just now; 0 while it is down."""

    async def render(self, order: Order, report: Callable[[Progress], None]) -> Rendered:
        """Draw, reporting now and then; RenderFailed says why it did not work out, Busy to ask again.

        Cancelling the call stops the render for certain before the cancellation goes on.
        """
