"""`POST /api/renderer/flush` and `/start`: render what waits, now; and see to it that the renderer runs."""

from __future__ import annotations

from contextlib import aclosing
from threading import Semaphore
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
from fastapi import Request  # noqa: TC002 - FastAPI reads annotations at run time
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from reactor.api.commands import given_by
from reactor.api.openapi import REF
from reactor.api.problem import problem
from reactor.api.route import Route
from reactor.db import flush
from reactor.db.pool import TRANSIENT
from reactor.errors import Refused, TryAgain
from reactor.events import RendererWanted
from reactor.farm.flushed import Flushed, JobEnded, Summary, flush_pending_jobs, follow
from reactor.observe import Seen
from reactor.renderers.process import runs_here

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from psycopg import AsyncConnection
    from starlette.types import Receive, Scope, Send

    from reactor.context import Context
    from reactor.db.pool import Database
    from reactor.events import Announced

LINES = "application/x-ndjson"
MOST_STREAMS = 8
STREAM_S = 3600.0
LOOK_S = 0.5
START_S = 20.0
"""How long a request waits for the renderer; a slow one goes on starting without it."""
T = TypeVar("T")


class RendererNow(BaseModel):
    """The render server of the reactor that answers."""

    running: bool = Field(description="Whether it answered when it was last asked.")
    started: bool = Field(description="It is down, and is being started now.")


class FlushAnswer(Flushed):
    """What was flushed, and whether there is somebody to draw it."""

    renderer: RendererNow


class StreamFailed(BaseModel):
    """The last line of a stream that could not go on; the jobs do."""

    type: str = "error"
    detail: str = Field(examples=["the database does not answer"])


class RendererStart(BaseModel):
    """Whether the render server runs."""

    running: bool
    starting: bool = Field(description="It has not answered yet, and goes on starting.")
    pid: int | None
    url: str = Field(examples=["http://127.0.0.1:3100"])


class Looking:
    """Follows over the reactor's own connections: nothing is opened for a stream, nothing waits in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def look(self, ask: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Ask the database; one that is away ends the stream."""
        async with self._database.connection() as conn:
            return await ask(conn)

    async def hear(self, timeout_s: float, _matters: Callable[[Announced], bool]) -> bool:
        """Nothing is heard here; it is soon looked again."""
        await anyio.sleep(timeout_s)
        return False


