"""One address and what answers there; every noun lists its own, and `app` adds them all."""

from __future__ import annotations

import re
from inspect import getdoc
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi.responses import JSONResponse

from reactor.api.openapi import described

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fastapi import FastAPI
    from fastapi.responses import Response

AWAY = {503: "The database does not answer."}


class Route(NamedTuple):
    """What FastAPI needs to know; without a tag it is one of our pages and not documented.

    `problems` are the errors it can answer besides those of every route with input (`reactor.api.openapi`);
    `extra` goes into its OpenAPI operation, for what cannot be read from the endpoint.
    """

    path: str
    endpoint: Callable[..., Awaitable[Any]]
    tag: str | None = None
    model: Any = None
    answer: type[Response] = JSONResponse
    problems: Mapping[int, str] = {}
    method: str = "GET"
    status: int = 200
    extra: Mapping[str, Any] = {}


def add(app: FastAPI, route: Route) -> None:
    """Add one route; where GET is answered, HEAD is, too."""
    # FastAPI writes models as JSON in one step only when it was not told what writes JSON.
    told: dict[str, Any] = {} if route.answer is JSONResponse else {"response_class": route.answer}
    for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
        app.add_api_route(
            route.path,
            route.endpoint,
            methods=[method],
            status_code=route.status,
            response_model=route.model,
            responses={code: described(route.path, said) for code, said in route.problems.items()},
            response_description="Done.",
            tags=[route.tag] if route.tag else None,
            summary=summary(route.endpoint),
            operation_id=f"{route.tag}.{route.endpoint.__name__}" if route.tag else None,
            openapi_extra=dict(route.extra) or None,
            include_in_schema=bool(route.tag) and method != "HEAD",
            **told,
        )


def summary(endpoint: Callable[..., Any]) -> str:
    """The docstring up to its first pause."""
    return re.split(r"[.:;]", " ".join((getdoc(endpoint) or "").split()), maxsplit=1)[0]
