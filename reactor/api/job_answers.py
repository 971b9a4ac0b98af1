"""What the routes of `/api/render-jobs` answer: names in camelCase, everything in an envelope."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reactor.api.renderer import links
from reactor.models import JobId, JobStatus, Stage
from reactor.states import describe

if TYPE_CHECKING:
    from reactor.records import JobRecord


class Camel(BaseModel):
    """Names as the callers of these routes write them."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, validate_by_name=True)


class Moved(Camel):
    """A job and its status now."""

    job_id: JobId = Field(examples=[42])
    status: JobStatus


class Triggered(Moved):
    """A job that was asked for."""

    format: str | None = Field(examples=["full_16_9"])
    session_id: str | None = Field(examples=["s1"])


class Artifacts(Camel):
    """The files of a complete job, as they were measured."""

    output_path: str | None
    thumbnail_path: str | None
    video_url: str | None = Field(examples=["/api/videos/42/data?v=1763668800"])
    thumbnail_url: str | None
    file_size_bytes: int | None
    duration_s: float | None
    width: int | None = Field(examples=[1920])
    height: int | None = Field(examples=[1080])
    fps: float | None
    sha256: str | None


class Timing(Camel):
    """When; `durationMs` is how long the render took."""

    created_at: datetime | None
    render_started_at: datetime | None
    render_completed_at: datetime | None
    completed_at: datetime | None
    duration_ms: int | None = Field(examples=[8400])


class Failure(Camel):
    """Why a job failed, was cancelled, or waits for another attempt."""

    error_class: str | None = Field(alias="class", examples=["input"])
    message: str | None


class RenderJob(Triggered):
    """A job as the callers of these routes look at it. Its texts are the producer's: never markup."""

    status_description: str = Field(examples=["Being rendered"])
    stage: Stage | None = Field(description="Where it is within `processing`.")
    progress: float = Field(description="0–100.", examples=[42.5])
    quality: str | None = Field(examples=["1080p"])
    attempts: int = Field(description="How often it was tried.", examples=[1])
    retry_count: int = Field(description="Failures that were charged to it.")
    max_attempts: int = Field(description="How many of them it may have.", examples=[3])
    artifacts: Artifacts | None = Field(description="Null until it is complete.")
    timing: Timing
    error: Failure | None
    metadata: Any


class TriggeredAnswer(BaseModel):
    """The job that was asked for."""

    success: Literal[True] = True
    data: Triggered


class MovedAnswer(BaseModel):
    """The job after a command."""

    success: Literal[True] = True
    data: Moved


class RenderJobAnswer(BaseModel):
    """One job."""

    success: Literal[True] = True
    data: RenderJob


class RenderJobsAnswer(BaseModel):
    """A session's jobs, the newest first."""

    success: Literal[True] = True
    data: list[RenderJob]
    before: JobId | None = Field(description="Where the next page begins; null at the end.")


def moved(job: JobRecord) -> MovedAnswer:
    """A job's status after a command."""
    return MovedAnswer(data=Moved(job_id=job.id, status=job.status))


def triggered(job: JobRecord) -> TriggeredAnswer:
    """A job that was asked for."""
    return TriggeredAnswer(
        data=Triggered(
            job_id=job.id, status=job.status, format=job.format, session_id=job.session_id
        )
    )


def render_job(job: JobRecord) -> RenderJob:
    """A job as these routes show it."""
    failure = Failure(error_class=job.error_class, message=job.error_message)
    return RenderJob(
        job_id=job.id,
        status=job.status,
        status_description=describe(job.status),
        stage=job.stage,
        progress=job.progress,
        session_id=job.session_id,
        format=job.format,
        quality=job.quality,
        attempts=job.attempt,
        retry_count=job.retry_count,
        max_attempts=job.max_attempts,
        artifacts=artifacts(job),
        timing=timing(job),
        error=failure if job.error_class or job.error_message else None,
        metadata=job.metadata,
    )


def artifacts(job: JobRecord) -> Artifacts | None:
    """The files of a complete job, with where they are served."""
    if job.status is not JobStatus.COMPLETE:
        return None
    columns = job.model_dump()
    served = {name: url for name, url in links(columns).items() if url}
    return Artifacts.model_validate({**columns, "thumbnail_url": None, **served})


def timing(job: JobRecord) -> Timing:
    """When, and how long the render took."""
    begun, ended = job.render_started_at, job.render_completed_at
    took_s = (ended - begun).total_seconds() if begun and ended else None
    return Timing(
        created_at=job.created_at,
        render_started_at=begun,
        render_completed_at=ended,
        completed_at=job.completed_at,
        duration_ms=None if took_s is None else round(took_s * 1000),
    )
