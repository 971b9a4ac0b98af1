"""Everything that can wake the reactor, as types; and how a notification becomes one of them.

What comes over the wire is a hint that anybody may send: it is parsed strictly, and whatever is not
one of ours raises Unreadable and is dropped. Handlers read the table, never the payload.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from reactor.errors import Unreadable
from reactor.models import JobId

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

EVENTS = "reactor_events"
CONTROL = "reactor_control"
LOGGED = (
    "job.pending",
    "job.processing",
    "job.rendered",
    "job.complete",
    "job.failed",
    "job.cancelled",
    "publish.ready",
    "publish.blocked",
    "publish.published",
    "publish.failed",
)
"""What is announced of jobs and kept in the log, `reactor.events`."""

Id = Annotated[JobId, Field(strict=True, ge=1, lt=2**63)]


class Announced(BaseModel):
    """What `sql/triggers.sql` says; `ids` is empty when there were too many to name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: tuple[Id, ...] = Field(default=(), max_length=1000)
    count: int | None = Field(default=None, ge=0, strict=True)


class JobPending(Announced):
    """Jobs are due."""

    event: Literal["job.pending"]


class JobProcessing(Announced):
    """Jobs were claimed."""

    event: Literal["job.processing"]


class JobRendered(Announced):
    """Files are there and wait to be verified."""

    event: Literal["job.rendered"]


class JobProgress(Announced):
    """Renders have moved on."""

    event: Literal["job.progress"]


class JobComplete(Announced):
    """Videos are in the library."""

    event: Literal["job.complete"]


class JobFailed(Announced):
    """Jobs have failed for good."""

    event: Literal["job.failed"]


class JobCancelled(Announced):
    """Jobs were cancelled."""

    event: Literal["job.cancelled"]


class FarmPaused(Announced):
    """Nothing may be claimed for now."""

    event: Literal["farm.paused"]


class FarmResumed(Announced):
    """Claiming goes on."""

    event: Literal["farm.resumed"]


class FarmFlushed(Announced):
    """Everything pending is due, and the renderer is wanted."""

    event: Literal["farm.flushed"]


class OutboxFilled(Announced):
    """Messages wait to be sent to webhooks."""

    event: Literal["outbox.filled"]


class PublishReady(Announced):
    """Videos may be published; the ids are the jobs'."""

    event: Literal["publish.ready"]


class PublishBlocked(Announced):
    """Videos are not what their platform takes."""

    event: Literal["publish.blocked"]


class PublishPublished(Announced):
    """Videos are published."""

    event: Literal["publish.published"]


class PublishFailed(Announced):
    """Videos could not be published, and nobody tries again."""

    event: Literal["publish.failed"]


class CatalogChanged(Announced):
    """Niches, platforms or templates are not what they were."""

    event: Literal["catalog.changed"]


Notice = (
    JobPending
    | JobProcessing
    | JobRendered
    | JobProgress
    | JobComplete
    | JobFailed
    | JobCancelled
    | FarmPaused
    | FarmResumed
    | FarmFlushed
    | OutboxFilled
    | PublishReady
    | PublishBlocked
    | PublishPublished
    | PublishFailed
    | CatalogChanged
)


@dataclass(frozen=True)
class Control:
    """Somebody asks for something by raw NOTIFY; who it was is looked up by the backend's pid."""

    verb: str
    job_id: JobId | None
    reason: str | None
    pid: int
    force: bool = False
    target: int | None = None
    """How many jobs `fill` should leave pending."""


@dataclass(frozen=True)
class JobClaimed:
    """Jobs this reactor has just taken for one renderer, all with the same token."""

    renderer: str
    ids: tuple[JobId, ...]
    token: UUID


@dataclass(frozen=True)
class SlotFreed:
    """A renderer can take more; also: it is worth looking for due jobs now."""


@dataclass(frozen=True)
class Swept:
    """The safety scan has looked at the jobs: others look now at what is theirs."""


@dataclass(frozen=True)
class OutputSeen:
    """A finished file lies in the render directory; `attempt` is None when a person dropped it."""

    job_id: JobId
    attempt: int | None
    path: Path


@dataclass(frozen=True)
class OutputReady:
    """A rendered job of this reactor waits for publishing."""

    job_id: JobId


@dataclass(frozen=True)
class RendererDown:
    """The render server does not answer."""

    url: str
    reason: str


@dataclass(frozen=True)
class RendererUp:
    """The render server answers again."""

    url: str


@dataclass(frozen=True)
class RendererWanted:
    """Somebody asked for the render server to run."""


Event = (
    Notice
    | Control
    | JobClaimed
    | SlotFreed
    | Swept
    | OutputSeen
    | OutputReady
    | RendererDown
    | RendererUp
    | RendererWanted
)

NOTICE: TypeAdapter[Notice] = TypeAdapter(Annotated[Notice, Field(discriminator="event")])
COMMAND = re.compile(
    r"(?P<verb>status|ping|pause|resume|flush|approve|retry|cancel|fill|prioritize)"
    r"(?: +(?P<number>[1-9][0-9]{0,17}))?(?: +(?P<reason>\S.{0,199}))?",
    re.ASCII,
)
WITH_JOB = frozenset({"approve", "retry", "cancel"})


def parse(channel: str, payload: str, pid: int) -> Event:
    """Turn a notification into an event, or raise Unreadable with the reason in a word."""
    if channel == CONTROL:
        return parse_command(payload, pid)
    if channel != EVENTS:
        raise Unreadable("channel")
    try:
        return NOTICE.validate_json(payload)
    except ValidationError as wrong:
        raise Unreadable(
            str(wrong.errors(include_url=False, include_input=False)[0]["type"])
        ) from None


def parse_command(payload: str, pid: int) -> Control:
    """Read `retry 42` and its like."""
    found = COMMAND.fullmatch(payload.strip())
    if not found:
        raise Unreadable("command")
    verb, number, reason = found.group("verb", "number", "reason")
    job, target = (None, number) if verb == "fill" else (number, None)
    force = verb == "retry" and reason == "force"
    if (verb in WITH_JOB) != (job is not None) or (reason and verb != "cancel" and not force):
        raise Unreadable("command")
    # A reason is shown to people: no terminal escapes, no reversed text, nothing UTF-8 cannot hold.
    if reason and not reason.isprintable():
        raise Unreadable("command")
    return Control(
        verb,
        JobId(int(job)) if job else None,
        None if force else reason,
        pid,
        force,
        int(target) if target else None,
    )
