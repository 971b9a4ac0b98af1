"""The server's side of a render process: start it, talk to it, end it and all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import BaseModel, ValidationError

import reactor
from reactor.errors import FailureClass, RenderFailed

if TYPE_CHECKING:
    from anyio.abc import Process, TaskGroup

    from reactor.renderserver.request import Order

GRACE_S = 2
LINE_LIMIT = 1 << 16
STDERR_LINES = 100
STDERR_SHOWN = 5
LOG_LENGTH = 8_000
LAST_WORDS_S = 5.0
"""How long to wait for what an ended process wrote last; only a child of its own that holds the pipe
open makes it that long."""
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What a render process sees of our environment: nothing that could hold a secret."""


GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError)


class Told(BaseModel):
    """One line from a render process."""

    event: Literal["accepted", "refused", "progress", "done", "failed"]
    frames: int = 0
    total_frames: int = 0
    failure: FailureClass = FailureClass.CRASH
    message: str = ""


class Child:
    """A render process, in a session of its own."""

    def __init__(self, process: Process) -> None:
        if not (process.stdin and process.stdout and process.stderr):
            raise ValueError("a render process needs its three pipes")
        self.process = process
        self.stdin, self.stderr = process.stdin, process.stderr
        self.lines = BufferedByteReceiveStream(process.stdout)
        self.said: deque[str] = deque(maxlen=STDERR_LINES)
        self.silent = anyio.Event()

    @classmethod
    async def start(cls, tg: TaskGroup) -> Child:
        """Start a process that gets ready and waits for an order."""
        command = [sys.executable, "-P", "-m", "reactor.renderserver.render", str(os.getpid())]
        try:
            process = await anyio.open_process(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(),
                cwd="/",
                start_new_session=True,
            )
        except OSError as wrong:
            reason = f"no render process can be started ({wrong.strerror})"
            raise RenderFailed(FailureClass.RESOURCE, reason) from None
        child = cls(process)
        tg.start_soon(child.listen)
        return child

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.returncode is None

    async def listen(self) -> None:
        """Keep the last lines of standard error, however much there is."""
        rest = ""
        with suppress(*GONE):
            async for chunk in self.stderr:
                *lines, rest = (rest + chunk.decode("utf-8", "replace")).split("\n")
                rest = rest[-LINE_LIMIT:]
                self.said.extend(lines)
        if rest:
            self.said.append(rest)
        self.silent.set()

    @property
    def log(self) -> str | None:
        """The last lines of standard error, if there were any."""
        return "\n".join(self.said).strip()[-LOG_LENGTH:] or None

    async def last_words(self) -> None:
        """Wait until an ended process has been heard to its end."""
        with anyio.move_on_after(LAST_WORDS_S):
            await self.silent.wait()

    async def send(self, order: Order) -> None:
        """Hand over an order."""
        await self.stdin.send(order.model_dump_json().encode() + b"\n")

    async def told(self) -> Told | None:
        """The next thing it tells; None when it has ended or talks nonsense."""
        try:
            return Told.model_validate_json(await self.lines.receive_until(b"\n", LINE_LIMIT))
        except (*GONE, anyio.IncompleteRead, anyio.DelimiterNotFound, ValidationError):
            return None

    async def ending(self) -> str:
        """How it ended, for people, with its last words."""
        code = await self.process.wait()
        await self.last_words()
        how = f"exit code {code}"
        if code < 0:
            with suppress(ValueError):
                how = signal.Signals(-code).name
        words = " | ".join(list(self.said)[-STDERR_SHOWN:])
        return f"the render process ended with {how}" + (f": {words}" if words else "")

    async def stop(self) -> None:
        """End the process and its group, first asking, after GRACE_S by force; return when gone."""
        with anyio.CancelScope(shield=True):
            self.signal(signal.SIGTERM)
            with anyio.move_on_after(GRACE_S):
                await self.process.wait()
            self.signal(signal.SIGKILL)
            await self.process.wait()
            for stream in (self.stdin, self.lines, self.stderr):
                await stream.aclose()

    def signal(self, number: signal.Signals) -> None:
        """Signal everything in the process's group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def environment() -> dict[str, str]:
    """A small environment in which our own package is found."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(reactor.__file__).parents[1])}
