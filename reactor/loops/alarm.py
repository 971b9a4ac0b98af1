"""Wakes the reactor when the next delayed job becomes due, instead of asking every second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskStatus


class Alarm:
    """Rings once per setting; an earlier time replaces a later one."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._at = math.inf
        self._changed = anyio.Event()

    def set(self, wait_s: float) -> None:
        """Ring in so many seconds, unless it rings before."""
        at = anyio.current_time() + max(0.0, wait_s)
        if at < self._at:
            self._at = at
            self._changed.set()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Ring until cancelled."""
        task_status.started()
        while True:
            self._changed = anyio.Event()
            with anyio.CancelScope(deadline=self._at):
                await self._changed.wait()
                continue
            self._at = math.inf
            self._ring()
