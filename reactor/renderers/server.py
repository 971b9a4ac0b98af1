"""The client of any HTTP render server: orders a render, follows it, stops it for certain.

The server is not trusted: every request has a deadline as a whole, every answer a size. What answers
mean is in `answers.py`. The supervisor sets `health` and hears of trouble through `on_trouble`.
"""

from __future__ import annotations

import json
import random
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import anyio
import httpx

from reactor.address import without_password
from reactor.errors import FailureClass, RenderFailed, bad_input
from reactor.renderers.answers import (
    ACCEPTED,
    ENDED,
    Answer,
    Course,
    State,
    read_health,
    read_id,
    read_message,
    read_refusal,
    read_status,
)
from reactor.renderers.base import Rendered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from reactor.renderers.answers import Health, Status
    from reactor.renderers.base import Order, Progress
    from reactor.settings import Settings

ANSWER_S = 5.0
"""A request as a whole; httpx's own timeouts are per read, which a slow answer never exceeds."""
ANSWER_BYTES = 1 << 20
CONNECTIONS = 1000
KEEPALIVE_S = 4.0
"""Below the 5 s after which servers close idle connections."""
POST_ATTEMPTS = 4
POST_PAUSE_S = 0.2
WAIT_S = 0.5
FIRST_PACE_S = 0.05
OUTAGE_S = 10.0
"""How long a followed render's server may be away or talk nonsense: it may be restarting."""
OUTAGE_PAUSE_S = 0.25
STOP_S = 10.0


class NoAnswer(RenderFailed):
    """The render server could not be asked, or did not answer as one."""

    def __init__(self, message: str, *, reached: bool) -> None:
        super().__init__(FailureClass.INFRASTRUCTURE, message)
        self.reached = reached
        """Somebody was there: what was asked may have been done."""


