"""The words of the product as types: a job, its states, what it is to be rendered as.

Dimensions and names live here because the renderer that draws a video and the verification that
judges it must agree on them. Nothing here does any input or output.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, NewType, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from reactor.errors import bad_input

JobId = NewType("JobId", int)
E = TypeVar("E", bound=StrEnum)


class JobStatus(StrEnum):
    """Where a job is in its life; `docs/states.md` draws the moves."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """Where a job is within `processing`."""

    CLAIMED = "claimed"
    RENDERING = "rendering"
    RENDERED = "rendered"
    PUBLISHING = "publishing"


class Format(StrEnum):
    """The shape of the picture."""

    FULL_16_9 = "full_16_9"
    SHORT_9_16 = "short_9_16"
    CLIP_1_1 = "clip_1_1"
    THUMBNAIL = "thumbnail"


class Quality(StrEnum):
    """The size of the picture's shorter side."""

    P360 = "360p"
    P720 = "720p"
    P1080 = "1080p"
    K4 = "4k"


class Container(StrEnum):
    """The kind of file; a thumbnail is a jpg whatever a job's `container` says."""

    MP4 = "mp4"
    WEBM = "webm"
    GIF = "gif"
    JPG = "jpg"


SHORT_SIDE = {Quality.P360: 360, Quality.P720: 720, Quality.P1080: 1080, Quality.K4: 2160}


def dimensions(shape: Format, quality: Quality) -> tuple[int, int]:
    """Width and height in pixels."""
    short = SHORT_SIDE[quality]
    long = short * 16 // 9
    match shape:
        case Format.FULL_16_9 | Format.THUMBNAIL:
            return long, short
        case Format.SHORT_9_16:
            return short, long
        case Format.CLIP_1_1:
            return short, short


class RenderSpec(BaseModel):
    """What one attempt is asked to draw, checked: every name is one we know."""

    model_config = ConfigDict(frozen=True)

    template: str
    format: Format
    quality: Quality
    container: Container
    props: dict[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return dimensions(self.format, self.quality)


class Job(BaseModel):
    """A row of `actp_gen_jobs`, as far as handlers need it. Texts are as the producer wrote them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: JobId
    niche: str | None
    platform: str | None
    template_id: str | None
    renderer: str
    format: str | None
    quality: str | None
    container: str | None
    params: Any
    audio_name: str | None
    audio_path: str | None
    status: JobStatus
    stage: Stage | None
    attempt: int
    retry_count: int
    max_attempts: int
    claim_token: UUID | None
    created_at: datetime | None
    render_started_at: datetime | None
    output_path: str | None
    cache: bool = True
    was_cached: bool = False
    """An earlier attempt took over a file, and that did not end well."""
    timeout_s: float | None = None
    frames: int | None = None

    def spec(self) -> RenderSpec:
        """Check the producer's words; raise RenderFailed(input) naming the field and what it may be."""
        if not self.template_id:
            raise bad_input("template_id", "is empty; name the template to render")
        if not isinstance(self.params, dict):
            kind = "null" if self.params is None else type(self.params).__name__
            raise bad_input("params", f"is {kind}", allowed="a JSON object")
        shape = member(Format, "format", given(self.format, Format.FULL_16_9))
        quality = member(Quality, "quality", given(self.quality, Quality.P1080))
        container = member(Container, "container", given(self.container, Container.MP4))
        if shape is Format.THUMBNAIL:
            container = Container.JPG
        elif container is Container.JPG:
            raise bad_input("container", "'jpg' is for format thumbnail", allowed="mp4, webm, gif")
        return RenderSpec(
            template=self.template_id,
            format=shape,
            quality=quality,
            container=container,
            props={**self.defaults(), **self.params},
        )

    def defaults(self) -> dict[str, Any]:
        """Props a template gets from the job's own columns unless `params` says otherwise."""
        columns = {"niche": self.niche, "platform": self.platform, "audio": self.audio_path}
        return {name: value for name, value in columns.items() if value}


def given(value: str | None, default: str) -> str:
    """The value, or the default for the null of a column that had none."""
    return default if value is None else value


def member(kind: type[E], field: str, value: str) -> E:
    """The enum member of that value; RenderFailed(input) with the allowed ones when there is none."""
    try:
        return kind(value)
    except ValueError:
        raise bad_input(field, f"'{value}' is unknown", allowed=", ".join(kind)) from None
