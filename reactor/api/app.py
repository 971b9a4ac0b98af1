"""The HTTP side, put together: every route in one list, every error in one shape.

Endpoints are methods of objects that were given the context; nothing here is global.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.responses import FileResponse, PlainTextResponse, Response

from reactor import __version__
from reactor.api import (
    alerts,
    batches,
    page,
    projects,
    publish_queue,
    render_jobs,
    renderer_commands,
    renders,
    sessions,
    volume,
    webhooks,
)
from reactor.api.auth import TokenRequired
from reactor.api.health import Alive, Health, Ready
from reactor.api.metrics import Scrape
from reactor.api.openapi import REF, Documented
from reactor.api.problem import problem
from reactor.api.readings import Readings
from reactor.api.refusals import add_refusals
from reactor.api.renderer import RendererStatus, Status
from reactor.api.route import AWAY, Route, add
from reactor.api.videos import Videos
from reactor.httpserver import BODY_LIMIT, LocalOnly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from reactor.context import Context
    from reactor.settings import Settings

DESCRIPTION = (
    "An event-driven render farm that lives in Postgres: insert a row and a video comes out."
)
OF_VIDEOS = {**AWAY, 404: "No such job.", 409: "Not complete.", 410: "The file is gone."}


def routes(context: Context) -> Sequence[Route]:
    """Everything that is served."""
    readings = Readings(context.database)
    health, status = Health(context), Status(context, readings)
    scrape = Scrape(context, readings, status)
    return (
        Route("/", page.live_page),
        Route("/docs", page.docs_page),
        Route("/static/{name}", page.static_file),
        Route("/favicon.ico", page.favicon),
        Route("/health", health.health, "operations", Alive, extra=also(Alive, "It is stuck.")),
        Route("/ready", health.ready, "operations", Ready, extra=also(Ready, "It cannot.")),
        Route("/metrics", scrape.metrics, "operations", None, PlainTextResponse),
        Route("/api/renderer/status", status.status, "renderer", RendererStatus, problems=AWAY),
        *renderer_commands.routes(context),
        *volume.routes(context),
        *video_routes(Videos(context)),
        *renders.routes(context),
        *projects.routes(context),
        *batches.routes(context),
        *sessions.routes(context),
        *render_jobs.routes(context),
        *publish_queue.routes(context),
        *webhooks.routes(context),
        *alerts.routes(context),
    )


def video_routes(videos: Videos) -> Sequence[Route]:
    """The files of a job; players ask for parts of them."""
    path, part = "/api/videos/{job_id}", {206: "The part that `Range` asks for."}
    video, still = ("video/mp4", "video/webm", "image/gif", "image/jpeg"), ("image/jpeg",)
    return (
        Route(
            f"{path}/data",
            videos.data,
            "videos",
            answer=FileResponse,
            problems=OF_VIDEOS,
            extra=files({200: "The file.", **part}, video),
        ),
        Route(
            f"{path}/thumbnail",
            videos.thumbnail,
            "videos",
            answer=FileResponse,
            problems=OF_VIDEOS,
            extra=files({200: "The picture.", **part}, still),
        ),
    )


def files(said: Mapping[int, str], types: Sequence[str]) -> Mapping[str, Any]:
    """Answers that are files of these types."""
    content = {name: {"schema": {"type": "string", "format": "binary"}} for name in types}
    return {
        "responses": {
            str(code): {"description": words, "content": content} for code, words in said.items()
        }
    }


def also(model: type[BaseModel], said: str) -> Mapping[str, Any]:
    """The same report when the answer is no."""
    schema = {"$ref": REF.format(model=model.__name__)}
    return {
        "responses": {
            "503": {"description": said, "content": {"application/json": {"schema": schema}}}
        }
    }


def create_app(context: Context) -> LocalOnly:
    """The application behind its door: strangers' pages and oversized bodies stay out."""
    return LocalOnly(
        application(context),
        # Beyond this machine, or behind a proxy, there is a name of its own, and then there is a token.
        any_host=context.settings.token is not None,
        uploads=uploads(context.settings),
        answer=refusal,
    )


def application(context: Context) -> Documented:
    """The routes, the errors and the token."""
    app = Documented(
        title="Render reactor",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's own page loads scripts from elsewhere; ours does not
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    for route in routes(context):
        add(app, route)
    add_refusals(app)
    if token := context.settings.token:
        app.guarded = True
        app.add_middleware(TokenRequired, token=token)
    app.add_middleware(page.SecurityHeaders)
    return app


def uploads(settings: Settings) -> Mapping[str, int]:
    """Where files may be sent, and how many bytes in all: each file is measured where it arrives."""
    return {"/api/batches": settings.upload_mb * settings.uploads_at_once * 2**20 + BODY_LIMIT}


def refusal(path: str, status: int, message: str) -> Response:
    """What the door says; it stands outside the middleware that adds the headers."""
    return problem(status, message, path=path, headers=page.SECURITY_HEADERS)
