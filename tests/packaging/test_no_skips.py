"""In CI a skip is a failure; elsewhere it is a skip, and an expected failure is always fine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPING = """
import pytest

@pytest.mark.skip(reason="marked")
def test_marked(): ...

def test_called():
    pytest.skip("called")

@pytest.mark.xfail(reason="known", strict=True)
def test_expected():
    raise AssertionError
"""
MODULE = "import pytest; pytest.skip('as a whole', allow_module_level=True)"


@pytest.mark.parametrize(
    ("source", "setting", "summary"),
    [
        (SKIPPING, "1", "1 failed, 1 xfailed, 1 error"),
        (SKIPPING, "", "2 skipped, 1 xfailed"),
        (MODULE, "1", "1 error"),
        (MODULE, "", "1 skipped"),
    ],
)
def test_a_skip_fails_where_it_is_not_allowed(
    tmp_path: Path, source: str, setting: str, summary: str
) -> None:
    (tmp_path / "test_it.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-p", "tests.no_skips", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={
            **os.environ,
            "REACTOR_NO_SKIPS": setting,
            "PYTHONPATH": str(ROOT),
            # Everybody else's plugins take seconds to load.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert summary in done.stdout.splitlines()[-1]
