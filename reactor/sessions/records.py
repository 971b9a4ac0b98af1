"""A session, its films and its cuts: as they are given, and as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from reactor.db.sessions import LONGEST_CUTS
from reactor.errors import FieldError, Invalid
from reactor.records import Name, Text, invalid
from reactor.sessions.mezzanine import PLACES, source_of

if TYPE_CHECKING:
    from reactor.db.sessions import Edl

MOST_CUTS = 200
MOST_SECONDS = 1_000_000
MOST_TOLD = 10
"""Wrong fields of stored cuts; all of 200 would help nobody."""
NAME: TypeAdapter[str] = TypeAdapter(Name)


def usable(mezzanine_url: str) -> str:
    """As it was given, if a film can be read from there."""
    source_of(mezzanine_url)
    return mezzanine_url


Seconds = Annotated[float, Field(strict=True, ge=0, le=MOST_SECONDS, allow_inf_nan=False)]
MezzanineUrl = Annotated[Text, AfterValidator(usable)]


class NewSession(BaseModel):
    """What is said of a session; what is not said is null."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Text | None = Field(default=None, examples=["Sunday service"])
    project_id: Name | None = Field(default=None, description="Its jobs belong to it, too.")


class NewAsset(BaseModel):
    """What is said of a film."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mezzanine_url: MezzanineUrl | None = Field(
        description=f"Where it is: {PLACES}. A relative path is below `uploads/`; null is not yet.",
        examples=["camera_1.mov"],
    )
    duration_s: float | None = Field(
        default=None, strict=True, gt=0, le=MOST_SECONDS, allow_inf_nan=False, examples=[5400.0]
    )


class Cut(BaseModel):
    """A piece of a film: from `in_s` on, up to but without `out_s`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: Name = Field(description="The asset's id.", examples=["camera_1"])
    in_s: Seconds = Field(description="Seconds from the film's beginning.", examples=[1.0])
    out_s: Seconds = Field(description="Greater than `in_s`.", examples=[3.5])

    @field_validator("out_s")
    @classmethod
    def after_in_s(cls, out_s: float, given: ValidationInfo) -> float:
        """Later than where it begins."""
        if out_s <= given.data.get("in_s", -1):
            raise ValueError("must be greater than in_s")
        return out_s


class NewEdl(BaseModel):
    """An edit decision list: what is shown, one cut after another."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cuts: list[Cut] = Field(min_length=1, max_length=MOST_CUTS)


class EdlRecord(BaseModel):
    """A session's EDL. Only a locked one is rendered, and only a draft can be changed."""

    status: Literal["draft", "locked"]
    cuts: list[Cut] | None = Field(description="Null when what is stored is no list of cuts.")
    problem: str | None = Field(description="What is wrong with it then.")
    created_at: datetime
    locked_at: datetime | None


class AssetRecord(BaseModel):
    """A film of a session."""

    model_config = ConfigDict(from_attributes=True)

    asset_id: str = Field(examples=["camera_1"])
    mezzanine_url: str | None = Field(examples=["camera_1.mov"])
    duration_s: float | None
    created_at: datetime


class SessionRecord(BaseModel):
    """A session with all that belongs to it. Its texts are the producer's: never markup."""

    session_id: str = Field(examples=["s1"])
    title: str | None
    project_id: str | None
    created_at: datetime
    edl: EdlRecord | None
    assets: list[AssetRecord] = Field(description="By their ids.")


Given = TypeVar("Given", NewSession, NewAsset, NewEdl)


def checked(model: type[Given], **fields: object) -> Given:
    """What somebody gives, from Python; Invalid names each wrong field."""
    try:
        return model.model_validate(fields)
    except ValidationError as wrong:
        raise invalid(wrong) from None


def check_name(field: str, value: str) -> None:
    """Invalid unless it can be the id of something."""
    try:
        NAME.validate_python(value)
    except ValidationError as wrong:
        raise Invalid(
            [FieldError(field, error.message) for error in invalid(wrong).errors]
        ) from None


def read_cuts(edl: Edl) -> list[Cut]:
    """The cuts as they are stored; Invalid says what else is stored there."""
    if len(edl.cuts) >= LONGEST_CUTS:
        raise Invalid([FieldError("cuts", f"are {LONGEST_CUTS} characters or more")])
    try:
        return NewEdl.model_validate_json(f'{{"cuts": {edl.cuts}}}').cuts
    except ValidationError as wrong:
        # Errors of the text itself belong to no field.
        errors = [FieldError(said.field or "cuts", said.message) for said in invalid(wrong).errors]
    rest = [FieldError("cuts", f"and {len(errors) - MOST_TOLD} more")] * (len(errors) > MOST_TOLD)
    raise Invalid([*errors[:MOST_TOLD], *rest])


def shown(edl: Edl) -> EdlRecord:
    """An EDL for people, whatever is stored."""
    cuts, problem = None, None
    try:
        cuts = read_cuts(edl)
    except Invalid as wrong:
        problem = str(wrong)
    return EdlRecord.model_validate({**edl._asdict(), "cuts": cuts, "problem": problem})
