"""What systemd is told, over a real socket: by the class alone, and by a real daemon."""

from __future__ import annotations

import os
import select
import signal
import socket
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import anyio
import psutil
import pytest

from reactor.loops.watchdog import Watchdog
from tests.fix_reactor import LOOK_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Daemon


class Ear:
    """What stands where systemd stands."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(address.replace("@", "\0", 1))

    async def hear(self, word: str) -> str:
        """Wait for a message with that word in it."""
        with anyio.fail_after(PATIENCE_S):
            while True:
                await anyio.wait_readable(self.socket)
                said = self.socket.recv(4096).decode()
                if word in said.split("\n"):
                    return said

    def forget(self) -> None:
        """Make room: ten words are kept for who does not listen, and what comes then is lost."""
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(4096)


@pytest.fixture(params=["path", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ear]:
    """A socket in a directory, or one with an abstract name."""
    path = str(tmp_path / "notify")
    made = Ear(path if request.param == "path" else f"@{path}")
    with closing(made.socket):
        yield made


async def test_a_daemon_says_that_it_is_ready_alive_and_stopping(
    ear: Ear, start: Callable[..., Daemon]
) -> None:
    # One word a second: ten are not too many while this process stands still.
    daemon = start(NOTIFY_SOCKET=ear.address, WATCHDOG_USEC="2000000")

    ready = await ear.hear("READY=1")
    assert "STATUS=serving http://127.0.0.1:" in ready
    assert (await daemon.get("/health")).status_code == 200
    alive = await ear.hear("WATCHDOG=1")
    assert "in work; renderer" in alive
    with anyio.fail_after(PATIENCE_S):
        while "renderer up" not in alive:
            alive = await ear.hear("WATCHDOG=1")
    await ear.hear("WATCHDOG=1")
    await until_unheard_of(daemon)
    ear.forget()
    daemon.process.send_signal(signal.SIGTERM)
    await ear.hear("STOPPING=1")
    assert await daemon.ended() == 0


async def until_unheard_of(daemon: Daemon) -> None:
    """Wait until no process of the daemon knows of systemd; one just forked has its variables for a moment."""
    with anyio.fail_after(PATIENCE_S):
        while any(map(knows_of_systemd, daemon.family())):
            await anyio.sleep(LOOK_S)


def knows_of_systemd(process: psutil.Process) -> bool:
    """Whether it could speak in the daemon's name; one that has ended could not."""
    with suppress(psutil.NoSuchProcess):
        return "NOTIFY_SOCKET" in process.environ()
    return False


async def test_a_loop_that_stands_still_falls_silent(ear: Ear) -> None:
    watchdog = Watchdog({"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": "2000"}, os.getpid())

    async with anyio.create_task_group() as tg:
        await tg.start(watchdog.run, lambda: "well")
        await ear.hear("WATCHDOG=1")
        ear.forget()
        # A hundred intervals in which the loop gets no turn: a thread would have spoken.
        assert select.select([ear.socket], [], [], 0.2)[0] == []
        await ear.hear("WATCHDOG=1")
        tg.cancel_scope.cancel()


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "vsock:2:1234"},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "x"},
    ],
)
async def test_without_a_listener_it_speaks_to_nobody(environment: dict[str, str]) -> None:
    watchdog = Watchdog(environment, 1)

    async with anyio.create_task_group() as tg:
        await tg.start(watchdog.run, lambda: "well")
        watchdog.stopping()
        tg.cancel_scope.cancel()

    assert environment == {}


async def test_a_line_break_in_the_status_is_no_word_of_its_own(ear: Ear) -> None:
    watchdog = Watchdog({"NOTIFY_SOCKET": ear.address}, 1)

    async with anyio.create_task_group() as tg:
        await tg.start(watchdog.run, lambda: "a\nMAINPID=1")
        said = await ear.hear("READY=1")
        tg.cancel_scope.cancel()

    assert said == "READY=1\nSTATUS=a MAINPID=1"


async def test_a_watchdog_meant_for_another_process_is_not_ours(ear: Ear) -> None:
    ours = {"NOTIFY_SOCKET": ear.address, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "7"}
    watchdog = Watchdog(dict(ours), 7)
    theirs = Watchdog(dict(ours), 8)

    assert watchdog.interval_s == 0.0005
    assert theirs.interval_s > 1
