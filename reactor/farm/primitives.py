"""What async and blocking code spell differently; `blocking/primitives.py` is this page's twin."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from anyio import sleep

from reactor.records import JobRecord

__all__ = ["Watcher", "sleep", "tell"]

Watcher = Callable[[JobRecord], Any]
"""Is called with each state of a job; may be a coroutine function."""


async def tell(watcher: Watcher, job: JobRecord) -> None:
    """Call a watcher, and wait for it when there is something to wait for."""
    answer = watcher(job)
    if isawaitable(answer):
        await answer
