"""How our HTTP applications are served: loopback manners, and a server that owns no signals.

Used by the status pages and by the embedded render server. The composition root binds the socket
early, so that a taken port is one line and not a traceback, and stops a server by cancelling its
scope.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import uvicorn
from starlette.requests import ClientDisconnect

from reactor.errors import BadConfiguration

if TYPE_CHECKING:
    from collections.abc import Generator

    from anyio.abc import TaskStatus
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BACKLOG = 512
GRACE_S = 5
"""How long open requests may take once the server stops; longer ones are cut."""
BODY_LIMIT = 1 << 20
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


def local_only(app: ASGIApp, sock: socket.socket) -> ASGIApp:
    """The app behind the checks that keep other people's web pages from reaching it."""
    return LocalOnly(app, bound_host=str(sock.getsockname()[0]))


class Refusal(Exception):
    """A request that gets an answer of ours instead of the app's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


TOO_LARGE = Refusal(413, f"body: at most {BODY_LIMIT} bytes are accepted")


class LocalOnly:
    """Refuse foreign hosts (DNS rebinding), foreign origins (CSRF), odd bodies and large ones."""

    def __init__(self, app: ASGIApp, *, bound_host: str = "127.0.0.1") -> None:
        self.app = app
        self.bound_host = bound_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on; lifespan events go straight through."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        try:
            self.check(scope)
        except Refusal as refusal:
            await refuse(scope, send, refusal)
            return
        body = LimitedBody(scope, receive, send)
        try:
            await self.app(scope, body.receive, body.send)
        except ClientDisconnect:
            if not body.refused:
                raise

    def check(self, scope: Scope) -> None:
        """Raise Refusal unless the request comes from this machine's own pages or tools."""
        headers = {
            name.decode("latin-1").lower(): v.decode("latin-1") for name, v in scope["headers"]
        }
        if not self.is_ours(headers.get("host", "")):
            raise Refusal(
                421, "Host: only this machine's own names are served here (127.0.0.1, localhost)"
            )
        websocket = scope["type"] == "websocket"
        if websocket or scope["method"] not in SAFE_METHODS:
            self.check_origin(headers)
        if not websocket:
            check_body(headers)

    def check_origin(self, headers: dict[str, str]) -> None:
        """Browsers say where a request comes from; only our own pages may cause effects."""
        site = headers.get("sec-fetch-site", "none")
        origin = headers.get("origin")
        same = origin is None or urlsplit(origin).netloc.lower() == headers["host"].lower()
        if not same or site not in SAME_SITE:
            raise Refusal(403, "Origin: requests from other web pages are not accepted")

    def is_ours(self, host: str) -> bool:
        """Whether a Host header is a loopback name or the address we are bound to."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return name in ("localhost", self.bound_host) or is_loopback(name)


def is_loopback(name: str) -> bool:
    """Whether a literal address is this machine's."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_body(headers: dict[str, str]) -> None:
    """A body is JSON and not too large; other types are what plain HTML forms can send."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        raise TOO_LARGE
    has_body = int(length) > 0 or "transfer-encoding" in headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and kind != "application/json":
        raise Refusal(415, f"Content-Type: '{kind}' is not accepted (allowed: application/json)")


class LimitedBody:
    """Counts what a request brings, also in chunks; too much is refused and the app sees it end."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self.upstream, self.downstream = scope, receive, send
        self.size = 0
        self.refused = False

    async def receive(self) -> Message:
        """The next message; after too many bytes a disconnect."""
        message = await self.upstream()
        if message["type"] == "http.request":
            self.size += len(message.get("body", b""))
        if self.size > BODY_LIMIT and not self.refused:
            self.refused = True
            await refuse(self.scope, self.downstream, TOO_LARGE)
        return {"type": "http.disconnect"} if self.refused else message

    async def send(self, message: Message) -> None:
        """Pass on what the app answers, unless it was answered for it."""
        if not self.refused:
            await self.downstream(message)


async def refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Answer with the status and one sentence; a WebSocket is closed before it opens."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": str(refusal)[:120]})
        return
    message = str(refusal).replace("\\", "\\\\").replace('"', '\\"')
    body = f'{{"error":{{"class":"input","message":"{message}"}}}}'.encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
