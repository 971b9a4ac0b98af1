"""What a batch is asked for: as JSON that names files, and as the texts of a form beside the files."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from reactor.batches import MOST_FORMATS
from reactor.errors import FieldError, Invalid
from reactor.records import INT4, Json, Name, Text, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

Order = TypeVar("Order", bound="BatchOrder")
REPEATED = ("formats",)
"""Texts of a form that may come more than once, and hold several by commas."""
AS_JSON = ("params", "metadata")


class AudioPath(BaseModel):
    """A file that is there already."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Text
    name: Name | None = None


AUDIO_PATH = {
    "type": "object",
    "required": ["path"],
    "additionalProperties": False,
    "properties": {
        "path": {
            "type": "string",
            "maxLength": 2000,
            "description": "In `uploads/` or one of REACTOR_ASSET_DIRS; a relative one in `uploads/`.",
        },
        "name": {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 200,
            "description": "What the video is named after; by default the file's name.",
        },
    },
}


class BatchOrder(BaseModel):
    """What is asked for besides the files."""

    model_config = ConfigDict(extra="forbid")

    template: Name = Field(
        description="`flame`, or a template's own name.", examples=["flame", "audio-visualizer"]
    )
    formats: list[Text] = Field(
        min_length=1,
        max_length=MOST_FORMATS,
        description="Each a quality, a shape, or several words joined by `/`.",
        examples=[["1080p", "short_9_16/720p/webm"]],
    )
    project_id: Name | None = None
    params: Json = Field(default={}, description="The template's props, the same for every file.")
    metadata: Json = Field(default={}, description="Kept with every job.")
    priority: int = Field(default=0, ge=-INT4, lt=INT4, description="Higher is sooner.")
    idempotency_key: Name | None = Field(
        default=None, description="The same key again is the same batch.", examples=["order-4711"]
    )


class PathOrder(BatchOrder):
    """The same with files that are there already."""

    audio: list[Annotated[AudioPath, WithJsonSchema(AUDIO_PATH)]] = Field(
        min_length=1, examples=[[{"path": "song.mp3", "name": "Test Audio.mp3"}]]
    )


def form_schema() -> dict[str, Any]:
    """The order as a form: the files in it, objects as JSON text."""
    schema = BatchOrder.model_json_schema()
    properties = schema["properties"]
    for name in AS_JSON:
        properties[name] = {"type": "string", "description": f"{name} as a JSON object."}
    properties["audio"] = {"type": "array", "items": {"type": "string", "format": "binary"}}
    schema["required"] = [*schema["required"], "audio"]
    return schema


RECORD = {"application/json": {"schema": {"$ref": "#/components/schemas/BatchRecord"}}}
ASKED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": PathOrder.model_json_schema()},
            "multipart/form-data": {"schema": form_schema()},
        },
    },
    "responses": {"200": {"description": "The key names this batch.", "content": RECORD}},
}


def checked(model: type[Order], given: bytes | dict[str, Any]) -> Order:
    """The order; Invalid names each wrong field, `audio[2].path` for one within a list."""
    try:
        if isinstance(given, bytes):
            return model.model_validate_json(given)
        return model.model_validate(given)
    except ValidationError as wrong:
        raise Invalid(
            [
                FieldError(
                    re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", error.field) or "body", error.message
                )
                for error in invalid(wrong).errors
            ]
        ) from None


def fields_of(texts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The texts of a form as the order's fields; an empty one was not filled in."""
    fields: dict[str, Any] = {}
    for name, text in texts:
        value = text.strip()
        if name not in BatchOrder.model_fields:
            raise Invalid([FieldError(name[:80], unknown(name))])
        if name in REPEATED:
            fields.setdefault(name, []).extend(w.strip() for w in value.split(",") if w.strip())
        elif name in fields:
            raise Invalid([FieldError(name, "is given twice")])
        elif value:
            fields[name] = read_json(name, value) if name in AS_JSON else value
    return fields


def unknown(name: str) -> str:
    """Why a text is not taken."""
    if name == "audio":
        return "is a text; send it as a file: curl -F audio=@song.mp3"
    return f"is not known (allowed: audio, {', '.join(BatchOrder.model_fields)})"


def read_json(name: str, text: str) -> Any:
    """A text of the form that holds JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid([FieldError(name, "is not JSON")]) from None
