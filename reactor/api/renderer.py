"""`GET /api/renderer/status`: the whole farm at a glance, for the page, for people and for programs."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from reactor import __version__
from reactor.api.videos import MEDIA_TYPES
from reactor.models import JobId, JobStatus, Stage
from reactor.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reactor.api.readings import Reading, Readings
    from reactor.context import Context


class RendererView(BaseModel):
    """The render server this reactor uses."""

    running: bool = Field(description="Whether it answers.")
    url: str = Field(examples=["http://127.0.0.1:3100"])
    name: str | None = Field(examples=["embedded"])
    version: str | None = Field(examples=["0.1.0"])
    pid: int | None
    capacity: int | None = Field(description="Renders it takes at once.", examples=[1])
    busy: int = Field(examples=[1])
    templates: list[str] = Field(examples=[["title-card", "slideshow", "audio-visualizer"]])


class JobCounts(BaseModel):
    """The farm in numbers."""

    pending: int = Field(examples=[3])
    processing: int = Field(examples=[1])
    complete: int = Field(examples=[128])
    failed: int = Field(examples=[2])
    complete_today: int = Field(
        description="Since the day began in the farm's time zone.", examples=[12]
    )
    oldest_due_s: float | None = Field(
        description="How long the longest-waiting due job has waited; null when none is due.",
        examples=[4.2],
    )


class ListenerView(BaseModel):
    """The ears: `listen` while they are proven, `poll` while only the sweep finds work."""

    healthy: bool
    mode: str = Field(examples=["listen"])
    last_heard_s: float | None = Field(examples=[3.1])


class SlotsView(BaseModel):
    """Render slots of this reactor; those of dry runs do not count."""

    used: int = Field(examples=[1])
    total: int = Field(examples=[1])


class ReactorView(BaseModel):
    """The reactor that answers."""

    id: UUID
    name: str = Field(examples=["reactor"])
    version: str = Field(examples=["0.1.0"])
    uptime_s: float
    listener: ListenerView
    slots: SlotsView


class AgentView(BaseModel):
    """A reactor or renderer in the registry, this one's or another's."""

    agent_id: UUID
    name: str | None
    kind: str = Field(examples=["reactor"])
    status: str | None = Field(examples=["running"])
    pid: int | None
    host: str | None
    version: str | None
    url: str | None
    heartbeat_at: datetime | None


class AlertView(BaseModel):
    """Something a person should look at."""

    id: int
    kind: str = Field(examples=["job_failed"])
    subject: str
    message: str
    raised_at: datetime


class OrphanView(BaseModel):
    """A file in the render directory that belongs to no job."""

    path: str
    size_bytes: int
    modified_at: datetime
    reason: str


class JobView(BaseModel):
    """A job as people look at it. Its texts are the producer's: show them as text, never as markup."""

    model_config = ConfigDict(extra="ignore")

    id: JobId
    title: str | None = None
    niche: str | None
    platform: str | None
    template_id: str | None = Field(examples=["title-card"])
    format: str = Field(examples=["full_16_9"])
    quality: str = Field(examples=["1080p"])
    status: JobStatus
    stage: Stage | None
    attempt: int
    progress: float = Field(description="0–100.", examples=[42.5])
    eta_s: float | None = Field(description="Seconds left of the render.", examples=[3.5])
    seconds: float | None = Field(description="From the start of the render until its end, or now.")
    error_class: str | None
    error_message: str | None
    output_path: str | None
    file_size_bytes: int | None
    duration_s: float | None
    created_at: datetime
    render_started_at: datetime | None
    completed_at: datetime | None
    media_type: str | None = Field(examples=["video/mp4"])
    video_url: str | None = Field(examples=["/api/videos/7/data?v=1763668800"])
    thumbnail_url: str | None = Field(examples=["/api/videos/7/thumbnail?v=1763668800"])


