"""Every error answer: RFC 9457 problem details, one sentence that says what is wrong and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping


class Problem(BaseModel):
    """What went wrong, for people and for programs."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "there is no job 42",
            }
        }
    )

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="One sentence for people.")


class ProblemResponse(JSONResponse):
    """A problem on the wire."""

    media_type = "application/problem+json"


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None
) -> ProblemResponse:
    """Say what is wrong."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return ProblemResponse(body.model_dump(), status_code=status, headers=headers)
