"""How our HTTP applications are served: manners towards strangers, and a server that owns no signals.

Used by the reactor's API and by the embedded render server. The composition root binds the socket
early, so that a taken port is one line and not a traceback, and stops a server by cancelling its
scope.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import uvicorn
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from reactor.errors import BadConfiguration

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from anyio.abc import TaskStatus
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BACKLOG = 512
GRACE_S = 5
"""How long open requests may take once the server stops; longer ones are cut."""
BODY_LIMIT = 1 << 20
"""Bytes of JSON."""
JSON = "application/json"
FORM = "multipart/form-data"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
SAME_SITE = ("same-origin", "none")


def bind(host: str, port: int, *, setting: str) -> socket.socket:
    """A listening socket; BadConfiguration in one line when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that say they are TCP; without it answers take 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except (OSError, OverflowError) as wrong:
        sock.close()
        reason = getattr(wrong, "strerror", None) or str(wrong)
        raise BadConfiguration(
            f"cannot listen on {host}:{port} ({reason}); stop what uses it or set {setting}"
        ) from None
    return sock


async def serve(
    app: ASGIApp, sock: socket.socket, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Serve app on a bound socket until cancelled; then let open requests end, at most GRACE_S."""
    server = Server(local_only(app, sock))
    async with anyio.create_task_group() as tg:
        tg.start_soon(stop_when_cancelled, server)
        with anyio.CancelScope(shield=True):
            await server.run_until_stopped(sock, task_status)
        tg.cancel_scope.cancel()


async def stop_when_cancelled(server: Server) -> None:
    """Tell the server to stop as soon as the surrounding scope is cancelled."""
    try:
        await anyio.sleep_forever()
    finally:
        server.stop()


class Server(uvicorn.Server):
    """A uvicorn server without signals, without logging and without a ticking main loop."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE_S,
                ws_max_size=BODY_LIMIT,
            )
        )
        self.stopping = asyncio.Event()
        self.ready: TaskStatus[None] | None = None

    async def run_until_stopped(self, sock: socket.socket, ready: TaskStatus[None]) -> None:
        """Serve; report readiness once connections are accepted."""
        self.ready = ready
        await self.serve(sockets=[sock])

    def stop(self) -> None:
        """Accept no more; open requests may end."""
        self.should_exit = True
        self.stopping.set()

    async def main_loop(self) -> None:
        """Wait for the end; uvicorn would wake up ten times a second."""
        await self.on_tick(0)
        if self.ready:
            self.ready.started()
        await self.stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to whoever runs the program."""
        yield


def local_only(app: ASGIApp, sock: socket.socket) -> LocalOnly:
    """The app behind the checks that keep other people's web pages out, unless it brought its own."""
    if isinstance(app, LocalOnly):
        return app
    return LocalOnly(app, bound_host=str(sock.getsockname()[0]))


def as_error(path: str, status: int, message: str) -> Response:
    """A refusal as the render-server contract has it."""
    return JSONResponse({"error": {"class": "input", "message": message}}, status)


class Refusal(Exception):
    """A request that gets an answer of ours instead of the app's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class LocalOnly:
    """Refuse foreign hosts (DNS rebinding), foreign origins (CSRF), odd bodies and large ones.

    `any_host` is for applications that ask for a token and have a name of their own. `uploads` are the
    paths that take multipart/form-data, and how many bytes of it. `answer` makes a refusal of path,
    status and message.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        bound_host: str = "127.0.0.1",
        any_host: bool = False,
        uploads: Mapping[str, int] = MappingProxyType({}),
        answer: Callable[[str, int, str], Response] = as_error,
    ) -> None:
        self.app = app
        self.bound_host = bound_host
        self.any_host = any_host
        self.uploads = uploads
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on; lifespan events go straight through."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            limit = self.check(scope)
        except Refusal as refusal:
            await self.refuse(scope, send, refusal)
            return
        body = LimitedBody(self, scope, receive, send, limit)
        try:
            await self.app(scope, body.receive, body.send)
        except ClientDisconnect:
            if not body.refused:
                raise

    def check(self, scope: Scope) -> int:
        """How large the body may be; Refusal unless our own pages or a program ask."""
        headers = {
            name.decode("latin-1").lower(): v.decode("latin-1") for name, v in scope["headers"]
        }
        if not self.is_ours(headers.get("host", "")):
            raise Refusal(
                421, "Host: only this machine's own names are served here (127.0.0.1, localhost)"
            )
        websocket = scope["type"] == "websocket"
        if websocket or scope["method"] not in SAFE_METHODS:
            check_origin(headers)
        return BODY_LIMIT if websocket else self.check_body(headers, scope["path"])

    def is_ours(self, host: str) -> bool:
        """Whether a Host header is a loopback name or the address we are bound to."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        # A page elsewhere that has its own name resolved to our address (DNS rebinding) still is another
        # origin to the browser, which does not give it the token. So with a token any name will do.
        if self.any_host and name:
            return True
        return name in ("localhost", self.bound_host) or is_loopback(name)

    def check_body(self, headers: Mapping[str, str], path: str) -> int:
        """How large it may be; other types than these are what plain HTML forms can send."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        upload = self.uploads.get(path) if kind == FORM else None
        limit = upload or BODY_LIMIT
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > limit:
            raise too_large(limit)
        has_body = int(length) > 0 or "transfer-encoding" in headers
        if has_body and kind != JSON and not upload:
            allowed = f"{JSON}, {FORM}" if path in self.uploads else JSON
            raise Refusal(415, f"Content-Type: '{kind}' is not accepted (allowed: {allowed})")
        return limit

    async def refuse(self, scope: Scope, send: Send, refusal: Refusal) -> None:
        """Answer with the status and one sentence; a WebSocket is closed before it opens."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": str(refusal)[:120]})
            return
        answer = self.answer(scope["path"], refusal.status, str(refusal))
        # What is left of the request is not read.
        answer.headers["connection"] = "close"
        await answer(scope, no_more, send)


async def no_more() -> Message:
    """Nothing is read for an answer that is known already."""
    return {"type": "http.disconnect"}


def check_origin(headers: Mapping[str, str]) -> None:
    """Browsers say where a request comes from; only our own pages may cause effects."""
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    same = origin is None or origin.partition("://")[2].lower() == headers["host"].lower()
    if not same or site not in SAME_SITE:
        raise Refusal(403, "Origin: requests from other web pages are not accepted")


def is_loopback(name: str) -> bool:
    """Whether a literal address is this machine's."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def too_large(limit: int) -> Refusal:
    """More was sent than is read."""
    return Refusal(413, f"body: at most {limit} bytes are accepted")


class LimitedBody:
    """Counts what a request brings, also in chunks; too much is refused and the app sees it end."""

    def __init__(
        self, door: LocalOnly, scope: Scope, receive: Receive, send: Send, limit: int
    ) -> None:
        self.door, self.scope, self.upstream, self.downstream = door, scope, receive, send
        self.limit = limit
        self.size = 0
        self.refused = False
        self.answered = False

    async def receive(self) -> Message:
        """The next message; after too many bytes a disconnect."""
        message = await self.upstream()
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
        if self.size > self.limit and not self.refused:
            self.refused = True
            if not self.answered:
                await self.door.refuse(self.scope, self.downstream, too_large(self.limit))
        return {"type": "http.disconnect"} if self.refused else message

    async def send(self, message: Message) -> None:
        """Pass on what the app answers, unless it was answered for it."""
        if not self.refused or self.answered:
            self.answered = True
            await self.downstream(message)
