"""The real program as a process of its own: started, watched, and gone when the test is over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import psutil
import pytest

from tests.fix_reactor import LOOK_S, PATIENCE_S
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
ENDS_S = 300
"""What a command may take to its end, which is for jobs and renderers to decide."""
MORTAL = {"REACTOR_LEASE_S": "2"}
"""For a daemon that is to be killed: others need not wait long for its jobs."""


class Daemon:
    """`bin/reactor` under way; its log lines, its processes, its pages."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, url: str) -> None:
        self.process = process
        self.url = url
        self._log = log
        self._known: set[psutil.Process] = set()

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        whole = self._log.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    def text(self) -> str:
        """The same as it stands there."""
        return self._log.read_text()

    async def until(
        self, event: str, *, times: int = 1, patience_s: float = PATIENCE_S, **facts: Any
    ) -> dict[str, Any]:
        """Wait for so many log lines with these facts; the last of them."""
        with anyio.fail_after(patience_s):
            while True:
                # Asked before the log is read: the last line may be the one that is waited for.
                has_ended = self.process.poll() is not None
                lines = [line for line in self.lines() if line["event"] == event]
                found = [line for line in lines if facts.items() <= line.items()]
                if len(found) >= times:
                    return found[times - 1]
                assert not has_ended, self.text()
                await anyio.sleep(LOOK_S)

    async def ended(self, *, patience_s: float = PATIENCE_S) -> int:
        """Wait for its end; the exit code."""
        with anyio.fail_after(patience_s):
            while self.process.poll() is None:
                await anyio.sleep(LOOK_S)
        return int(self.process.returncode)

    def family(self) -> list[psutil.Process]:
        """Everything it has started: leash, render server, renders, workers."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self._known.update(family)
        return family

    def kill(self) -> None:
        """End it and everything it is known to have started; the last resort."""
        if self.process.poll() is None:
            self.family()
            self.process.kill()
            self.process.wait()
        for process in self._known:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    async def get(self, path: str) -> httpx.Response:
        """One of its pages."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
            return await client.get(self.url + path)

    async def until_well(self, path: str) -> httpx.Response:
        """One of its pages, once it is answered with 200."""
        with anyio.fail_after(PATIENCE_S):
            while (answer := await self.get(path)).status_code != 200:
                await anyio.sleep(LOOK_S)
        return answer


async def until_gone(processes: list[psutil.Process], *, patience_s: float = PATIENCE_S) -> None:
    """Wait until none of them runs."""
    with anyio.fail_after(patience_s):
        while not all(has_ended(process) for process in processes):
            await anyio.sleep(LOOK_S)


def has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, perhaps this very moment; a zombie has ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def painter(family: Callable[[], list[psutil.Process]], job: int) -> psutil.Process:
    """The process that draws this job's frames, once it does: the one of them that has its file open."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            for process in family():
                with suppress(psutil.Error):
                    if any(f"/job-{job}-" in file.path for file in process.open_files()):
                        return process
            await anyio.sleep(LOOK_S)


async def until_drawing(data: Path, job: int) -> None:
    """Wait until the renderer writes this job's file."""
    with anyio.fail_after(PATIENCE_S):
        while not list((data / "renders").glob(f"job-{job}-*.part")):
            await anyio.sleep(LOOK_S)


@pytest.fixture
def environment(data: Path, dsn: str) -> dict[str, str]:
    """Quick looks, free ports, the test's database, and nothing of ours from outside."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REACTOR_", "PG")) and name != "DATABASE_URL"
    }
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": dsn,
        "REACTOR_DATA": str(data),
        "REACTOR_HTTP": f"127.0.0.1:{free_port()}",
        "REACTOR_RENDERER_URL": f"http://127.0.0.1:{free_port()}",
        "REACTOR_LOG": "json",
        # As long as nobody dies, no lease may run out on a machine that stands still for a while.
        "REACTOR_LEASE_S": "60",
        "REACTOR_HEARTBEAT_S": "0.5",
        "REACTOR_SWEEP_S": "0.5",
        "REACTOR_SCAN_S": "2",
        "REACTOR_GRACE_S": "15",
        "REACTOR_MIN_FREE_MB": "0",
        "REACTOR_RETRY_BASE_S": "0.2",
    }


@pytest.fixture
def start(environment: dict[str, str], data: Path) -> Iterator[Callable[..., Daemon]]:
    """Start a daemon; more of them when called again. None outlives the test."""
    daemons: list[Daemon] = []

    def start_one(**changes: str) -> Daemon:
        env = environment | changes
        log = data / f"daemon-{len(daemons)}.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "reactor"],
                env=env,
                cwd=tempfile.gettempdir(),
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        daemon = Daemon(process, log, f"http://{env['REACTOR_HTTP']}")
        daemons.append(daemon)
        return daemon

    yield start_one
    for daemon in daemons:
        daemon.kill()


@pytest.fixture
def command(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `bin/reactor ARGS` to its end."""

    def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "reactor", *arguments],
            env=environment | changes,
            cwd=tempfile.gettempdir(),
            capture_output=True,
            text=True,
            timeout=ENDS_S,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    return run
