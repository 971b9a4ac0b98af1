"""`/api/renders`: one render with its evidence, and what can be asked of it.

On the outside the names and states are those that web front ends know: `renderId`, `running`, `completed`.
What comes out of the table as it is, below `job`, `attempts` and `waiting`, has the names of its columns.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reactor import jobs
from reactor.api.commands import Cancel, Retry, given_by
from reactor.api.route import AWAY, Route
from reactor.db.evidence import Attempt
from reactor.evidence import Evidence, Waiting, get_evidence
from reactor.models import JobId, JobStatus, Stage
from reactor.records import JobRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context

INT8 = 2**63
RenderId = Annotated[int, Path(ge=1, lt=INT8, description="The job's id.", examples=[42])]
OF_RENDERS = {**AWAY, 404: "No such render."}
COMMANDED = {**OF_RENDERS, 409: "Not possible in its present state."}


class State(StrEnum):
    """A job's status in the words of web front ends."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


STATES = {
    JobStatus.PENDING: State.PENDING,
    JobStatus.PROCESSING: State.RUNNING,
    JobStatus.COMPLETE: State.COMPLETED,
    JobStatus.FAILED: State.FAILED,
    JobStatus.CANCELLED: State.CANCELLED,
}


class Render(BaseModel):
    """A job as a render of its project."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    render_id: str = Field(description="The job's id.", examples=["42"])
    project_id: str | None = Field(examples=["spring"])
    composition_id: str | None = Field(description="The template.", examples=["title-card"])
    status: State
    stage: Stage | None = Field(description="Where it is while it is running.")
    progress: float = Field(description="0–100.", examples=[42.5])
    created_at: datetime | None
    started_at: datetime | None = Field(description="Of the latest attempt.")
    completed_at: datetime | None = Field(description="When it ended, however.")
    output_url: str | None = Field(
        description="The video, once completed.", examples=["/api/videos/42/data"]
    )
    thumbnail_url: str | None = Field(examples=["/api/videos/42/thumbnail"])
    error: str | None = Field(description="Why it failed, or waits for another attempt.")
    format: str | None = Field(examples=["full_16_9"])
    quality: str | None = Field(examples=["1080p"])
    container: str | None = Field(examples=["mp4"])
    priority: int
    attempt: int = Field(description="How often it was tried.")


class RenderDetail(Render):
    """A render with everything that is known of it."""

    eta_s: float | None = Field(description="Seconds until it is rendered; null when unknown.")
    waiting: Waiting | None = Field(description="Why it does not run yet; null unless pending.")
    attempts: list[Attempt] = Field(description="The latest tries, the newest first.")
    job: JobRecord


class Renders:
    """Shows renders and passes commands on."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._usual_max_rendering = context.settings.project_max_rendering

    async def get(self, render_id: RenderId) -> RenderDetail:
        """One render: where it is, why no further, when it will be done, what its attempts left."""
        async with self._database.connection() as conn:
            found = await get_evidence(
                conn, render_id, usual_max_rendering=self._usual_max_rendering
            )
        return detail(found)

    async def cancel(
        self, render_id: RenderId, request: Request, asked: Cancel | None = None
    ) -> Render:
        """Cancel a render that waits or is being drawn; its renderer is stopped, its file discarded."""
        reason = asked.reason if asked else None
        async with self._database.connection() as conn:
            await jobs.cancel(conn, render_id, reason=reason, given_by=given_by(request))
            return view(await jobs.get_job(conn, render_id))

    async def retry(
        self, render_id: RenderId, request: Request, asked: Retry | None = None
    ) -> Render:
        """Try a failed render again."""
        async with self._database.connection() as conn:
            force = asked is not None and asked.force
            await jobs.retry(conn, render_id, force=force, given_by=given_by(request))
            return view(await jobs.get_job(conn, render_id))

    async def approve(self, render_id: RenderId, request: Request) -> Render:
        """Let a render begin that waits for approval."""
        async with self._database.connection() as conn:
            await jobs.approve(conn, render_id, given_by=given_by(request))
            return view(await jobs.get_job(conn, render_id))


def view(job: JobRecord) -> Render:
    """The job as a render."""
    complete = job.status is JobStatus.COMPLETE
    return Render(
        render_id=str(job.id),
        project_id=job.project_id,
        composition_id=job.template_id,
        status=STATES[job.status],
        stage=job.stage,
        progress=job.progress,
        created_at=job.created_at,
        started_at=job.render_started_at,
        completed_at=job.completed_at,
        output_url=url(job.id, "data") if complete and job.output_path else None,
        thumbnail_url=url(job.id, "thumbnail") if complete and job.thumbnail_path else None,
        error=job.error_message,
        format=job.format,
        quality=job.quality,
        container=job.container,
        priority=job.priority,
        attempt=job.attempt,
    )


def detail(found: Evidence) -> RenderDetail:
    """The job as a render, with its evidence."""
    return RenderDetail(
        **dict(view(found.job)),
        eta_s=found.eta_s,
        waiting=found.waiting,
        attempts=found.attempts,
        job=found.job,
    )


def url(job_id: JobId, what: str) -> str:
    """Where a finished file is served."""
    return f"/api/videos/{job_id}/{what}"


def routes(context: Context) -> Sequence[Route]:
    """Everything under `/api/renders`."""
    served, tag, one = Renders(context), "renders", "/api/renders/{render_id}"
    return (
        Route(one, served.get, tag, RenderDetail, problems=OF_RENDERS),
        Route(f"{one}/cancel", served.cancel, tag, Render, problems=COMMANDED, method="POST"),
        Route(f"{one}/retry", served.retry, tag, Render, problems=COMMANDED, method="POST"),
        Route(f"{one}/approve", served.approve, tag, Render, problems=COMMANDED, method="POST"),
    )
