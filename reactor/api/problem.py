"""Every error answer: RFC 9457 problem details, one sentence that says what is wrong and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reactor.errors import FieldError

ENVELOPED = "/api/render-jobs"
"""Below this path every answer, an error too, says `success`."""


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Its name; parts of it after dots.", examples=["format"])
    message: str = Field(examples=["input should be 'full_16_9', 'short_9_16' or 'clip_1_1'"])


class Problem(BaseModel):
    """What went wrong, for people and for programs."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Bad Request",
                "status": 400,
                "detail": "template_id: is missing",
                "errors": [{"field": "template_id", "message": "is missing"}],
            }
        }
    )

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="One sentence for people.")
    errors: list[FieldProblem] | None = Field(
        default=None, description="The wrong fields by name; there when the input is to blame."
    )


class EnvelopedProblem(Problem):
    """A problem with what the other answers of these routes have, too."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "there is no job 42",
                "success": False,
                "error": "there is no job 42",
            }
        }
    )

    success: Literal[False] = False
    error: str = Field(description="The same sentence as in `detail`.")


class ProblemResponse(JSONResponse):
    """A problem on the wire."""

    media_type = "application/problem+json"


def problem(
    status: int,
    detail: str,
    *,
    path: str = "",
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """Say what is wrong, in the shape that belongs to the path."""
    said = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=[FieldProblem(field=wrong.field, message=wrong.message) for wrong in errors] or None,
    ).model_dump(exclude_none=True)
    if is_enveloped(path):
        said |= {"success": False, "error": detail}
    return ProblemResponse(said, status_code=status, headers=headers)


def is_enveloped(path: str) -> bool:
    """Whether answers at this path say `success`."""
    return path == ENVELOPED or path.startswith(f"{ENVELOPED}/")
