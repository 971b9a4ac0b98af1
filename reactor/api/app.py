"""The HTTP side, put together: every route in one list, every error in one shape.

Endpoints are methods of objects that were given the context; nothing here is global.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from reactor import __version__
from reactor.api import page
from reactor.api.health import Alive, Health, Ready
from reactor.api.metrics import Scrape
from reactor.api.problem import Problem, ProblemResponse, problem
from reactor.api.readings import Readings
from reactor.api.renderer import RendererStatus, Status
from reactor.api.videos import Videos
from reactor.db.pool import TRANSIENT
from reactor.errors import DatabaseUnavailable
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from fastapi import Request

    from reactor.context import Context

DESCRIPTION = (
    "An event-driven render farm that lives in Postgres: insert a row and a video comes out."
)
AWAY = {503: "The database does not answer."}
OF_VIDEOS = {**AWAY, 404: "No such job.", 409: "Not complete.", 410: "The file is gone."}


class Route(NamedTuple):
    """One address and what answers there."""

    path: str
    endpoint: Callable[..., Awaitable[Any]]
    tag: str | None = None
    """Where it stands in the documentation; None for our pages, which do not."""
    model: type[Any] | None = None
    answer: type[Response] = JSONResponse
    problems: Mapping[int, str] = {}


def routes(context: Context) -> Sequence[Route]:
    """Everything that is served."""
    readings = Readings(context.database)
    health, status, videos = Health(context), Status(context, readings), Videos(context)
    scrape = Scrape(context, readings, status)
    return (
        Route("/", page.live_page),
        Route("/docs", page.docs_page),
        Route("/static/{name}", page.static_file),
        Route("/favicon.ico", page.favicon),
        Route("/health", health.health, "operations", Alive),
        Route("/ready", health.ready, "operations", Ready),
        Route("/metrics", scrape.metrics, "operations", None, PlainTextResponse),
        Route("/api/renderer/status", status.status, "renderer", RendererStatus, problems=AWAY),
        Route("/api/videos/{job_id}/data", videos.data, "videos", None, FileResponse, OF_VIDEOS),
        Route(
            "/api/videos/{job_id}/thumbnail",
            videos.thumbnail,
            "videos",
            None,
            FileResponse,
            OF_VIDEOS,
        ),
    )


def create_app(context: Context) -> FastAPI:
    """The application; `reactor.httpserver` serves it and keeps strangers out."""
    app = FastAPI(
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
    app.add_middleware(page.SecurityHeaders)
    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(RequestValidationError, refuse_input)
    for away in (DatabaseUnavailable, *TRANSIENT):
        app.add_exception_handler(away, tell_unavailable)
    app.add_exception_handler(Exception, tell_broken)
    return app


def add(app: FastAPI, route: Route) -> None:
    """Add one route, which answers HEAD as it answers GET."""
    described: dict[int | str, dict[str, Any]] = {
        code: {"description": said, "content": {ProblemResponse.media_type: {"schema": SCHEMA}}}
        for code, said in route.problems.items()
    }
    for method in ("GET", "HEAD"):
        app.add_api_route(
            route.path,
            route.endpoint,
            methods=[method],
            response_model=route.model,
            response_class=route.answer,
            responses=described,
            response_description="Done.",
            tags=[route.tag] if route.tag else None,
            include_in_schema=bool(route.tag) and method == "GET",
        )


SCHEMA = Problem.model_json_schema()


async def refuse(request: Request, wrong: Exception) -> Response:
    """Say what is not there or not possible: to programs as a problem, to people as a page."""
    code = getattr(wrong, "status_code", 500)
    for_people = not request.url.path.startswith("/api") and request.method in ("GET", "HEAD")
    if code == 404 and for_people:
        return page.missing_page()
    if code == 404 and not getattr(request.scope.get("route"), "path", None):
        return problem(404, f"there is nothing at {request.url.path}; /docs lists what there is")
    return problem(
        code, str(getattr(wrong, "detail", wrong)), headers=getattr(wrong, "headers", None)
    )


async def refuse_input(request: Request, wrong: Exception) -> Response:
    """Name the field and what is wrong with it; what was sent is not repeated."""
    errors = wrong.errors() if isinstance(wrong, RequestValidationError) else []
    said = [f"{error['loc'][-1]}: {error['msg'][:1].lower()}{error['msg'][1:]}" for error in errors]
    return problem(422, "; ".join(said))


async def tell_unavailable(request: Request, wrong: Exception) -> Response:
    """Say in a sentence that the database is away; the same request may work in a moment."""
    said = str(wrong) if isinstance(wrong, DatabaseUnavailable) else "the database does not answer"
    return problem(503, said, headers={"Retry-After": "2"})


async def tell_broken(request: Request, wrong: Exception) -> Response:
    """A bug of ours: the traceback is for the log, not for whoever asked."""
    context: Context = request.app.state.context
    context.observe(
        Seen.HANDLER_FAILED,
        handler=f"{request.method} {getattr(request.scope.get('route'), 'path', '?')}",
        error=repr(wrong),
        traceback="".join(traceback.format_exception(wrong)),
    )
    # This answer is made outside all middleware.
    return problem(
        500, "something is broken here; the log says what", headers=page.SECURITY_HEADERS
    )
