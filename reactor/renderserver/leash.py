"""Ties a render process to its server: when the server is gone, however it went, so is the render.

Linux kills the process when its parent dies; everywhere, the end of standard input ends it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from queue import SimpleQueue

PR_SET_PDEATHSIG = 1
ORPHANED = 75
"""Exit code of a process that found its server gone."""


def tie(server_pid: int) -> None:
    """Die with the server."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server_pid:
        # The server died before the kernel knew that we want to follow it.
        os._exit(ORPHANED)


def lines_from_server() -> SimpleQueue[bytes]:
    """What the server writes, line by line, read aside; at its end this process ends at once."""
    received: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=read_until_gone, args=(received,), daemon=True).start()
    return received


def read_until_gone(received: SimpleQueue[bytes]) -> None:
    """Queue lines until the server's end of the pipe closes."""
    with os.fdopen(0, "rb", closefd=False) as source:
        for line in source:
            received.put(line)
    os._exit(ORPHANED)
