"""A job as it is asked for and as it is shown: what the command line, HTTP and Python share.

Names are the columns' names. What cannot be stored or rendered is refused here, with the field's name.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from reactor.errors import FieldError, Invalid
from reactor.models import Container, Format, JobId, JobStatus, Quality, Stage

INT4 = 2**31
MOST_BYTES = 256 * 1024
"""Of params or metadata, as JSON."""


def storable(text: str) -> str:
    """What Postgres can keep as text: no NUL, no half characters."""
    if "\0" in text:
        raise ValueError("must not contain the character NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode text") from None
    return text


def storable_json(value: dict[str, Any]) -> dict[str, Any]:
    """What Postgres can keep as JSON: no NaN, no NUL, not too deep, not too large."""
    try:
        written = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        raise ValueError("must be plain JSON: objects, lists, texts, finite numbers") from None
    storable(written.replace("\\u0000", "\0"))
    if len(written.encode()) > MOST_BYTES:
        raise ValueError(f"must be at most {MOST_BYTES} bytes of JSON")
    return value


Text = Annotated[str, Field(max_length=2000), AfterValidator(storable)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(storable)]
Json = Annotated[dict[str, Any], AfterValidator(storable_json)]


class NewJob(BaseModel):
    """What is asked for. Only the template must be named; everything else has the column's default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    template_id: Name = Field(description="What to draw.", examples=["title-card"])
    params: Json = Field(
        default={}, description="The template's props.", examples=[{"title": "Hi"}]
    )
    niche: Text | None = Field(default=None, examples=["science"])
    platform: Text | None = Field(default=None, examples=["youtube"])
    renderer: Name = Field(default="server", description="`server`, `dry_run` or a plug-in's name.")
    format: Format = Field(default=Format.FULL_16_9)
    quality: Quality = Field(default=Quality.P1080)
    container: Container = Field(default=Container.MP4)
    priority: int = Field(default=0, ge=-INT4, lt=INT4, description="Higher is sooner.")
    run_after: datetime | None = Field(default=None, description="Not before; null is now.")
    max_attempts: int = Field(default=3, ge=1, le=100, description="Failures that are charged.")
    timeout_s: float | None = Field(
        default=None,
        gt=0,
        le=7 * 24 * 3600,
        description="How long one render may take; null is the farm's limit.",
    )
    approved: bool = Field(default=True, description="A job that is not approved waits.")
    cache: bool = Field(default=True, description="Whether an equal video may be taken over.")
    idempotency_key: Name | None = Field(
        default=None, description="The same key again is the same job.", examples=["order-4711"]
    )
    project_id: Name | None = None
    session_id: Name | None = None
    batch_id: Name | None = None
    audio_name: Text | None = None
    audio_path: Text | None = None
    metadata: Json = Field(default={}, description="Kept with the job and sent with its events.")


class JobRecord(BaseModel):
    """A job with everything that is known of it. Its texts are the producer's: never markup."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: JobId = Field(examples=[42])
    status: JobStatus
    stage: Stage | None = None
    progress: float = Field(description="0–100.", examples=[42.5])
    eta_s: float | None = Field(default=None, description="Seconds left of the render.")
    rendered_frames: int | None = None
    total_frames: int | None = None
    title: str | None = None
    template_id: str | None = Field(examples=["title-card"])
    renderer: str = Field(examples=["server"])
    format: str | None = Field(examples=["full_16_9"])
    quality: str | None = Field(examples=["1080p"])
    container: str | None = Field(examples=["mp4"])
    params: Any = Field(examples=[{"title": "Hi"}])
    metadata: Any = None
    niche: str | None
    platform: str | None
    project_id: str | None
    session_id: str | None
    batch_id: str | None
    audio_name: str | None
    audio_path: str | None
    approved: bool | None
    idempotency_key: str | None
    priority: int
    run_after: datetime | None
    attempt: int
    retry_count: int
    max_attempts: int
    timeout_s: float | None
    cache: bool
    cached_from: JobId | None = Field(description="The job whose file was taken over, if any.")
    created_at: datetime | None
    render_started_at: datetime | None
    render_completed_at: datetime | None
    completed_at: datetime | None
    output_path: str | None
    thumbnail_path: str | None
    video_url: str | None
    file_size_bytes: int | None
    duration_s: float | None
    width: int | None
    height: int | None
    fps: float | None
    sha256: str | None
    error_class: str | None
    error_message: str | None


class Artefacts(BaseModel):
    """What somebody who rendered elsewhere has made; nothing of it is looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    output_path: Text | None = None
    thumbnail_path: Text | None = None
    video_url: Text | None = None
    file_size_bytes: int | None = Field(default=None, ge=0, lt=2**63)
    duration_s: float | None = Field(default=None, ge=0)
    width: int | None = Field(default=None, gt=0, lt=INT4)
    height: int | None = Field(default=None, gt=0, lt=INT4)
    fps: float | None = Field(default=None, gt=0)
    sha256: Name | None = None


def new_job(**fields: Any) -> NewJob:
    """A checked order; Invalid names each wrong field and what it may be."""
    try:
        return NewJob(**fields)
    except ValidationError as wrong:
        raise invalid(wrong) from None


def invalid(wrong: ValidationError) -> Invalid:
    """The errors of a model in our words; what was given is not repeated."""
    return Invalid([field_error(error["loc"], error) for error in wrong.errors()])


def field_error(place: tuple[int | str, ...], error: Any) -> FieldError:
    """One error of pydantic's, as people would say it."""
    said = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        said = "is not known"
    elif error["type"] == "missing":
        said = "is missing"
    return FieldError(".".join(map(str, place)), f"{said[:1].lower()}{said[1:]}")
