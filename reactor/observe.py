"""What is worth knowing, said once: each observation is a log line, a counter and a word to subscribers.

`docs/observations.md` is the table of all of them. The Observer is passed in, never global; tests wait
for observations instead of sleeping.
"""

from __future__ import annotations

import logging
import math
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import anyio
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from structlog.typing import FilteringBoundLogger


class Seen(StrEnum):
    """Every observation; the part before the dot says what it is about."""

    REACTOR_STARTED = "reactor.started"
    REACTOR_DRAINING = "reactor.draining"
    REACTOR_STOPPED = "reactor.stopped"
    LISTENING = "listener.listening"
    LISTEN_LOST = "listener.lost"
    LISTEN_DEAF = "listener.deaf"
    NOTICE_DROPPED = "notice.dropped"
    STREAM_FULL = "stream.full"
    SWEPT = "sweep.done"
    SWEEP_FAILED = "sweep.failed"
    DISCOVERED = "job.discovered"
    JOBS_CLAIMED = "job.claimed"
    CLAIM_HELD = "claim.held"
    RENDER_STARTED = "render.started"
    RENDER_ENDED = "render.ended"
    ATTEMPT_FAILED = "attempt.failed"
    LEASE_LOST = "lease.lost"
    LEASES_RELEASED = "lease.released"
    LEASE_RENEWAL_FAILED = "lease.renewal_failed"
    JOB_COMPLETE = "job.complete"
    JOB_REPAIRED = "job.repaired"
    FILE_SEEN = "file.seen"
    FILE_ORPHANED = "file.orphaned"
    FILE_QUARANTINED = "file.quarantined"
    WATCHING = "watcher.watching"
    WATCH_LOST = "watcher.lost"
    RENDERER_STARTED = "renderer.started"
    RENDERER_UP = "renderer.up"
    RENDERER_DOWN = "renderer.down"
    RENDERER_STOPPED = "renderer.stopped"
    RENDERER_NOT_STARTED = "renderer.not_started"
    COMMAND_OBEYED = "command.obeyed"
    COMMAND_REFUSED = "command.refused"
    HANDLER_FAILED = "handler.failed"
    ALERT_RAISED = "alert.raised"
    SERVING = "http.serving"
    WEBHOOK_DELIVERED = "webhook.delivered"
    WEBHOOK_FAILED = "webhook.failed"
    WEBHOOK_DISABLED = "webhook.disabled"
    CACHE_HIT = "cache.hit"
    TIDIED = "housekeeping.done"
    QUEUE_FILLED = "queue.filled"
    QUEUE_SHORT = "queue.short"
    STALE_FLUSHED = "queue.stale_flushed"
    VIDEO_ARCHIVED = "video.archived"
    ARCHIVE_HELD = "video.archive_held"
    ALERT_RESOLVED = "alert.resolved"


# What happens for every job or every second is for counters; people read the rest.
QUIET = frozenset(
    {
        Seen.SWEPT,
        Seen.TIDIED,
        Seen.DISCOVERED,
        Seen.JOBS_CLAIMED,
        Seen.FILE_SEEN,
        Seen.NOTICE_DROPPED,
    }
)
WARNINGS = frozenset(
    {
        Seen.LISTEN_LOST,
        Seen.LISTEN_DEAF,
        Seen.STREAM_FULL,
        Seen.SWEEP_FAILED,
        Seen.CLAIM_HELD,
        Seen.ATTEMPT_FAILED,
        Seen.LEASE_LOST,
        Seen.LEASE_RENEWAL_FAILED,
        Seen.FILE_ORPHANED,
        Seen.FILE_QUARANTINED,
        Seen.WATCH_LOST,
        Seen.RENDERER_DOWN,
        Seen.RENDERER_NOT_STARTED,
        Seen.COMMAND_REFUSED,
        Seen.WEBHOOK_FAILED,
        Seen.WEBHOOK_DISABLED,
        Seen.STALE_FLUSHED,
        Seen.QUEUE_SHORT,
        Seen.ARCHIVE_HELD,
    }
)
ERRORS = frozenset({Seen.HANDLER_FAILED, Seen.ALERT_RAISED})


class Metrics:
    """The Prometheus side, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.observations = Counter(
            "reactor_observations", "Observations by name.", ["name"], registry=self.registry
        )
        self.rejected = Counter(
            "reactor_notify_rejected",
            "Notifications dropped, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.discovered = Counter(
            "reactor_discovered",
            "Jobs found by which way; anything but notify means that ears were shut.",
            ["via"],
            registry=self.registry,
        )
        self.attempts = Counter(
            "reactor_job_attempts", "Attempts by outcome.", ["outcome"], registry=self.registry
        )
        self.stage_seconds = Histogram(
            "reactor_stage_duration_seconds",
            "Time spent in a stage.",
            ["stage"],
            buckets=(0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
            registry=self.registry,
        )
        self.listener_up = Gauge(
            "reactor_listener_up", "1 while LISTEN is proven.", registry=self.registry
        )
        self.renderer_up = Gauge(
            "reactor_renderer_up", "1 while the renderer answers.", registry=self.registry
        )
        self.slots = Gauge(
            "reactor_slots", "Render slots by state.", ["state"], registry=self.registry
        )
        self.jobs = Gauge("reactor_jobs", "Jobs by status.", ["status"], registry=self.registry)


class Observer:
    """Says what happened to the log, the counters and whoever subscribed."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self.metrics = Metrics()
        self._log = log
        self._subscribers: list[Callable[[Seen, dict[str, Any]], None]] = []

    def __call__(self, seen: Seen, **facts: Any) -> None:
        """Observe; facts are fields, never sentences, and hold no secret and no payload."""
        self.metrics.observations.labels(seen.value).inc()
        if seen in ERRORS:
            self._log.error(seen.value, **facts)
        elif seen in WARNINGS:
            self._log.warning(seen.value, **facts)
        elif seen not in QUIET:
            self._log.info(seen.value, **facts)
        for subscriber in tuple(self._subscribers):
            subscriber(seen, facts)

    def subscribe(self, subscriber: Callable[[Seen, dict[str, Any]], None]) -> None:
        """Call `subscriber(seen, facts)` for everything from now on."""
        self._subscribers.append(subscriber)

    def unsubscribe(self, subscriber: Callable[[Seen, dict[str, Any]], None]) -> None:
        """No more."""
        self._subscribers.remove(subscriber)

    async def until(self, seen: Seen, **facts: Any) -> dict[str, Any]:
        """Wait for the next such observation with these facts; the answer is all its facts."""
        send, receive = anyio.create_memory_object_stream[dict[str, Any]](math.inf)

        def note(what: Seen, said: dict[str, Any]) -> None:
            if what is seen and facts.items() <= said.items():
                send.send_nowait(said)

        self.subscribe(note)
        try:
            with send, receive:
                return await receive.receive()
        finally:
            self.unsubscribe(note)


def open_log(style: str, stream: TextIO = sys.stderr) -> FilteringBoundLogger:
    """A logger: `json` one object a line, `console` for people, `auto` by whether it is a terminal."""
    readable = style == "console" or (style == "auto" and stream.isatty())
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    processors.append(
        structlog.dev.ConsoleRenderer(colors=stream.isatty())
        if readable
        else structlog.processors.JSONRenderer(ensure_ascii=True, default=str)
    )
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    return logger
