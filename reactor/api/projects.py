"""`/api/projects/{project_id}`: the renders of a project, and how many it may have."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Path, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reactor import jobs
from reactor.api.renders import STATES, Render, view
from reactor.api.route import AWAY, Route
from reactor.db import projects
from reactor.errors import FieldError, Invalid
from reactor.jobs import LONGEST_PAGE, PAGE
from reactor.models import Container, Format, Quality
from reactor.records import INT4, Json, Name, new_job, storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context
    from reactor.records import NewJob

INT8 = 2**63
DEFAULT_TEMPLATE = "title-card"
ProjectId = Annotated[
    str, Path(min_length=1, max_length=200, examples=["spring"]), AfterValidator(storable)
]
Film = Literal["mp4", "webm", "gif"]
FilmOrShape = Literal["mp4", "webm", "gif", "full_16_9", "short_9_16", "clip_1_1", "thumbnail"]
Status = Literal["pending", "running", "completed", "failed", "cancelled", "processing", "complete"]
"""In the words of front ends, and in the table's."""
Most = Annotated[
    int | None, Field(strict=True, ge=0, lt=INT4, description="Null is the farm's usual.")
]
FILMS = (Container.MP4, Container.WEBM, Container.GIF)
OF_ORDERS = {
    **AWAY,
    409: "The key was used for another job.",
    429: "The project has as many active jobs as it may have.",
}
FOUND = {
    "responses": {
        "200": {
            "description": "The render that the key has named before.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Render"}}},
        }
    }
}


class RenderOrder(BaseModel):
    """What to render; nothing needs to be said."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    composition_id: Name | None = Field(
        default=None,
        alias="compositionId",
        description=f"The template; by default {DEFAULT_TEMPLATE}.",
        examples=["title-card"],
    )
    template: Name | None = Field(default=None, description="Another name for compositionId.")
    format: FilmOrShape | None = Field(
        default=None, description="The kind of file, or the shape of the picture.", examples=["mp4"]
    )
    container: Film | None = Field(default=None, description="The kind of file.")
    quality: Quality = Quality.P1080
    props: Json = Field(default={}, examples=[{"title": "Hello", "duration_s": 2}])
    renderer: Name = "server"
    priority: int = Field(default=0, ge=-INT4, lt=INT4, description="Higher is sooner.")
    timeout_s: float | None = Field(
        default=None, gt=0, le=7 * 24 * 3600, description="How long the render may take."
    )
    approved: bool = Field(default=True, description="A render that is not approved waits.")
    cache: bool = Field(default=True, description="Whether an equal video may be taken over.")
    metadata: Json = Field(default={}, description="Kept with the job and sent with its events.")
    idempotency_key: Name | None = Field(
        default=None, description="The same key again is the same render."
    )

    def job(self, project_id: str) -> NewJob:
        """The job that is meant; Invalid where two fields contradict one another."""
        return new_job(
            template_id=self.named_template(),
            params=self.props,
            renderer=self.renderer,
            quality=self.quality,
            priority=self.priority,
            timeout_s=self.timeout_s,
            approved=self.approved,
            cache=self.cache,
            metadata=self.metadata,
            idempotency_key=self.idempotency_key,
            project_id=project_id,
            **self.kind(),
        )

    def named_template(self) -> str:
        """The template, under either of its names."""
        names = {self.composition_id, self.template} - {None}
        if len(names) == 2:
            raise Invalid([FieldError("template", "is not what compositionId is; say one of them")])
        return self.composition_id or self.template or DEFAULT_TEMPLATE

    def kind(self) -> dict[str, Any]:
        """Shape and container: the word `format` may be either."""
        if self.format not in FILMS:
            shape, container = self.format or Format.FULL_16_9, self.container or Container.MP4
            return {"format": shape, "container": container}
        if self.container not in (None, self.format):
            raise Invalid([FieldError("container", f"is not '{self.format}', which format says")])
        return {"format": Format.FULL_16_9, "container": self.format}


class Limits(BaseModel):
    """How many jobs of a project may wait or render, and render, at once."""

    model_config = ConfigDict(extra="forbid")

    max_active: Most = None
    max_rendering: Most = None


class Project(BaseModel):
    """What a project may have and has; one needs no row to exist."""

    project_id: str = Field(examples=["spring"])
    max_active: int | None = Field(description="Null: the farm's usual.")
    max_rendering: int | None = Field(description="Null: the farm's usual.")
    served_at: datetime | None = Field(description="When its turn was the last time.")
    pending: int
    processing: int


class Projects:
    """Takes orders and shows what became of them."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._usual_max_active = context.settings.project_max_active

    async def render(
        self, project_id: ProjectId, response: Response, asked: RenderOrder | None = None
    ) -> Render:
        """Order a render; 200 instead of 201 when the idempotency key names one that exists."""
        order = (asked or RenderOrder()).job(project_id)
        async with self._database.connection() as conn:
            created = await jobs.create_job(conn, order, usual_max_active=self._usual_max_active)
            found = await jobs.get_job(conn, created.id)
        if not created.is_new:
            response.status_code = 200
        return view(found)

    async def renders(
        self,
        project_id: ProjectId,
        response: Response,
        status: Status | None = None,
        before: Annotated[int | None, Query(ge=1, lt=INT8, description="Below this id.")] = None,
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = PAGE,
    ) -> list[Render]:
        """The project's renders, the newest first; the header Link says where the next page begins."""
        async with self._database.connection() as conn:
            page = await jobs.list_jobs(
                conn, project_id=project_id, status=ours(status), before=before, most=limit
            )
        if page.before is not None:
            kept = "" if status is None else f"&status={status}"
            response.headers["Link"] = f'<?before={page.before}&limit={limit}{kept}>; rel="next"'
        return [view(job) for job in page.jobs]

    async def get(self, project_id: ProjectId) -> Project:
        """What a project may have, and what waits and renders."""
        async with self._database.connection() as conn:
            return Project(**await projects.get_project(conn, project_id))

    async def limit(self, project_id: ProjectId, asked: Limits) -> Project:
        """Set both limits of a project; what is not given is the farm's usual again."""
        async with self._database.connection() as conn:
            await projects.limit_project(conn, project_id, **asked.model_dump())
            return Project(**await projects.get_project(conn, project_id))


def ours(status: Status | None) -> str | None:
    """The status as the table has it."""
    return next((str(own) for own, said in STATES.items() if status in (own, said)), None)


def routes(context: Context) -> Sequence[Route]:
    """Everything under `/api/projects`."""
    served, tag, one = Projects(context), "projects", "/api/projects/{project_id}"
    return (
        Route(
            f"{one}/render",
            served.render,
            tag,
            Render,
            problems=OF_ORDERS,
            method="POST",
            status=201,
            extra=FOUND,
        ),
        Route(f"{one}/renders", served.renders, tag, list[Render], problems=AWAY),
        Route(one, served.get, tag, Project, problems=AWAY),
        Route(f"{one}/limits", served.limit, tag, Project, problems=AWAY, method="PUT"),
    )
