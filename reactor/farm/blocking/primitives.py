"""What async and blocking code spell differently, written by hand; the rest of the twin is generated."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import Any

from reactor.records import JobRecord

__all__ = ["Watcher", "sleep", "tell"]

Watcher = Callable[[JobRecord], Any]
"""Is called with each state of a job, in the thread that waits."""


def tell(watcher: Watcher, job: JobRecord) -> None:
    """Call a watcher."""
    watcher(job)
