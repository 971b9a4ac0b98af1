"""Other processes that use an embedded server, and how its comings and goings are observed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from reactor.db import keeper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parents[2]
GRACE_S = 0.2
DEADLINE_S = 60.0
POLL_S = 0.01
USE_UNTIL_INPUT_ENDS = """
import sys
from pathlib import Path
from reactor.db import embedded
embedded.GRACE_S = float(sys.argv[3])
server = embedded.ensure(Path(sys.argv[1]), version=int(sys.argv[2]), durable=False)
print(server.dsn, flush=True)
sys.stdin.read()
"""


class User:
    """Another process that uses a server until it is told to leave or killed."""

    def __init__(self, data: Path, *, version: int = 18, prefix: Sequence[str] = ()) -> None:
        program = [sys.executable, "-c", USE_UNTIL_INPUT_ENDS]
        self.process = subprocess.Popen(
            [*prefix, *program, str(data), str(version), str(GRACE_S)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )

    def dsn(self) -> str:
        """Wait until it has a server, and say which; fail with its own words when it gets none."""
        assert self.process.stdout
        assert self.process.stderr
        line = self.process.stdout.readline().strip()
        return line or pytest.fail(self.process.stderr.read())

    def kill(self) -> None:
        """Kill it with -9, which it cannot notice."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_S)

    def leave(self) -> None:
        """Let it end in an orderly way; afterwards nothing of it is left."""
        self.process.communicate(timeout=DEADLINE_S)


def server_pid(data: Path) -> int | None:
    """The running server's pid."""
    return keeper.postmaster(str(data / "postgres"))


def has_ended(pid: int) -> bool:
    """Whether a process is gone with all that it held.

    Its command line is gone before its locks are, so that is not enough to look at.
    """
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true, and fail when it does not."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(POLL_S)
