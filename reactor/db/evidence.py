"""Evidence: what a job's attempts left behind, and what is known of its wait."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from psycopg.rows import dict_row, tuple_row
from pydantic import BaseModel, ConfigDict, Field

from reactor.db.statements import statements
from reactor.models import JobId
from reactor.records import JobRecord

if TYPE_CHECKING:
    from psycopg import AsyncConnection

SQL = statements("evidence")


class Attempt(BaseModel):
    """One try at a job."""

    model_config = ConfigDict(frozen=True)

    attempt: int = Field(examples=[1])
    renderer: str = Field(examples=["server"])
    renderer_version: str | None = Field(
        description="Name and version.", examples=["reactor-renderer 0.1.0"]
    )
    reactor_id: UUID | None
    started_at: datetime
    rendered_at: datetime | None = Field(description="When its renderer was done.")
    ended_at: datetime | None
    outcome: str | None = Field(
        description="complete, failed, released, cancelled or lost; null while it runs.",
        examples=["failed"],
    )
    error_class: str | None = Field(examples=["crash"])
    error_message: str | None
    error_frame: int | None = Field(description="How many frames there were when it failed.")
    will_retry: bool | None = Field(description="Whether another attempt was to follow.")
    frames: int | None = Field(description="How many frames were drawn.")
    log_tail: str | None = Field(description="The last lines of the renderer's log.")
    cached_from: JobId | None = Field(description="The job whose file was taken over, if any.")


class Wait(NamedTuple):
    """What is known of an unfinished job's wait; times in seconds."""

    before: int | None
    """Due jobs of the same renderer that come first; None unless it is pending."""
    held: bool | None
    """It waits for somebody, not for a time or a slot."""
    reason: str
    due_in_s: float | None
    elapsed_s: float | None
    typical_s: float | None
    """How long such a render takes."""
    usual_s: float | None
    """How long any render of this renderer takes."""
    slots: int


async def find_evidence(
    conn: AsyncConnection, job_id: JobId, *, most: int
) -> tuple[JobRecord, list[Attempt]] | None:
    """Read a job and its latest attempts, the newest first."""
    cursor = await conn.cursor(row_factory=dict_row).execute(
        SQL["find_evidence"], {"id": job_id, "most": most}
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    attempts = [Attempt.model_validate(attempt) for attempt in row.pop("attempts")]
    return JobRecord(**row), attempts


async def explain_wait(
    conn: AsyncConnection, job_id: JobId, *, usual_most: int | None
) -> Wait | None:
    """Say why a job does not run now; `usual_most` is how many of a project's jobs may render at once."""
    cursor = await conn.cursor(row_factory=tuple_row).execute(
        SQL["explain_wait"], {"id": job_id, "usual_most": usual_most}
    )
    row = await cursor.fetchone()
    return Wait(*row) if row else None