class RendererStatus(BaseModel):
    """The whole farm at a glance."""

    renderer: RendererView
    jobs: JobCounts
    volume: Volume
    paused: bool = Field(description="Nothing is claimed anywhere until somebody resumes.")
    draining: bool = Field(description="This reactor is shutting down.")
    reactor: ReactorView
    agents: list[AgentView]
    alerts: list[AlertView] = Field(description="Open ones, newest first.")
    orphans: list[OrphanView]
    running: list[JobView] = Field(description="In work, longest first.")
    waiting: list[JobView] = Field(description="Pending, most urgent first.")
    recent: list[JobView] = Field(description="Complete, newest first.")
    failed: list[JobView] = Field(description="Failed for good, newest first.")


class Status:
    """Puts together what the database and this process know."""

    def __init__(self, context: Context, readings: Readings) -> None:
        self._context = context
        self._readings = readings
        self._began = time.monotonic()

    async def status(self) -> RendererStatus:
        """The whole farm at a glance: renderer, numbers, what runs, what ended, what needs a look."""
        reading = await self._readings.latest()
        return RendererStatus(
            renderer=self._renderer(),
            jobs=JobCounts.model_validate(reading.stats),
            volume=Volume.of(reading.volume),
            paused=reading.paused,
            draining=self._context.gate.draining,
            reactor=self._reactor(),
            agents=[AgentView.model_validate(row) for row in reading.agents],
            alerts=[AlertView.model_validate(row) for row in reading.alerts],
            orphans=[OrphanView.model_validate(row) for row in reading.orphans],
            running=sorted(pick(reading, JobStatus.PROCESSING), key=started),
            waiting=pick(reading, JobStatus.PENDING),
            recent=pick(reading, JobStatus.COMPLETE),
            failed=pick(reading, JobStatus.FAILED),
        )

    @property
    def uptime_s(self) -> float:
        """Seconds since this reactor's pages came up."""
        return time.monotonic() - self._began

    def slots(self) -> SlotsView:
        """How many render slots there are here, and how many are taken."""
        drawing = {name: r for name, r in self._context.renderers.items() if r.draws}
        used = sum(self._context.inflight.used_slots(name) for name in drawing)
        return SlotsView(used=used, total=sum(r.slots for r in drawing.values()))

    def _renderer(self) -> RendererView:
        supervisor = self._context.supervisor
        server, health = supervisor.server, supervisor.server.health
        return RendererView(
            running=health is not None,
            url=server.url,
            name=health.name if health else None,
            version=health.version if health else None,
            pid=supervisor.pid,
            capacity=health.capacity if health else None,
            busy=health.busy if health else 0,
            templates=list(health.templates) if health else [],
        )

    def _reactor(self) -> ReactorView:
        listener = self._context.listener
        return ReactorView(
            id=self._context.reactor_id,
            name=self._context.settings.name,
            version=__version__,
            uptime_s=round(self.uptime_s, 1),
            listener=ListenerView(
                healthy=listener.healthy, mode=listener.mode, last_heard_s=listener.last_heard_s
            ),
            slots=self.slots(),
        )


def pick(reading: Reading, status: JobStatus) -> list[JobView]:
    """The jobs of one kind, in the order they matter."""
    return views([row for row in reading.jobs if row["status"] == status])


def started(job: JobView) -> tuple[bool, float, int]:
    """Longest in work first; claims that have not begun come last. Leases would change the order."""
    at = job.render_started_at
    return at is None, at.timestamp() if at else 0.0, job.id


def views(rows: Sequence[Mapping[str, Any]]) -> list[JobView]:
    """Rows as people look at them, with links to what can be played."""
    return [JobView.model_validate({**row, **links(row)}) for row in rows]


def links(row: Mapping[str, Any]) -> dict[str, str | None]:
    """Where a complete job's files are served. The time keeps a browser from mixing up databases."""
    if row["status"] != JobStatus.COMPLETE or not row["output_path"]:
        return {"media_type": None, "video_url": None, "thumbnail_url": None}
    base = f"/api/videos/{row['id']}"
    version = f"?v={int(row['completed_at'].timestamp())}" if row["completed_at"] else ""
    suffix = PurePath(row["output_path"]).suffix.lower()
    return {
        "media_type": MEDIA_TYPES.get(suffix),
        "video_url": f"{base}/data{version}",
        "thumbnail_url": f"{base}/thumbnail{version}" if row["thumbnail_path"] else None,
    }
