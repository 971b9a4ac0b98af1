"""What render servers say, in whatever spelling, turned into our words. Nothing here talks to anybody.

The contract is in `docs/architecture.md`; besides it the spellings of the Remotion templates and of
home-made servers are read: other words for the states, progress in percent, camel case.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reactor.errors import FailureClass, RenderFailed
from reactor.renderers.base import Busy, Progress, log_tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MESSAGE_LENGTH = 500
NAME_LENGTH = 200
LIST_LENGTH = 1000
MOST_FRAMES = 2**31 - 1
MOST_SLOTS = 10_000
MOST_ETA_S = 7 * 24 * 3600.0

HEALTHY = frozenset({"ok", "healthy", "up", "ready"})
ACCEPTED = frozenset({200, 201, 202, 409})
UNACCEPTABLE = frozenset({400, 413, 414, 415, 422})
FULL = frozenset({429, 503, 507})


class State(StrEnum):
    """Where a render is; `unknown` is a word nobody taught us, and never an end."""

    QUEUED = "queued"
    RENDERING = "rendering"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


ENDED = frozenset({State.COMPLETE, State.FAILED, State.CANCELLED})
SPELLINGS = {
    State.QUEUED: "queued pending waiting accepted created scheduled",
    State.RENDERING: "rendering in-progress inprogress processing active started running encoding",
    State.COMPLETE: "complete completed done succeeded success finished",
    State.FAILED: "failed error errored failure",
    State.CANCELLED: "cancelled canceled aborted",
}
STATES = {word: state for state, words in SPELLINGS.items() for word in words.split()}

# What only we can know, no server may claim.
CLAIMABLE = frozenset(FailureClass) - {FailureClass.POISON, FailureClass.CANCELLED}
TELLING = (
    (FailureClass.CRASH, re.compile(r"target closed|page crashed|\bOOM\b|\bsignal\b", re.I)),
    (FailureClass.RESOURCE, re.compile(r"ENOSPC|no space left|\b429\b|quota", re.I)),
    (FailureClass.STALL, re.compile(r"delayRender|time(?:d )?out", re.I)),
)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, whole."""

    status: int
    body: bytes
    html: bool = False

    def fields(self) -> dict[str, Any] | None:
        """The JSON object in it, if that is what it holds."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


@dataclass(frozen=True)
class Health:
    """What a render server says of itself."""

    name: str
    version: str | None
    capacity: int | None
    busy: int = field(compare=False)
    templates: tuple[str, ...]
    formats: tuple[str, ...]
    containers: tuple[str, ...]
    pid: int | None

    @property
    def full_name(self) -> str:
        """Name and version."""
        return " ".join(filter(None, (self.name, self.version)))


@dataclass(frozen=True)
class Status:
    """Where one render is, in our words."""

    state: State
    progress: float | None = None
    rendered_frames: int | None = None
    total_frames: int | None = None
    eta_s: float | None = None
    output_path: str | None = None
    failure: FailureClass = FailureClass.CRASH
    message: str = ""
    frame: int | None = None
    """At which frame it failed."""
    log: str | None = None
    """The last lines of its log."""

    def failed(self) -> RenderFailed:
        """The same as the failure of the attempt."""
        return RenderFailed(self.failure, self.message, frame=self.frame, log=self.log)


def read_health(answer: Answer) -> Health | None:
    """The health of a render server; None when it is not well, or is something else."""
    said = answer.fields()
    if answer.status != 200 or said is None:
        return None
    word = said.get("status")
    if said.get("ok") is not True and not (isinstance(word, str) and word.lower() in HEALTHY):
        return None
    pid = count(said.get("pid"))
    return Health(
        name=text(said.get("name"), NAME_LENGTH) or "renderer",
        version=text(said.get("version"), NAME_LENGTH) or None,
        capacity=count(said.get("capacity"), most=MOST_SLOTS) or None,
        busy=count(said.get("busy")) or 0,
        templates=names(said.get("templates")),
        formats=names(said.get("formats")),
        containers=names(said.get("containers")),
        pid=pid if pid and pid > 1 else None,
    )


def read_id(answer: Answer, otherwise: str) -> str:
    """Under which name the server follows the render: ours, unless it gave its own."""
    given = first(answer.fields() or {}, "id", "jobId", "renderId", "job_id", "render_id")
    usable = isinstance(given, str) or count(given) is not None
    name = text(str(given), NAME_LENGTH) if usable else ""
    return name if name == str(given) and name not in ("", ".", "..") else otherwise


def read_refusal(answer: Answer) -> RenderFailed:
    """Why an order was not accepted, as the failure of the attempt."""
    said = read_message(answer)
    if answer.status in UNACCEPTABLE:
        return RenderFailed(
            FailureClass.INPUT, said or f"the render server refused the order ({answer.status})"
        )
    message = f"the render server answered {answer.status}" + (f": {said}" if said else "")
    if answer.status in FULL:
        return Busy(FailureClass.RESOURCE, message[:MESSAGE_LENGTH])
    failure = FailureClass.CRASH if answer.status >= 500 else FailureClass.INFRASTRUCTURE
    return RenderFailed(failure, message[:MESSAGE_LENGTH])


def read_message(answer: Answer) -> str:
    """The sentence for people in an answer, in any of the usual places; empty when there is none."""
    said = answer.fields()
    if said is None:
        return "" if answer.html else text(answer.body.decode(errors="replace"), MESSAGE_LENGTH)
    message = sentence(said.get("error"))
    return message or sentence(said)


def read_status(answer: Answer) -> Status | None:
    """Where a render is; None when the server does not know it, ValueError when it makes no sense.

    One of the Remotion templates answers 200 with nothing in it for what it does not know.
    """
    if answer.status == 404 or (answer.status == 200 and not answer.body.strip()):
        return None
    said = answer.fields()
    if answer.status != 200 or said is None:
        raise ValueError(f"answered {answer.status} without a status that can be read")
    word = str(first(said, "status", "state") or "").strip().lower().replace("_", "-")
    error = said.get("error")
    message = sentence(error) or text(said.get("message"), MESSAGE_LENGTH)
    eta, eta_ms = number(first(said, "eta_s", "etaS")), number(first(said, "eta_ms", "etaMs"))
    path = first(said, "output_path", "outputPath", "output_file", "outputFile", "output")
    return Status(
        state=STATES.get(word, State.UNKNOWN),
        progress=number(said.get("progress")),
        rendered_frames=count(first(said, "rendered_frames", "renderedFrames")),
        total_frames=count(first(said, "total_frames", "totalFrames")),
        eta_s=eta if eta_ms is None else eta_ms / 1000,
        output_path=path if isinstance(path, str) else None,
        failure=failure_class(error, message),
        message=message or "the render server gave no reason",
        frame=count(error.get("frame")) if isinstance(error, dict) else None,
        log=read_log(first(said, "log", "logs")),
    )


def read_log(said: object) -> str | None:
    """The last lines of a log, which may be one text or a list of lines."""
    if isinstance(said, list):
        said = "\n".join(line for line in said[-LIST_LENGTH:] if isinstance(line, str))
    return log_tail(said)


def failure_class(error: object, message: str) -> FailureClass:
    """The class a server gives, else what its words give away."""
    given = error.get("class") if isinstance(error, dict) else None
    if isinstance(given, str) and given in CLAIMABLE:
        return FailureClass(given)
    return next((kind for kind, tells in TELLING if tells.search(message)), FailureClass.CRASH)


class Course:
    """The course of one render over time: passes progress on, clamped and never going back."""

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self._report = report
        self._last = Progress(0.0)
        self._percent = False

    def note(self, status: Status) -> bool:
        """Take note of one answer; whether the render has moved since the last one."""
        fraction = max(self._last.fraction, self._fraction(status))
        frames = (status.rendered_frames, status.total_frames)
        eta_s = None if status.eta_s is None else round(min(max(status.eta_s, 0), MOST_ETA_S), 3)
        now, before = Progress(fraction, *frames, eta_s), self._last
        if now != before:
            self._last = now
            self._report(now)
        return now.fraction > before.fraction or (
            now.rendered_frames is not None and now.rendered_frames != before.rendered_frames
        )

    def _fraction(self, status: Status) -> float:
        value, total, drawn = status.progress, status.total_frames, status.rendered_frames
        if value is None:
            return round(min(1.0, (drawn or 0) / total), 6) if total else 0.0
        # 1 may be the whole or one percent; a leap to the end while rendering is the latter.
        leap = value == 1 and status.state not in ENDED and self._last.fraction < 0.5
        self._percent = self._percent or value > 1
        percent = self._percent or (leap and drawn is None)
        # Rounded, because single precision in the database knows no 1e-300.
        return round(min(1.0, max(0.0, value / 100 if percent else value)), 6)


def first(said: Mapping[str, Any], *spellings: str) -> Any:
    """What is said under the first of these names that is there."""
    return next((said[name] for name in spellings if said.get(name) is not None), None)


def sentence(error: object) -> str:
    """The message in an error, which may be a text or an object, with its field in front."""
    if isinstance(error, str):
        return text(error, MESSAGE_LENGTH)
    if not isinstance(error, dict):
        return ""
    message = text(first(error, "message", "detail", "reason"), MESSAGE_LENGTH)
    name = text(error.get("field"), NAME_LENGTH)
    if message and name and not message.startswith(name):
        return f"{name}: {message}"[:MESSAGE_LENGTH]
    return message


def text(value: object, most: int) -> str:
    """A text as one plain line: no control characters, nothing invisible, not too long."""
    if value is None or isinstance(value, bool):
        return ""
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Cut twice: before the costly part, and after it.
    plain = "".join(c if c.isprintable() else " " for c in words[: most * 4])
    return " ".join(plain.split())[:most]


def number(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def count(value: object, *, most: int = MOST_FRAMES) -> int | None:
    """A number of things, or None."""
    found = number(value)
    return None if found is None or found < 0 else int(min(found, most))


def names(value: object) -> tuple[str, ...]:
    """A list of names, without what is not one."""
    if not isinstance(value, list):
        return ()
    return tuple(text(item, NAME_LENGTH) for item in value[:LIST_LENGTH] if isinstance(item, str))
