"""What needs a person, said once: whoever sees trouble or its end reports it.

The database keeps it to one open alert for the same trouble, and newer knowledge wins.

Every function works inside the caller's transaction when there is one.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from reactor.address import without_password
from reactor.db import alerts
from reactor.db.alerts import Reported
from reactor.errors import FieldError, Invalid
from reactor.observe import Seen
from reactor.renderers.process import is_here, runs_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import AsyncConnection

    from reactor.models import JobId
    from reactor.observe import Observer
    from reactor.settings import Settings

KINDS = (
    "job_failed",
    "renderer_down",
    "disk_low",
    "listener_deaf",
    "queue_empty",
    "pace_behind",
    "webhook_failed",
    "publish_blocked",
    "publish_failed",
)
MOST_PER_DAY = 1_000_000
SEEN = {"raised": Seen.ALERT_RAISED, "resolved": Seen.ALERT_RESOLVED}


async def report(
    conn: AsyncConnection,
    observe: Observer,
    kind: str,
    subject: str,
    *,
    trouble: bool,
    message: str = "",
    known_for_s: float = 0.0,
) -> None:
    """Say that there is trouble, or that there is none, as it was seen `known_for_s` ago."""
    outcome = await alerts.report_alert(
        conn, kind, subject, trouble=trouble, message=message, known_for_s=known_for_s
    )
    note(observe, [Reported(outcome, kind, subject)])


async def report_failed_jobs(
    conn: AsyncConnection, observe: Observer, ids: Sequence[JobId]
) -> None:
    """Say that these jobs failed for good; those that did not are passed over."""
    note(observe, await alerts.report_failed_jobs(conn, ids))


async def report_renderer(
    conn: AsyncConnection,
    observe: Observer,
    settings: Settings,
    *,
    reason: str | None,
    wanted: bool,
    known_for_s: float = 0.0,
    doubt_s: float = 0.0,
) -> None:
    """Say whether the renderer answers, and if not, for which reason.

    It counts as up when nobody has seen it down for `doubt_s`: of two reactors one may reach it and the
    other not, and then there is one alert instead of one after the other. Nobody misses a renderer that
    was stopped on request, or was never set up, until jobs wait for it.
    """
    trouble = reason is not None and (
        is_expected(settings, wanted=wanted) or await alerts.is_renderer_missed(conn)
    )
    if reason is not None and not trouble:
        known_for_s = 0.0  # that nobody misses it is known from the jobs, and just now
    if not trouble:
        known_for_s += doubt_s
    url = without_password(settings.renderer_url)
    await report(
        conn,
        observe,
        "renderer_down",
        renderer_subject(settings),
        trouble=trouble,
        message=f"the renderer at {url} is down: {reason}",
        known_for_s=known_for_s,
    )


async def alert_if_behind(
    conn: AsyncConnection, target_per_day: int | None = 10, *, observe: Observer | None = None
) -> bool:
    """Raise the alert `pace_behind` when today will have fewer videos than that, else resolve it.

    None is the farm's own target; without one nothing is behind. The answer is whether it is behind.
    """
    if target_per_day is not None and not 1 <= target_per_day <= MOST_PER_DAY:
        allowed = f"is {target_per_day}; allowed: 1 to {MOST_PER_DAY}"
        raise Invalid([FieldError("target_per_day", allowed)])
    behind, changed = await alerts.alert_if_behind(conn, target_per_day)
    if observe:
        note(observe, changed)
    return behind


def note(observe: Observer, reported: Iterable[Reported]) -> None:
    """Observe what has changed; only whoever changed it does."""
    for one in reported:
        if seen := SEEN.get(one.outcome):
            observe(seen, kind=one.kind, subject=one.subject)


def is_expected(settings: Settings, *, wanted: bool) -> bool:
    """Whether somebody set a renderer up here: we keep one running, or watch one at a given address."""
    if runs_here(settings):
        return wanted
    return "renderer_url" in settings.model_fields_set


def renderer_subject(settings: Settings) -> str:
    """The renderer's address; every machine has a 127.0.0.1 of its own."""
    url = without_password(settings.renderer_url)
    return f"{url} on {socket.gethostname()}" if is_here(settings.renderer_address[0]) else url
