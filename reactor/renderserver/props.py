"""What each template can be given, and how a wrong value is said to people.

The description of a field is what the answer to a wrong value says is allowed.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from reactor.errors import RenderFailed, bad_input
from reactor.renderserver.palette import PALETTES

MOST_IMAGES = 40
MOST_CLIPS = 200
LONGEST_CUT_S = 3600
MOST_SECONDS = 1_000_000
STYLES = ("flame",)
FITS = ("contain", "cover")
FPS = "a whole number from 1 to 60"


def as_list(value: Any) -> Any:
    """A single text stands for a list of one."""
    return [value] if isinstance(value, str) else value


Texts = Annotated[list[str], BeforeValidator(as_list)]


class Props(BaseModel):
    """What every template takes; props it does not know are not looked at."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    title: str = Field(default="", description="text")
    subtitle: str = Field(default="", description="text")
    niche: str = Field(default="", description="text")
    platform: str = Field(default="", description="text")
    seed: int | None = Field(
        default=None, ge=0, le=2**53 - 1, description="a whole number from 0 to 9007199254740991"
    )
    palette: str | None = Field(default=None, description=", ".join(sorted(PALETTES)))

    @field_validator("palette")
    @classmethod
    def known_palette(cls, name: str | None) -> str | None:
        """A palette that exists."""
        if name is not None and name not in PALETTES:
            raise ValueError("unknown")
        return name


class DrawnProps(Props):
    """What a template takes that is as long and as fast as one likes."""

    duration_s: float | None = Field(
        default=None, ge=0.5, le=600, description="a number of seconds from 0.5 to 600"
    )
    fps: int = Field(default=30, ge=1, le=60, description=FPS)


class TitleCardProps(DrawnProps):
    """A title over moving colours."""


class SlideshowProps(DrawnProps):
    """Pictures one after another."""

    images: Texts = Field(
        min_length=1,
        max_length=MOST_IMAGES,
        description=f"a list of 1 to {MOST_IMAGES} paths of images",
    )
    captions: Texts = Field(
        default=[], max_length=MOST_IMAGES, description=f"a list of at most {MOST_IMAGES} texts"
    )
    audio: str | None = Field(default=None, description="the path of an audio file")


class AudioVisualizerProps(DrawnProps):
    """What a sound looks like."""

    audio: str = Field(description="the path of an audio file")
    style: str = Field(default="flame", description=", ".join(STYLES))

    @field_validator("style")
    @classmethod
    def known_style(cls, name: str) -> str:
        """A style that exists."""
        if name not in STYLES:
            raise ValueError("unknown")
        return name


class Clip(BaseModel):
    """A piece of a film: from `in_s` on, up to but without `out_s`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    source: str = Field(description="the path of a video")
    in_s: float = Field(
        default=0.0,
        ge=0,
        le=MOST_SECONDS,
        description=f"seconds from the source's beginning, 0 to {MOST_SECONDS}",
    )
    out_s: float | None = Field(
        default=None,
        gt=0,
        le=MOST_SECONDS,
        description=f"seconds from the source's beginning, more than 0, up to {MOST_SECONDS}",
    )

    @model_validator(mode="before")
    @classmethod
    def null_is_not_given(cls, given: Any) -> Any:
        """Leave out what is null."""
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value is not None}


class EdlCutProps(Props):
    """Clips cut from films and joined; they decide the length."""

    clips: list[Clip] = Field(
        min_length=1,
        max_length=MOST_CLIPS,
        description=f"a list of 1 to {MOST_CLIPS} objects with source, in_s, out_s",
    )
    fit: str = Field(default="cover", description=", ".join(FITS))
    duration_s: float | None = Field(
        default=None, description="the length of the clips together, or nothing"
    )
    fps: int | None = Field(
        default=None, ge=1, le=60, description=f"{FPS}, or nothing for the first clip's own"
    )

    @field_validator("fit")
    @classmethod
    def known_fit(cls, name: str) -> str:
        """A fit that exists."""
        if name not in FITS:
            raise ValueError("unknown")
        return name


MODELS: dict[str, type[Props]] = {
    "audio-visualizer": AudioVisualizerProps,
    "edl-cut": EdlCutProps,
    "slideshow": SlideshowProps,
    "title-card": TitleCardProps,
}


def checked(template: str, given: dict[str, Any]) -> Props:
    """The template's props; RenderFailed(input) names the first that is wrong. Null is not given."""
    model = MODELS[template]
    try:
        return model.model_validate({name: v for name, v in given.items() if v is not None})
    except ValidationError as wrong:
        raise in_our_words(model, wrong.errors()[0]) from None


def in_our_words(model: type[Props], error: Any) -> RenderFailed:
    """One validation error as people would say it."""
    name, *inside = error["loc"]
    fields = model.model_fields
    field = f"props.{name}"
    for part in inside:
        field += f"[{part}]" if isinstance(part, int) else f".{part}"
        if isinstance(part, str):
            name, fields = part, Clip.model_fields
    allowed = fields[str(name)].description or ""
    if error["type"] == "missing":
        return bad_input(field, "is missing", allowed=allowed)
    return bad_input(field, f"is {shown(error['input'])}", allowed=allowed)


def shown(value: Any) -> str:
    """A value short enough for one line."""
    match value:
        case dict():
            return "an object"
        case list():
            return f"a list of {len(value)}"
        case str():
            return f"'{value[:60]}'"
    return (
        {True: "true", False: "false"}.get(value, str(value))
        if isinstance(value, bool)
        else str(value)
    )
