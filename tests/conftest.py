"""Where the fixtures are, and one thing that no test may do to the others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.no_skips", "tests.fix_postgres", "tests.fix_reactor", "tests.fix_api"]


@pytest.fixture(scope="session", autouse=True)
def priority_as_it_was() -> Iterator[None]:
    """A worker that becomes a real-time process starves the others, whose tests then fail by chance."""
    before = scheduler()
    yield
    assert scheduler() == before, "something changed how this worker is scheduled"


def scheduler() -> int | None:
    """The policy by which this thread gets its processor, where the system has any to choose from."""
    return os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None
