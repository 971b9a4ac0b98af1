"""Where the fixtures are, and one thing that no test may do to the others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tests.no_skips", "tests.fix_postgres", "tests.fix_reactor", "tests.fix_api"]


@pytest.fixture(scope="session", autouse=True)
def ordinary_priority() -> Iterator[None]:
    """A worker that becomes a real-time process starves the others, whose tests then fail by chance."""
    yield
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(0) == os.SCHED_OTHER, "something raised this worker's priority"
