"""A flush and what becomes of it: every pending job is due now, and each is told of when it ends.

The table is asked; what is heard only says when. Nobody waits where nothing can move: without a reactor,
or in a farm that is paused, the end says so and how many jobs are left.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, Field

from reactor.db import commands, flush
from reactor.models import JobId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from psycopg import AsyncConnection

    from reactor.events import Announced

MOST_JOBS = 10_000
"""So many jobs are followed; a longer queue is flushed whole and followed in part."""
LOOK_S = 2.0
SETTLE_S = 0.1
"""Jobs that end together are read together."""
ENDS = frozenset({"job.complete", "job.failed", "job.cancelled"})
UNATTENDED = "no reactor is running"
PAUSED = "the farm is paused"
TIME_IS_UP = "the time is up"
T = TypeVar("T")


class Watching(Protocol):
    """How whoever follows sees the table, and hears that it is worth a look."""

    async def look(self, ask: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Ask the database."""

    async def hear(self, timeout_s: float, matters: Callable[[Announced], bool]) -> bool:
        """Wait for an announcement that matters, or for the time to be over."""


class Flushed(BaseModel):
    """What was flushed."""

    type: Literal["flush"] = "flush"
    flushed: int = Field(description="Approved jobs that were pending.", examples=[12])
    jobs: list[JobId] = Field(
        description=f"Their ids in the order of the claims, at most {MOST_JOBS}.",
        examples=[[42, 43]],
    )
    paused: bool = Field(description="Nothing is claimed until somebody resumes the farm.")
    outcome: str = Field(
        description="What was done, in a sentence.", examples=["12 pending jobs are due now"]
    )


class JobEnded(BaseModel):
    """A job has ended."""

    type: Literal["job"] = "job"
    id: JobId = Field(examples=[42])
    niche: str | None = Field(examples=["solopreneur"])
    platform: str | None = Field(examples=["youtube"])
    template_id: str | None = Field(examples=["title-card"])
    status: str = Field(
        description="`complete`, `failed`, `cancelled`, or `gone`: the row was deleted."
    )
    output_path: str | None
    error_class: str | None
    error_message: str | None
    seconds: float | None = Field(description="From the start of the render to the end of the job.")
    left: int = Field(description="Jobs of this flush that have yet to end.", examples=[11])


class Summary(BaseModel):
    """Nothing more is told of this flush."""

    type: Literal["end"] = "end"
    complete: int
    failed: int
    cancelled: int
    gone: int
    left: int = Field(description="Jobs that have not ended.")
    reason: str | None = Field(description="Why nobody waits for those that are left.")


async def flush_pending_jobs(conn: AsyncConnection, *, given_by: str) -> Flushed:
    """Make everything pending due now, in the caller's transaction; every reactor sees to its renderer."""
    # Looked at first: what is claimed from here on belongs to the flush all the same.
    waiting = await flush.find_waiting(conn, most=MOST_JOBS)
    outcome = await commands.obey(conn, "flush", given_by=given_by)
    return Flushed(
        flushed=waiting.pending,
        jobs=waiting.ids,
        paused=waiting.paused,
        outcome=outcome.sentence,
    )


async def follow(
    watching: Watching,
    ids: Sequence[JobId],
    *,
    look_s: float = LOOK_S,
    patience_s: float = float("inf"),
) -> AsyncGenerator[JobEnded | Summary]:
    """Tell of each job as it ends, and then how it went; also when the rest cannot be expected to move."""
    left = dict.fromkeys(ids)
    counts: Counter[str] = Counter()
    reason: str | None = None
    ends_at = monotonic() + patience_s
    while left:
        for job in await watching.look(partial(flush.find_ended, ids=list(left))):
            del left[job.id]
            counts[job.status] += 1
            yield JobEnded(**job._asdict(), left=len(left))
        if not left:
            break
        prospect = await watching.look(partial(flush.find_prospect, ids=list(left)))
        if reason := why_not(prospect) or (TIME_IS_UP if monotonic() >= ends_at else None):
            break
        pause_s = look_s * random.uniform(0.75, 1.25)
        if await watching.hear(pause_s, is_an_end):
            await watching.hear(SETTLE_S, lambda _: False)
    yield Summary(**tally(counts), left=len(left), reason=reason)


def why_not(prospect: flush.Prospect) -> str | None:
    """Why none of the jobs can be expected to end; None when they can."""
    if not prospect.attended:
        return UNATTENDED
    # What is in work goes on in a paused farm, too.
    return PAUSED if prospect.paused and not prospect.in_work else None


def tally(counts: Counter[str]) -> dict[str, Any]:
    """The ends by kind, also those that did not happen."""
    return {kind: counts[kind] for kind in ("complete", "failed", "cancelled", "gone")}


def is_an_end(said: Announced) -> bool:
    """Whether jobs have ended."""
    return getattr(said, "event", None) in ENDS
