"""Which error is which answer. What others sent is never a 500, and is not repeated to them."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import psycopg
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from reactor.api import page
from reactor.api.problem import problem
from reactor.db.pool import TRANSIENT
from reactor.errors import (
    DatabaseUnavailable,
    FailureClass,
    FieldError,
    Invalid,
    Missing,
    QuotaExceeded,
    Refused,
    RenderFailed,
    TryAgain,
)
from reactor.observe import Seen
from reactor.records import field_error

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from fastapi.responses import Response

    from reactor.context import Context

STATUS: dict[type[Exception], int] = {
    Invalid: 400,
    ClientDisconnect: 400,
    psycopg.DataError: 400,
    Missing: 404,
    Refused: 409,
    psycopg.IntegrityError: 409,
    QuotaExceeded: 429,
    TryAgain: 503,
    DatabaseUnavailable: 503,
    **dict.fromkeys(TRANSIENT, 503),
}
RETRY_AFTER = {429: "30", 503: "2"}
"""Seconds: renders end by the minute, databases restart in a moment."""
NO_OBJECT = ("dict_type", "model_type", "model_attributes_type")
LOCATIONS = ("body", "query", "path", "header", "cookie")


def add_refusals(app: FastAPI) -> None:
    """Let the application answer every error as a problem."""
    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(RequestValidationError, refuse_input)
    app.add_exception_handler(RenderFailed, refuse_order)
    for kind in STATUS:
        app.add_exception_handler(kind, tell)
    app.add_exception_handler(Exception, tell_broken)


async def tell(request: Request, wrong: Exception) -> Response:
    """Answer one of the errors above."""
    code = next(STATUS[kind] for kind in type(wrong).__mro__ if kind in STATUS)
    retry_after = RETRY_AFTER.get(code)
    return problem(
        code,
        sentence(wrong),
        path=request.scope["path"],
        errors=wrong.errors if isinstance(wrong, Invalid) else (),
        headers={"Retry-After": retry_after} if retry_after else None,
    )


def sentence(wrong: Exception) -> str:
    """What the error says for people; nothing of a statement or of a connection."""
    if isinstance(wrong, ClientDisconnect):
        return "body: ended before all of it was sent"
    if isinstance(wrong, TRANSIENT):
        return "the database does not answer"
    if isinstance(wrong, psycopg.Error):
        return f"the database does not take this: {wrong.diag.message_primary or wrong}"
    return str(wrong)


async def refuse(request: Request, wrong: Exception) -> Response:
    """Say what is not there or not possible: to programs as a problem, to people as a page."""
    path = request.scope["path"]
    code = getattr(wrong, "status_code", 500)
    said = str(getattr(wrong, "detail", wrong))
    headers = dict(getattr(wrong, "headers", None) or {})
    for_people = not path.startswith("/api") and request.method in ("GET", "HEAD")
    if code == 404 and for_people:
        return page.missing_page()
    if code == 404 and not getattr(request.scope.get("route"), "path", None):
        said = f"there is nothing at {path}; /docs lists what there is"
    if code == 405:
        headers["Allow"] = ", ".join(offered(request))
        said = f"{request.method} is not offered here (allowed: {headers['Allow']})"
    return problem(code, said, path=path, headers=headers)


def offered(request: Request) -> list[str]:
    """Every method of an address; the framework tells only those of the first route it finds."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods
    return sorted(methods)


async def refuse_input(request: Request, wrong: Exception) -> Response:
    """Name each wrong field and what it may be."""
    found = wrong.errors() if isinstance(wrong, RequestValidationError) else []
    errors = [named(error) for error in found]
    said = "; ".join(f"{error.field}: {error.message}" for error in errors)
    return problem(400, said, path=request.scope["path"], errors=errors)


def named(error: Any) -> FieldError:
    """One error of FastAPI's: body fields by name, as parameters are."""
    place = error["loc"]
    if error["type"] == "json_invalid":
        why = str(error["ctx"]["error"])
        return FieldError(
            "body", f"is not JSON: {why[:1].lower()}{why[1:]} at character {place[1]}"
        )
    inside = place[1:] if len(place) > 1 and place[0] in LOCATIONS else place
    if error["type"] in NO_OBJECT:
        return FieldError(".".join(map(str, inside)), "must be a JSON object")
    return field_error(inside, error)


async def refuse_order(request: Request, wrong: Exception) -> Response:
    """What cannot be rendered is the sender's to change; what could not be done may work later."""
    blame = wrong.failure if isinstance(wrong, RenderFailed) else None
    if blame is FailureClass.INPUT:
        return problem(400, str(wrong), path=request.scope["path"])
    headers = {"Retry-After": RETRY_AFTER[503]}
    return problem(503, str(wrong), path=request.scope["path"], headers=headers)


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
        500,
        "something is broken here; the log says what",
        path=request.scope["path"],
        headers=page.SECURITY_HEADERS,
    )
