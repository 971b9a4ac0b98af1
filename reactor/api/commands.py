"""What commands have in common: their bodies, which may be left out, and who gave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from reactor.records import Text

if TYPE_CHECKING:
    from fastapi import Request


class Retry(BaseModel):
    """How to retry."""

    model_config = ConfigDict(extra="forbid")

    force: bool = Field(
        default=False,
        strict=True,
        description="Also a job that has used its attempts; it gets as many again.",
    )


class Cancel(BaseModel):
    """Why to cancel."""

    model_config = ConfigDict(extra="forbid")

    reason: Text | None = Field(default=None, description="Kept as the job's error message.")


def given_by(request: Request) -> str:
    """Who commands, as the audit has it."""
    return f"HTTP ({request.client.host})" if request.client else "HTTP"