class RendererCommands:
    """Flushes, and starts the renderer."""

    def __init__(self, context: Context, *, start_s: float = START_S) -> None:
        self._context = context
        self._start_s = start_s
        self._places = Semaphore(MOST_STREAMS)

    async def flush(self, request: Request) -> FlushAnswer | Response:
        """Render everything that waits, now: it is due at once, and the renderer is started if it is down.

        With `Accept: application/x-ndjson` the answer stays open: a line as here, one for each job as it
        ends, and one that sums up, also when the jobs that are left cannot be expected to move.
        """
        if LINES not in request.headers.get("accept", ""):
            return await self._flush(request)
        if not self._places.acquire(blocking=False):
            raise TryAgain(f"{MOST_STREAMS} clients follow a flush already; ask without {LINES}")
        try:
            answer = await self._flush(request)
        except BaseException:
            self._places.release()
            raise
        return Stream(lines_of(answer, self._context.database), self._places)

    async def _flush(self, request: Request) -> FlushAnswer:
        context = self._context
        async with context.database.transaction() as conn:
            done = await flush_pending_jobs(conn, given_by=given_by(request))
        running = context.supervisor.server.health is not None
        can_start = runs_here(context.settings) and not context.gate.draining
        renderer = RendererNow(running=running, started=not running and can_start)
        return FlushAnswer(**done.model_dump(), renderer=renderer)

    async def start(self, request: Request) -> Response:
        """See to it that the renderer runs: 200 when it does, 202 while it is still starting."""
        context, supervisor = self._context, self._context.supervisor
        async with context.database.connection() as conn:
            await flush.note_start(conn, given_by=given_by(request))
        if not await supervisor.is_running():
            self._refuse_what_cannot_be()
            outcome = await self._outcome_of(RendererWanted())
            if outcome is Seen.RENDERER_NOT_STARTED:
                said = f"the renderer does not run: {supervisor.reason}"
                headers = {"Retry-After": "5"}
                return problem(503, said, path=request.scope["path"], headers=headers)
            if outcome is None:
                return self._answer(running=False)
        return self._answer(running=True)

    def _refuse_what_cannot_be(self) -> None:
        """Say what to do where there is nothing to start."""
        if self._context.gate.draining:
            raise Refused("this reactor is shutting down; it starts nothing more")
        settings = self._context.settings
        if settings.renderer == "none":
            raise Refused(
                f"nothing answers at {settings.renderer_url}, and REACTOR_RENDERER is none: start the"
                " render server where it is, or set REACTOR_RENDERER to embedded or a command line"
            )
        if not runs_here(settings):
            raise Refused(
                f"the renderer at {settings.renderer_url} is on another machine: start it there, or"
                " set REACTOR_RENDERER_URL to an address of this one"
            )

    async def _outcome_of(self, wanted: RendererWanted) -> Seen | None:
        """Ask for the renderer, as a flush does, and wait for what is seen of it; None: not soon."""
        heard: list[Seen] = []
        happened = anyio.Event()

        def note(seen: Seen, _facts: Mapping[str, Any]) -> None:
            if seen in (Seen.RENDERER_UP, Seen.RENDERER_NOT_STARTED):
                heard.append(seen)
                happened.set()

        self._context.observe.subscribe(note)
        try:
            self._context.send(wanted)
            with anyio.move_on_after(self._start_s):
                await happened.wait()
        finally:
            self._context.observe.unsubscribe(note)
        return heard[0] if heard else None

    def _answer(self, *, running: bool) -> Response:
        supervisor = self._context.supervisor
        said = RendererStart(
            running=running, starting=not running, pid=supervisor.pid, url=supervisor.server.url
        )
        return JSONResponse(said.model_dump(), 200 if running else 202)


async def lines_of(answer: FlushAnswer, database: Database) -> AsyncGenerator[str]:
    """What was flushed and what becomes of it, a line each, for at most an hour."""
    yield f"{answer.model_dump_json()}\n"
    told = follow(Looking(database), answer.jobs, look_s=LOOK_S, patience_s=STREAM_S)
    try:
        async with aclosing(told):
            async for said in told:
                yield f"{said.model_dump_json()}\n"
    except TRANSIENT:
        yield f"{StreamFailed(detail='the database does not answer').model_dump_json()}\n"


class Stream(StreamingResponse):
    """Lines that give their place back, however the client left."""

    def __init__(self, lines: AsyncGenerator[str], places: Semaphore) -> None:
        super().__init__(lines, 202, media_type=LINES)
        self._lines = lines
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines until they end or the client leaves."""
        try:
            async with aclosing(self._lines):
                await super().__call__(scope, receive, send)
        finally:
            self._places.release()


STREAMED: Mapping[str, Any] = {
    "description": "Done; the jobs are due. As lines: what becomes of them, until all have ended.",
    "content": {
        LINES: {
            "schema": {
                "anyOf": [
                    {"$ref": REF.format(model="FlushAnswer")},
                    *(model.model_json_schema() for model in (JobEnded, Summary, StreamFailed)),
                ]
            }
        }
    },
}
STARTING: Mapping[str, Any] = {
    "description": "It is still starting; ask for the status.",
    "content": {"application/json": {"schema": {"$ref": REF.format(model="RendererStart")}}},
}


def routes(context: Context) -> Sequence[Route]:
    """What can be asked of the renderer."""
    served, tag = RendererCommands(context), "renderer"
    return (
        Route(
            "/api/renderer/flush",
            served.flush,
            tag,
            FlushAnswer,
            problems={503: "The database does not answer, or too many clients follow a flush."},
            method="POST",
            status=202,
            extra={"responses": {"202": STREAMED}},
        ),
        Route(
            "/api/renderer/start",
            served.start,
            tag,
            RendererStart,
            problems={
                503: "It does not run, or the database does not answer; `detail` says why.",
                409: "There is nothing to start here: the renderer is elsewhere, or not wanted.",
            },
            method="POST",
            extra={"responses": {"202": STARTING}},
        ),
    )