class RenderServer:
    """A renderer at the other end of HTTP."""

    draws = True

    def __init__(
        self, settings: Settings, *, answer_s: float = ANSWER_S, outage_s: float = OUTAGE_S
    ) -> None:
        self._settings = settings
        self._answer_s = answer_s
        self._outage_s = outage_s
        self.url = without_password(settings.renderer_url)
        self.health: Health | None = None
        self.on_trouble: Callable[[], None] = lambda: None
        self._client = httpx.AsyncClient(
            base_url=settings.renderer_url,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - every request has a deadline of our own
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=KEEPALIVE_S),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    @property
    def slots(self) -> int:
        """How many renders it takes at once just now; never more than it says itself."""
        if self.health is None:
            return 0
        wanted = self._settings.slots or self.health.capacity or 1
        return min(wanted, self.health.capacity or wanted)

    @property
    def version(self) -> str | None:
        """Name and version, while they are known."""
        return self.health.full_name if self.health else None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def fetch_health(self, *, within_s: float | None = None) -> Health:
        """Ask how the server is; NoAnswer, which is RenderFailed(infrastructure), when it is not well."""
        answer = await self._ask("GET", "/health", within_s=within_s)
        if health := read_health(answer):
            return health
        said = read_message(answer) or "not as a render server"
        raise self._strange(f"answered {answer.status} to GET /health: {said}")

    async def render(self, order: Order, report: Callable[[Progress], None]) -> Rendered:
        """Order the render and follow it to its end; cancelling stops it at the server first."""
        render_id = await self._submit(order)
        async with self._stopping(render_id):
            status = await self._follow(render_id, report)
        return await self._judge(order, status)

    async def _submit(self, order: Order) -> str:
        """Hand the order over; under which id the server will follow it."""
        body = order_body(order)
        async with self._stopping(order.id):
            answer = await self._post(body)
        if answer.status not in ACCEPTED:
            raise read_refusal(answer)
        return read_id(answer, order.id)

    async def _post(self, body: bytes) -> Answer:
        """Ask again when the answer got lost: the same id is the same render."""
        for attempt in range(POST_ATTEMPTS):
            if attempt:
                await anyio.sleep(POST_PAUSE_S * 2**attempt * random.uniform(0.3, 0.5))
            try:
                # Not torn in the middle, or nobody knows whether there is a render to stop.
                with anyio.CancelScope(shield=True):
                    return await self._ask("POST", "/render", body)
            except NoAnswer as wrong:
                self.on_trouble()
                if not wrong.reached or attempt == POST_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def _follow(self, render_id: str, report: Callable[[Progress], None]) -> Status | None:
        """Watch the render until it has ended or is lost (None); RenderFailed when it takes too long."""
        limit = self._settings.render_timeout_s
        with anyio.move_on_after(limit):
            course, pace, before = Course(report), FIRST_PACE_S, None
            moved_at = anyio.current_time()
            while True:
                asked_at = anyio.current_time()
                status = await self._status(render_id)
                if status is None or status.state in ENDED:
                    return status
                if course.note(status) or status.state is not before:
                    moved_at, before = anyio.current_time(), status.state
                self._check_stall(status, moved_at)
                # A server that does not know `wait` answers at once and must not be hammered.
                await anyio.sleep_until(asked_at + pace)
                pace = min(WAIT_S, pace * 1.5)
        raise RenderFailed(FailureClass.STALL, f"the render was not finished after {limit:g} s")

    async def _status(self, render_id: str) -> Status | None:
        """Ask where the render is, bearing with a server that is away for a moment."""
        patient_until = anyio.current_time() + self._outage_s
        while True:
            try:
                return await self._ask_status(render_id)
            except NoAnswer:
                self.on_trouble()
                if anyio.current_time() + OUTAGE_PAUSE_S > patient_until:
                    raise
            await anyio.sleep(OUTAGE_PAUSE_S)

    async def _ask_status(self, render_id: str) -> Status | None:
        path = f"/status/{quote(render_id, safe='')}?wait={WAIT_S}"
        try:
            return read_status(await self._ask("GET", path))
        except ValueError as wrong:
            raise self._strange(str(wrong)) from None

    def _check_stall(self, status: Status, moved_at: float) -> None:
        limit = self._settings.stall_timeout_s
        if status.state is State.RENDERING and anyio.current_time() - moved_at > limit:
            raise RenderFailed(FailureClass.STALL, f"the render has not moved for {limit:g} s")

    @asynccontextmanager
    async def _stopping(self, render_id: str) -> AsyncIterator[None]:
        """Whatever ends this block early, the render is stopped before it goes on."""
        try:
            yield
        except BaseException:
            with anyio.move_on_after(STOP_S, shield=True):
                await self._stop(render_id)
            raise

    async def _stop(self, render_id: str) -> None:
        """Cancel a render, and wait until it is over, unknown, or nobody answers any more."""
        try:
            answer = await self._ask("POST", f"/cancel/{quote(render_id, safe='')}")
            pace = FIRST_PACE_S
            while answer.status != 404:
                status = await self._ask_status(render_id)
                if status is None or status.state in ENDED:
                    return
                await anyio.sleep(pace)
                pace = min(WAIT_S, pace * 1.5)
        except NoAnswer:
            self.on_trouble()

    async def _judge(self, order: Order, status: Status | None) -> Rendered:
        """Turn the end of a render into a file or a failure."""
        if status is None:
            if await anyio.Path(order.output_path).exists():
                return Rendered(order.output_path, self.version)
            reason = "the render was lost: the render server does not know it any more"
            raise RenderFailed(FailureClass.INFRASTRUCTURE, reason)
        if status.state is State.COMPLETE:
            path = await self._place(order, status.output_path)
            return Rendered(path, self.version, status.total_frames, status.log)
        if status.state is State.CANCELLED:
            reason = "the render was cancelled at the render server, not here"
            raise RenderFailed(FailureClass.INFRASTRUCTURE, reason)
        raise status.failed()

    async def _place(self, order: Order, said: str | None) -> Path:
        """Where the file lies: as ordered, or where the server says if that is among the renders."""
        if said is None or said == str(order.output_path) or "\0" in said:
            return order.output_path
        found = await anyio.to_thread.run_sync(inside, Path(said), self._settings.renders_dir)
        if found is not None:
            return found
        if await anyio.Path(order.output_path).exists():
            return order.output_path
        raise RenderFailed(
            FailureClass.BAD_OUTPUT,
            f"the render server wrote outside of {self._settings.renders_dir}, where it was told to",
        )

    async def _ask(
        self, method: str, path: str, body: bytes | None = None, *, within_s: float | None = None
    ) -> Answer:
        """One request and its whole answer; NoAnswer when there is none in time and size."""
        limit = within_s or self._answer_s
        try:
            with anyio.fail_after(limit):
                return await self._exchange(method, path, body)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            problem = f"no connection to the render server at {self.url}"
            raise NoAnswer(problem, reached=False) from None
        except TimeoutError:
            raise self._strange(f"did not answer within {limit:g} s") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError) as wrong:
            raise self._strange(f"broke off ({type(wrong).__name__})") from None

    async def _exchange(self, method: str, path: str, body: bytes | None) -> Answer:
        headers = {} if body is None else {"Content-Type": "application/json"}
        async with self._client.stream(method, path, content=body, headers=headers) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise self._strange("answered compressed")
            received = bytearray()
            # Raw: a few compressed bytes could become any number.
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > ANSWER_BYTES:
                    raise self._strange(f"answered more than {ANSWER_BYTES} bytes")
            html = "html" in response.headers.get("content-type", "")
            return Answer(response.status_code, bytes(received), html)

    def _strange(self, problem: str) -> NoAnswer:
        return NoAnswer(f"the render server at {self.url} {problem}", reached=True)


def order_body(order: Order) -> bytes:
    """The order as the contract spells it."""
    said = ("template", "format", "quality", "container", "props")
    fields = {
        "id": order.id,
        **{name: getattr(order.spec, name) for name in said},
        "assets": {},
        "output_path": str(order.output_path),
    }
    try:
        return json.dumps(fields, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise bad_input("params", "cannot be written as JSON") from None


def inside(path: Path, directory: Path) -> Path | None:
    """The path, if it really lies in that directory, whatever links say."""
    try:
        lies = path.is_absolute() and path.resolve().is_relative_to(directory.resolve())
    except (OSError, RuntimeError, ValueError):
        return None
    return path if lies and path.resolve() != directory.resolve() else None
