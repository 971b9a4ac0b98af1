"""The moves of a job's life. `sql/triggers.sql` enforces the same ones; tests hold both together.

`docs/states.md` draws them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from reactor.models import JobStatus, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

MOVES: Mapping[JobStatus, frozenset[JobStatus]] = MappingProxyType(
    {
        JobStatus.PENDING: frozenset({JobStatus.PROCESSING, JobStatus.CANCELLED}),
        JobStatus.PROCESSING: frozenset(
            {JobStatus.COMPLETE, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.PENDING}
        ),
        JobStatus.FAILED: frozenset({JobStatus.PENDING}),
        JobStatus.COMPLETE: frozenset(),
        JobStatus.CANCELLED: frozenset(),
    }
)
ADVANCES: Mapping[Stage | None, frozenset[Stage]] = MappingProxyType(
    {
        # A finished file may be there before anybody claimed its job.
        None: frozenset({Stage.CLAIMED, Stage.RENDERED}),
        Stage.CLAIMED: frozenset({Stage.RENDERING, Stage.RENDERED}),
        Stage.RENDERING: frozenset({Stage.RENDERED}),
        Stage.RENDERED: frozenset({Stage.PUBLISHING}),
        Stage.PUBLISHING: frozenset({Stage.RENDERED}),
    }
)
HAPPY_PATH: Mapping[JobStatus, JobStatus] = MappingProxyType(
    {JobStatus.PENDING: JobStatus.PROCESSING, JobStatus.PROCESSING: JobStatus.COMPLETE}
)
DESCRIPTIONS: Mapping[JobStatus, str] = MappingProxyType(
    {
        JobStatus.PENDING: "Waiting to be rendered",
        JobStatus.PROCESSING: "Being rendered",
        JobStatus.COMPLETE: "Rendered; the file is in the library",
        JobStatus.FAILED: "Failed; it can be retried",
        JobStatus.CANCELLED: "Cancelled",
    }
)


def can_transition(old: JobStatus, new: JobStatus) -> bool:
    """Whether a job may move from one status to the other."""
    return new in MOVES[old]


def can_advance(old: Stage | None, new: Stage) -> bool:
    """Whether a job in `processing` may move from one stage to the other."""
    return new in ADVANCES[old]


def can_retry(status: JobStatus, retry_count: int, max_attempts: int) -> bool:
    """Whether a retry needs no force: the job has failed, and not all its attempts were charged."""
    return status is JobStatus.FAILED and retry_count < max_attempts


def is_terminal(status: JobStatus) -> bool:
    """Whether nothing can change any more."""
    return not MOVES[status]


def is_active(status: JobStatus) -> bool:
    """Whether the job waits or is being worked on; such a job counts against its project's quota."""
    return status in (JobStatus.PENDING, JobStatus.PROCESSING)


def next_status(status: JobStatus) -> JobStatus | None:
    """What comes next when all goes well; None at an end."""
    return HAPPY_PATH.get(status)


def describe(status: JobStatus) -> str:
    """The status as people say it."""
    return DESCRIPTIONS[status]
