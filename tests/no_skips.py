"""With REACTOR_NO_SKIPS set, a skipped test or module fails: in CI nothing may go unnoticed.

A pytest plugin, loaded by conftest.py. An expected failure (xfail) is no skip.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

NOT_HERE = "skipped, which REACTOR_NO_SKIPS does not allow: "


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into its failure."""
    report = yield
    if is_refused() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = NOT_HERE + reason(report.longrepr)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into its failure."""
    report = yield
    if is_refused() and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = NOT_HERE + reason(report.longrepr)
    return report


def is_refused() -> bool:
    """Whether skips are failures in this run."""
    return bool(os.environ.get("REACTOR_NO_SKIPS"))


def reason(said: object) -> str:
    """Why it was skipped, in pytest's words."""
    return str(said[2]) if isinstance(said, tuple) else str(said)
