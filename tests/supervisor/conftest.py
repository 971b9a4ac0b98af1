"""A supervisor over a renderer that is quick to start, and what can be seen of it."""

from __future__ import annotations

import math
import shlex
import sys
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psutil
import pytest
from psycopg_pool import AsyncConnectionPool

from reactor.db.pool import Database
from reactor.loops.supervisor import Supervisor
from reactor.renderers.server import RenderServer
from reactor.settings import Settings, load
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from reactor.events import Event
    from reactor.observe import Observer, Seen

    Supervised = Callable[..., Awaitable["Stage"]]

RENDERER = Path(__file__).with_name("fake_renderer.py")
PATIENCE_S = 60.0
SOON_S = 0.4
"""For a health check, in tests of renderers that do not answer."""


class Stage:
    """One supervisor and everything it does."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        observe: Observer,
        client: RenderServer,
        health_timeout_s: float,
    ) -> None:
        self.client = client
        self.events: list[Event] = []
        self.seen: list[tuple[Seen, dict[str, Any]]] = []
        self._send, self._receive = anyio.create_memory_object_stream[None](math.inf)
        self._observe = observe
        observe.subscribe(self.note)
        self.supervisor = Supervisor(
            settings,
            database,
            observe,
            self.events.append,
            client,
            restart_delay_s=0.01,
            health_timeout_s=health_timeout_s,
        )

    def note(self, seen: Seen, facts: dict[str, Any]) -> None:
        """Remember an observation."""
        self.seen.append((seen, facts))
        self._send.send_nowait(None)

    async def until(self, seen: Seen, times: int = 1) -> dict[str, Any]:
        """Wait for so many of these observations; the facts of the last."""
        with anyio.fail_after(PATIENCE_S):
            while len(found := [facts for what, facts in self.seen if what is seen]) < times:
                await self._receive.receive()
        return found[times - 1]

    async def looked(self, times: int) -> None:
        """Wait until the supervisor has looked after its renderer so many times more."""
        before = self.supervisor.looked_at
        with anyio.fail_after(PATIENCE_S):
            while times:
                while self.supervisor.looked_at == before:
                    await anyio.sleep(0.01)
                before, times = self.supervisor.looked_at, times - 1

    def pid(self) -> int:
        """The renderer's pid, which has to be known."""
        assert self.supervisor.pid is not None
        return self.supervisor.pid

    def close(self) -> None:
        """See no more."""
        self._observe.unsubscribe(self.note)
        self._send.close()
        self._receive.close()


@pytest.fixture
def settings(data: Path) -> Settings:
    """A free port and the quick renderer; the next regular look is far away."""
    return load(
        data=data,
        renderer=renderer_command(),
        renderer_url=f"http://127.0.0.1:{free_port()}",
        supervise_s=600,
    )


@pytest.fixture
def nowhere() -> Database:
    """A database that is away."""
    return Database("", AsyncConnectionPool("", open=False))


@pytest.fixture
async def supervised(
    settings: Settings, nowhere: Database, observer: Observer
) -> AsyncIterator[Supervised]:
    """Make a supervisor and, unless told otherwise, run it; everything ends with the test."""
    stages: list[Stage] = []
    async with AsyncExitStack() as clients, anyio.create_task_group() as tg:

        async def stage(
            *,
            running: bool = True,
            database: Database = nowhere,
            observe: Observer = observer,
            health_timeout_s: float = PATIENCE_S,
            **changes: Any,
        ) -> Stage:
            changed = settings.model_copy(update=changes)
            client = await clients.enter_async_context(aclosing(RenderServer(changed)))
            made = Stage(changed, database, observe, client, health_timeout_s)
            stages.append(made)
            if running:
                await tg.start(made.supervisor.run)
            return made

        yield stage
        for made in stages:
            await made.supervisor.stop()
            made.close()
        tg.cancel_scope.cancel()


def renderer_command(*arguments: str) -> str:
    """The command line of the quick renderer."""
    return shlex.join([sys.executable, "-I", "-S", str(RENDERER), *arguments])


async def until_gone(*pids: int) -> None:
    """Wait until none of these processes runs."""
    with anyio.fail_after(PATIENCE_S):
        # Nobody tells when a stranger's process is gone.
        while any(runs(pid) for pid in pids):
            await anyio.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether a process exists and is not only waiting to be collected."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def read_pid(path: Path) -> int:
    """The pid that somebody is going to write to a file."""
    note = anyio.Path(path)
    with anyio.fail_after(PATIENCE_S):
        while not await note.exists():
            await anyio.sleep(0.01)
    return int(await note.read_text())
