"""A real HTTP server that answers as it is told and remembers what it was sent."""

from __future__ import annotations

from collections import defaultdict, deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener

from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from anyio.abc import ByteStream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Sent(NamedTuple):
    """A request as it came over the wire."""

    path: str
    headers: dict[str, str]
    body: bytes


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    said = {"Content-Length": str(len(body)), **given}
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in said.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Receiver:
    """Answers 200, or for a path what was queued for it; the last answer stays."""

    port: int = 0
    secure: bool = False
    keeps_open: bool = False
    sent: list[Sent] = field(default_factory=list)
    answers: dict[str, deque[bytes]] = field(default_factory=lambda: defaultdict(deque))
    hanging: set[str] = field(default_factory=set)
    changed: anyio.Event = field(default_factory=anyio.Event)

    def url(self, path: str = "/hook", *, host: str = "127.0.0.1") -> str:
        """Where it listens."""
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{path}"

    def says(self, *answers: bytes, path: str = "/hook") -> None:
        """What to answer there, one after the other."""
        self.answers[path].extend(answers)

    def to(self, path: str = "/hook") -> list[Sent]:
        """What came there."""
        return [sent for sent in self.sent if sent.path == path]

    async def until(self, count: int, path: str = "/hook") -> list[Sent]:
        """Wait until so many requests came there."""
        with anyio.fail_after(PATIENCE_S):
            while len(self.to(path)) < count:
                await self.changed.wait()
        return self.to(path)

    def goes_on(self, path: str = "/hook") -> None:
        """Answer there what it has been hanging on."""
        self.hanging.discard(path)
        self._change()

    def _change(self) -> None:
        self.changed.set()
        self.changed = anyio.Event()

    async def serve(self, stream: ByteStream) -> None:
        """One request, one answer, and the end of the connection unless it is kept open."""
        async with stream:
            await self.serve_one(stream)
            while self.keeps_open:
                await self.serve_one(stream)

    async def serve_one(self, stream: ByteStream) -> None:
        """Read a request, remember it, answer it."""
        sent = await read_request(stream)
        self.sent.append(sent)
        self._change()
        while sent.path in self.hanging:
            await self.changed.wait()
        queued = self.answers[sent.path]
        said = queued.popleft() if len(queued) > 1 else (queued[0] if queued else OK)
        await stream.send(said)

    async def handle(self, stream: ByteStream) -> None:
        """A caller that goes away is not our problem."""
        with suppress(anyio.BrokenResourceError, anyio.IncompleteRead, anyio.EndOfStream):
            await self.serve(stream)


async def read_request(stream: ByteStream) -> Sent:
    """Head and body of a request with a Content-Length or none."""
    buffered = BufferedByteReceiveStream(stream)
    head = (await buffered.receive_until(b"\r\n\r\n", 65536)).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await buffered.receive_exactly(int(headers.get("content-length", "0")))
    return Sent(first.split(" ")[1], headers, body)


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver(secure=tls is not None)
    listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1")
    receiver.port = listener.listeners[0].extra_attributes[SocketAttribute.local_port]()
    if tls:
        listener = TLSListener(listener, tls, standard_compatible=False)
    async with listener, anyio.create_task_group() as tg:
        tg.start_soon(listener.serve, receiver.handle)
        yield receiver
        tg.cancel_scope.cancel()
