"""`/metrics`: the reactor's counters, and the farm's state as it is when somebody looks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from reactor import __version__
from reactor.alerts import KINDS
from reactor.errors import DatabaseUnavailable
from reactor.models import JobStatus
from reactor.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from reactor.api.readings import Readings
    from reactor.api.renderer import Status
    from reactor.context import Context

COUNTED = (JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.COMPLETE, JobStatus.FAILED)


class Scrape:
    """Answers Prometheus, also while the database is away."""

    def __init__(self, context: Context, readings: Readings, status: Status) -> None:
        self._context = context
        self._readings = readings
        self._status = status
        self._registry = CollectorRegistry()
        self._database_up = Gauge(
            "reactor_database_up", "1 while the database answers.", registry=self._registry
        )
        self._oldest_due = Gauge(
            "reactor_oldest_due_seconds",
            "How long the longest-waiting due job has waited; 0 when none is due.",
            registry=self._registry,
        )
        self._oldest_message = Gauge(
            "reactor_webhook_oldest_pending_seconds",
            "How long the longest-waiting message to a webhook has waited; 0 when none waits.",
            registry=self._registry,
        )
        self._volume = VolumeGauges(self._registry)
        self._open_alerts = Gauge(
            "reactor_open_alerts", "Open alerts by kind.", ["kind"], registry=self._registry
        )
        self._uptime = Gauge(
            "reactor_uptime_seconds", "Seconds since the pages came up.", registry=self._registry
        )
        build = Gauge("reactor_build_info", "Always 1.", ["version"], registry=self._registry)
        build.labels(__version__).set(1)

    async def metrics(self) -> Response:
        """Everything countable, in Prometheus's text format."""
        self._set_state()
        try:
            reading = await self._readings.latest()
        except DatabaseUnavailable:
            self._forget_jobs()
            self._open_alerts.clear()
        else:
            self._set_alerts(reading.open_alerts)
            self._set_jobs(reading.stats)
            self._volume.set(Volume.of(reading.volume))
            self._oldest_message.set(reading.oldest_message_s or 0)
        shared = self._context.observe.metrics.registry
        text = generate_latest(shared) + generate_latest(self._registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    def _set_state(self) -> None:
        metrics = self._context.observe.metrics
        slots = self._status.slots()
        metrics.slots.labels("used").set(slots.used)
        metrics.slots.labels("total").set(slots.total)
        metrics.listener_up.set(self._context.listener.healthy)
        metrics.renderer_up.set(self._context.supervisor.server.health is not None)
        self._uptime.set(self._status.uptime_s)

    def _set_jobs(self, stats: Mapping[str, Any]) -> None:
        for status in COUNTED:
            self._context.observe.metrics.jobs.labels(status.value).set(stats[status.value])
        self._oldest_due.set(stats["oldest_due_s"] or 0)
        self._database_up.set(1)

    def _set_alerts(self, counts: Mapping[str, int]) -> None:
        # Those that somebody else reports are counted together, so that nobody can make up labels.
        other = sum(count for kind, count in counts.items() if kind not in KINDS)
        for kind in KINDS:
            self._open_alerts.labels(kind).set(counts.get(kind, 0))
        self._open_alerts.labels("other").set(other)

    def _forget_jobs(self) -> None:
        # No number is better than an old one: alerts on absent series are what outages are seen by.
        self._context.observe.metrics.jobs.clear()
        self._oldest_due.set(math.nan)
        self._oldest_message.set(math.nan)
        self._volume.forget()
        self._database_up.set(0)


class VolumeGauges:
    """How today stands. Platforms are those of the catalogue, so that nobody can make up labels."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, said: str, labels: Sequence[str] = ()) -> Gauge:
            return Gauge(name, said, labels, registry=registry)

        self._renders = gauge(
            "reactor_renders_today",
            "Renders completed today, by platform of the catalogue; empty for all others.",
            ["platform"],
        )
        self._velocity = gauge(
            "reactor_daily_velocity", "Renders a day over the seven full days before today."
        )
        self._on_pace = gauge("reactor_on_pace", "1 once today's target is reached.")
        self._forecast = gauge(
            "reactor_forecast_today", "Renders that today will have at the last 24 hours' pace."
        )
        self._target = gauge("reactor_target_per_day", "Renders that a day should have.")

    def set(self, volume: Volume) -> None:
        """As it is now; platforms that are gone go."""
        self._renders.clear()
        self._renders.labels("").set(volume.others)
        for one in volume.platforms:
            self._renders.labels(one.platform).set(one.done)
        self._velocity.set(volume.velocity)
        self._on_pace.set(volume.is_on_pace)
        self._forecast.set(volume.forecast)
        self._target.set(volume.target_per_day)

    def forget(self) -> None:
        """No number is better than an old one."""
        self._renders.clear()
        for one in (self._velocity, self._on_pace, self._forecast, self._target):
            one.set(math.nan)
