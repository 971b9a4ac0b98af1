"""The render-server contract over HTTP: /health, /render, /status/{id}, /cancel/{id}."""

from __future__ import annotations

import json
import math
import os
from typing import TYPE_CHECKING, Any

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

import reactor
from reactor.errors import RenderFailed, TryAgain
from reactor.models import Container, Format, Quality
from reactor.renderserver.props import MODELS
from reactor.renderserver.request import Places, order

if TYPE_CHECKING:
    from reactor.renderserver.renders import Renders

LONGEST_WAIT_S = 30
NAME = "reactor-renderer"


def create_app(renders: Renders, places: Places) -> FastAPI:
    """The application over these renders."""
    app = FastAPI(title=NAME, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Say who is here, what it can draw and how busy it is."""
        return about(renders)

    @app.post("/render", status_code=202)
    async def render(request: Request) -> JSONResponse:
        """Begin a render, or say why not."""
        try:
            asked = await body(request)
            known = renders.named(asked)
            accepted = await renders.join(known or renders.begin(order(asked, places)))
        except RenderFailed as wrong:
            return problem(400, wrong.failure, str(wrong), field=str(wrong).partition(":")[0])
        except TryAgain as full:
            return problem(429, "resource", str(full), headers={"Retry-After": "1"})
        return JSONResponse({"id": accepted.order.id}, status_code=202)

    @app.get("/status/{name}")
    async def status(name: str, wait: str = "0") -> JSONResponse:
        """Say how far a render is; with `wait`, as soon as it has ended or after so many seconds."""
        known = renders.known.get(name)
        if known is None:
            return unknown(name)
        seconds = waiting_time(wait)
        if seconds is None:
            return problem(400, "input", f"wait: is '{wait[:20]}' (allowed: 0 to 30)", field="wait")
        with anyio.move_on_after(seconds):
            await known.ended.wait()
        return JSONResponse(known.as_json())

    @app.post("/cancel/{name}")
    async def cancel(name: str) -> JSONResponse:
        """End a render; an ended one stays what it is."""
        known = renders.known.get(name)
        if known is None:
            return unknown(name)
        await renders.cancel(known)
        return JSONResponse(known.as_json())

    return app


def about(renders: Renders) -> dict[str, Any]:
    """The answer to GET /health."""
    return {
        "ok": True,
        "name": NAME,
        "version": reactor.__version__,
        "pid": os.getpid(),
        "capacity": renders.capacity,
        "busy": renders.busy,
        "templates": sorted(MODELS),
        "formats": list(Format),
        "qualities": list(Quality),
        "containers": list(Container),
    }


async def body(request: Request) -> Any:
    """The request's JSON, or None when it is none: what reads it refuses that.

    JSON can hold half a character (a lone surrogate), which no file name, log or answer can.
    """
    try:
        whole = json.dumps(await request.json(), ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(whole)
    except (ValueError, RecursionError):
        return None


def waiting_time(value: str) -> float | None:
    """Seconds from 0 to LONGEST_WAIT_S; None when it is no number."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return None if math.isnan(seconds) else min(max(seconds, 0), LONGEST_WAIT_S)


def unknown(name: str) -> JSONResponse:
    """There is no such render: never was, was forgotten, or was lost in a restart."""
    return problem(404, "input", f"id: '{name[:100]}' is unknown", field="id")


def problem(
    code: int,
    failure: str,
    message: str,
    *,
    field: str | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """An answer that says what is wrong."""
    error = {"class": failure, "message": message}
    if field:
        error["field"] = field
    return JSONResponse({"error": error}, status_code=code, headers=headers)
