"""A render server that does whatever a test wants it to do, over real sockets."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import SocketStream

    Behaviour = Callable[[SocketStream], Awaitable[None]]

PATIENCE_S = 60.0
HEALTH = {"ok": True, "name": "fake", "version": "7", "capacity": 3, "busy": 0}


class FakeServer:
    """Answers `POST /render` as told under "render", and so on; the last answer is repeated."""

    def __init__(self) -> None:
        self.port = 0
        self.plan: dict[str, list[Behaviour]] = defaultdict(list)
        self.requests: list[tuple[str, str, Any]] = []
        self.heard = anyio.Event()
        self.tell(health=says(HEALTH), render=says({"id": "7-1"}, 202), cancel=says({"ok": True}))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def tell(self, **behaviours: Behaviour | list[Behaviour]) -> None:
        """What to do at each request of a kind, in order."""
        for kind, wanted in behaviours.items():
            self.plan[kind] = list(wanted) if isinstance(wanted, list) else [wanted]

    def asked(self, kind: str) -> list[tuple[str, str, Any]]:
        """The requests of a kind so far: method, target, JSON."""
        return [request for request in self.requests if request[1].split("/")[1] == kind]

    async def until_asked(self, kind: str, times: int = 1) -> None:
        """Wait for so many requests of a kind."""
        with anyio.fail_after(PATIENCE_S):
            while len(self.asked(kind)) < times:
                await self.heard.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeServer]:
        """Listen, at the same port as before."""
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.port)
        self.port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - not Django's
        async with listener, anyio.create_task_group() as tg:
            tg.start_soon(listener.serve, self.converse)
            yield self
            tg.cancel_scope.cancel()

    async def converse(self, stream: SocketStream) -> None:
        """Answer requests on one connection until either side has had enough."""
        async with stream:
            reader = BufferedByteReceiveStream(stream)
            try:
                while True:
                    await self.answer(reader, stream)
            except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError):
                return
            except anyio.ClosedResourceError:
                return

    async def answer(self, reader: BufferedByteReceiveStream, stream: SocketStream) -> None:
        """Read one request and behave."""
        head = (await reader.receive_until(b"\r\n\r\n", 65536)).decode()
        method, target, _ = head.split(" ", 2)
        lengths = [
            line[15:] for line in head.split("\r\n") if line.lower()[:15] == "content-length:"
        ]
        body = await reader.receive_exactly(int(lengths[0])) if lengths and int(lengths[0]) else b""
        self.requests.append((method, target, json.loads(body) if body else None))
        self.heard.set()
        self.heard = anyio.Event()
        plan = self.plan[target.split("?")[0].split("/")[1]]
        await (plan.pop(0) if len(plan) > 1 else plan[0])(stream)


def says(fields: Any, status: int = 200) -> Behaviour:
    """An honest JSON answer."""
    return says_raw(json.dumps(fields).encode(), status)


def says_raw(body: bytes, status: int = 200, headers: str = "") -> Behaviour:
    """An answer with any bytes in it."""

    async def behave(stream: SocketStream) -> None:
        head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        await stream.send(head.encode() + body)

    return behave


async def hangs_up(stream: SocketStream) -> None:
    """Close the connection instead of answering."""
    await stream.aclose()


async def never_answers(stream: SocketStream) -> None:
    """Hold the connection without a word, until the other side gives up."""
    await stream.receive()
    await stream.aclose()


async def drips(stream: SocketStream) -> None:
    """A slow loris: always another byte before any timeout per read."""
    await stream.send(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
    while True:
        await stream.send(b" ")
        await anyio.sleep(0.02)
