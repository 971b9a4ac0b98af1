"""`/api/render-jobs`: the jobs of sessions, with names in camelCase and every answer in an envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from reactor import jobs
from reactor.api.commands import Cancel, Retry, given_by
from reactor.api.job_answers import (
    MovedAnswer,
    RenderJobAnswer,
    RenderJobsAnswer,
    TriggeredAnswer,
    moved,
    render_job,
    triggered,
)
from reactor.api.route import AWAY, Route
from reactor.jobs import LONGEST_PAGE, PAGE
from reactor.models import Format, Quality
from reactor.records import Json, Name, Text
from reactor.sessions import create_session_job, list_session_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context

INT8 = 2**63
JOBS = "/api/render-jobs"
KNOWN = {
    "responses": {
        "200": {
            "description": "The key names this job.",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/TriggeredAnswer"}}
            },
        }
    }
}
Id = Annotated[int, Path(ge=1, lt=INT8, examples=[42])]


class Trigger(BaseModel):
    """What to render of a session's locked EDL."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    session_id: Name = Field(examples=["s1"])
    format: Format = Format.FULL_16_9
    quality: Quality = Quality.P1080
    title: Text | None = Field(
        default=None, description="Shown in the first seconds; also names the file."
    )
    metadata: Json = Field(default={}, description="Kept with the job.")
    idempotency_key: Name | None = Field(
        default=None, description="The same key again is the same job.", examples=["order-4711"]
    )


class RenderJobs:
    """Creates jobs of sessions, shows them, and passes commands on."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._settings = context.settings

    async def trigger(self, asked: Trigger, response: Response) -> TriggeredAnswer:
        """Render a session's locked EDL: 201 for a new job, 200 when the key names an older one."""
        async with self._database.transaction() as conn:
            made = await create_session_job(
                conn, usual_max_active=self._settings.project_max_active, **asked.model_dump()
            )
        response.status_code = 201 if made.is_new else 200
        response.headers["Location"] = f"{JOBS}/{made.job.id}"
        return triggered(made.job)

    async def show(self, job_id: Id) -> RenderJobAnswer:
        """A job: how far it is, what came out, or why it failed."""
        async with self._database.connection() as conn:
            return RenderJobAnswer(data=render_job(await jobs.get_job(conn, job_id)))

    async def of_session(
        self,
        session_id: Annotated[Name, Path(examples=["s1"])],
        before: Annotated[int | None, Query(ge=1, lt=INT8)] = None,
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = PAGE,
    ) -> RenderJobsAnswer:
        """A session's jobs: the newest first, going on below `before`."""
        async with self._database.connection() as conn:
            page = await list_session_jobs(conn, session_id, before=before, most=limit)
        return RenderJobsAnswer(data=list(map(render_job, page.jobs)), before=page.before)

    async def retry(self, job_id: Id, request: Request, asked: Retry | None = None) -> MovedAnswer:
        """Let a failed job be tried again."""
        force = asked is not None and asked.force
        async with self._database.connection() as conn:
            await jobs.retry(conn, job_id, force=force, given_by=given_by(request))
            return moved(await jobs.get_job(conn, job_id))

    async def cancel(
        self, job_id: Id, request: Request, asked: Cancel | None = None
    ) -> MovedAnswer:
        """Cancel a job that waits or is being rendered."""
        reason = asked.reason if asked else None
        async with self._database.connection() as conn:
            await jobs.cancel(conn, job_id, reason=reason, given_by=given_by(request))
            return moved(await jobs.get_job(conn, job_id))


def routes(context: Context) -> Sequence[Route]:
    """Everything under `/api/render-jobs`."""
    # Digits only, or GET would be offered at `trigger`, too.
    served, tag, one = RenderJobs(context), "render-jobs", f"{JOBS}/{{job_id:int}}"
    missing = {**AWAY, 404: "No such job."}
    refused = {**missing, 409: "Not in the job's present state."}
    untriggered = {
        **AWAY,
        404: "No such session.",
        409: "The session's EDL or assets are not ready; `detail` says which.",
        429: "The project has as many active jobs as it may have.",
    }
    of_session = {**AWAY, 404: "No such session."}
    return (
        Route(
            f"{JOBS}/trigger",
            served.trigger,
            tag,
            TriggeredAnswer,
            problems=untriggered,
            method="POST",
            status=201,
            extra=KNOWN,
        ),
        Route(
            f"{JOBS}/session/{{session_id}}",
            served.of_session,
            tag,
            RenderJobsAnswer,
            problems=of_session,
        ),
        Route(one, served.show, tag, RenderJobAnswer, problems=missing),
        Route(f"{one}/retry", served.retry, tag, MovedAnswer, problems=refused, method="POST"),
        Route(f"{one}/cancel", served.cancel, tag, MovedAnswer, problems=refused, method="POST"),
    )
