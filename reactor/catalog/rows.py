"""A row of the catalogue as a file says it, checked before it comes near the tables.

Names and limits are those of the tables' columns; what a row does not say is not set.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from reactor.errors import FieldError
from reactor.models import Format, Quality
from reactor.records import Json, storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHARACTERS = 200
INT4 = 2**31 - 1
INT8 = 2**63 - 1


def visible(text: str) -> str:
    """A name that can be seen."""
    if not text.strip():
        raise ValueError("must have a character that can be seen")
    return text


def finite(number: float) -> float:
    """No infinity, which no video has."""
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


Name = Annotated[
    str,
    Field(min_length=1, max_length=CHARACTERS),
    AfterValidator(storable),
    AfterValidator(visible),
]
Word = Annotated[str, Field(max_length=CHARACTERS), AfterValidator(storable)]
Long = Annotated[str, Field(max_length=10_000), AfterValidator(storable)]
Weight = Annotated[float, Field(ge=0, le=1000)]
Seconds = Annotated[float, Field(ge=0), AfterValidator(finite)]
Count = Annotated[int, Field(ge=0, le=INT4)]
Positive = Annotated[int, Field(ge=1, le=INT4)]
Aspect = Literal["16:9", "9:16", "1:1"]
FileKind = Literal["mp4", "webm", "gif", "jpg"]
FilmKind = Literal["mp4", "webm", "gif"]


class Row(BaseModel):
    """What all three have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: ClassVar[str]
    lists: ClassVar[frozenset[str]] = frozenset()
    """Columns that a CSV cell has several words for."""
    objects: ClassVar[frozenset[str]] = frozenset()
    """Columns that a CSV cell has JSON for."""

    enabled: bool = True

    @property
    def name(self) -> str:
        """Which row it is."""
        return str(getattr(self, self.key))

    def said(self) -> dict[str, Any]:
        """What the file says, and nothing more, as JSON."""
        return self.model_dump(mode="json", exclude_unset=True)


class NicheRow(Row):
    """A line of `reactor.niches`."""

    key = "niche"
    lists = frozenset({"hashtags"})

    niche: Name
    title: Name | None = None
    performance: Weight = 1
    hashtags: list[Word] = []


class PlatformRow(Row):
    """A line of `reactor.platforms`."""

    key = "platform"
    lists = frozenset({"aspects", "containers"})

    platform: Name
    engagement: Weight = 1
    format: Format = Format.FULL_16_9
    daily_least: Count = 2
    daily_target: Count = 3
    daily_most: Count | None = None
    min_duration_s: Seconds | None = None
    max_duration_s: Seconds | None = None
    aspects: list[Aspect] | None = None
    containers: list[FileKind] | None = None
    max_bytes: Annotated[int, Field(ge=1, le=INT8)] | None = None
    max_title: Positive | None = None
    max_description: Positive | None = None
    max_hashtags: Count | None = None


class TemplateDefaults(BaseModel):
    """What a template's jobs say unless told otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    params: Json = {}
    renderer: Name = "server"
    format: Format = Format.FULL_16_9
    quality: Quality = Quality.P1080
    container: FilmKind = "mp4"
    description: Long = ""
    hashtags: list[Word] = []
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3


class TemplateRow(Row):
    """A line of `reactor.templates`."""

    key = "template_id"
    lists = frozenset({"niches", "platforms"})
    objects = frozenset({"defaults"})

    template_id: Name
    niches: Annotated[list[Name], Field(min_length=1)] | None = None
    platforms: Annotated[list[Name], Field(min_length=1)] | None = None
    defaults: TemplateDefaults = TemplateDefaults()


KINDS: Mapping[str, type[Row]] = {
    "niches": NicheRow,
    "platforms": PlatformRow,
    "templates": TemplateRow,
}


def read_row(kind: type[Row], said: Mapping[str, Any]) -> Row | list[FieldError]:
    """The row, or everything that is wrong with it."""
    try:
        return kind.model_validate(said)
    except ValidationError as wrong:
        return [
            FieldError(".".join(map(str, error["loc"])), sentence(kind, error))
            for error in wrong.errors(include_url=False)
        ]


def sentence(kind: type[Row], error: Any) -> str:
    """One validation error as people would say it."""
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            where = TemplateDefaults if len(error["loc"]) > 1 else kind
            return f"is unknown; allowed: {', '.join(columns(where))}"
        case _:
            said = str(error["msg"]).removeprefix("Value error, ")
            shown = repr(error["input"])
            return (
                f"{said} (it is {shown if len(shown) <= CHARACTERS else shown[:CHARACTERS] + '…'})"
            )


def columns(model: type[BaseModel]) -> list[str]:
    """What may be said, the key first."""
    key = getattr(model, "key", None)
    return sorted(model.model_fields, key=lambda name: name != key)


def conflicts(row: Mapping[str, Any]) -> Iterator[FieldError]:
    """What cannot be true of one platform at the same time."""
    least, target, most = row["daily_least"], row["daily_target"], row["daily_most"]
    shortest, longest = row["min_duration_s"], row["max_duration_s"]
    if target < least:
        yield FieldError("daily_target", f"is {target}; allowed: at least daily_least, {least}")
    if most is not None and most < target:
        yield FieldError("daily_most", f"is {most}; allowed: at least daily_target, {target}")
    if longest is not None and longest <= (shortest or 0):
        yield FieldError(
            "max_duration_s",
            f"is {longest:g}; allowed: more than min_duration_s, {shortest or 0:g}",
        )
