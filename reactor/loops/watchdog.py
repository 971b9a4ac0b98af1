"""Tells systemd how we are: ready, alive, stopping, and one line for `systemctl status`.

The protocol is a datagram of NAME=value lines (sd_notify). Being alive is told from within the event loop,
so that a loop that stands still falls silent, and is ended and started again.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from anyio.abc import TaskStatus

STATUS_S = 30.0
"""How often the line is told where nobody waits for a sign of life."""
OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Watchdog:
    """Speaks to whoever started us; without one every word goes nowhere.

    The variables are taken out of `environment`: they are for this process and not for its children.
    """

    def __init__(self, environment: MutableMapping[str, str], pid: int) -> None:
        address, usec, for_pid = (environment.pop(name, "") for name in OURS)
        # A leading @ stands for the NUL of Linux's abstract names; other kinds of address are not ours.
        self._known = address.startswith(("/", "@"))
        self._address = address.replace("@", "\0", 1) if address[:1] == "@" else address
        self.interval_s = STATUS_S
        if usec.isdecimal() and int(usec) > 0 and for_pid in ("", str(pid)):
            self.interval_s = int(usec) / 2 / 1_000_000

    def tell(self, *words: str) -> None:
        """Say something; one who does not listen must not hold us up."""
        if self._known:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(words).encode(), self._address)

    async def run(
        self,
        describe: Callable[[], str],
        *,
        task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
    ) -> None:
        """Say that we are ready, and then, twice in each interval, that we are alive, until cancelled."""
        self.tell("READY=1", status(describe))
        task_status.started()
        while self._known:
            await anyio.sleep(self.interval_s)
            self.tell("WATCHDOG=1", status(describe))

    def stopping(self) -> None:
        """Say that the drain has begun."""
        self.tell("STOPPING=1")


def status(describe: Callable[[], str]) -> str:
    """The line for people; a line break would begin another word of the protocol."""
    return f"STATUS={' '.join(describe().split())}"
