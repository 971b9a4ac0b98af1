"""A home of one's own, and a systemd that writes down what it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.conftest import Daemon, environment, start

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Daemon", "environment", "start"]

ROOT = Path(__file__).parents[2]
FAKE = """#!/bin/sh
echo "${0##*/} $*" >> "$CALLS"
case "$*" in
    *is-system-running*) echo "${STATE-running}" ;;
    *"show reactor.service"*) printf 'ActiveState=active\\nStatusText=in work\\n' ;;
    *"$REFUSES"*) [ -z "$REFUSES" ] || { echo "Access denied" >&2; exit 4; } ;;
esac
"""


class Machine:
    """Runs `bin/reactor service …` for a user whose home is a directory of the test."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "a home 100%"
        self.tools = directory / "bin"
        self.calls = directory / "calls"
        self.unit = self.home / ".config/systemd/user/reactor.service"
        self.secrets = self.home / ".config/reactor/service.env"
        self.home.mkdir()
        self.tools.mkdir()
        for name in ("systemctl", "loginctl"):
            self.tool(name, FAKE)

    def tool(self, name: str, text: str) -> None:
        """Put a program into the user's PATH."""
        path = self.tools / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """The command, as a person types it."""
        env = {
            "HOME": str(self.home),
            "PATH": f"{self.tools}:{os.defpath}",
            "PYTHONPATH": str(ROOT),
            "CALLS": str(self.calls),
            "USER": "ann",
            "LOGNAME": "ann",
            **settings,
        }
        done = subprocess.run(
            [sys.executable, "-m", "reactor", "service", *arguments],
            env=env,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    def install(self, *more: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Install for this user."""
        return self.run("install", "--user", *more, **settings)

    def told(self) -> list[str]:
        """What systemd was told since this was asked last, without the questions."""
        lines = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return [line for line in lines if "is-system-running" not in line and " show " not in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """The user's machine."""
    return Machine(tmp_path)


@pytest.fixture
def verify(tmp_path: Path) -> Callable[..., str]:
    """What systemd's own tool says of a unit; nothing when all is well."""

    def run(text: str, *, system: bool) -> str:
        unit = tmp_path / ("system" if system else "user") / "reactor.service"
        unit.parent.mkdir()
        unit.write_text(text)
        done = subprocess.run(
            [
                shutil.which("systemd-analyze") or "systemd-analyze",
                "verify",
                "--man=no",
                *([] if system else ["--user"]),
                str(unit),
            ],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "XDG_RUNTIME_DIR": str(tmp_path),
            },
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return done.stderr if done.returncode or "reactor.service" in done.stderr else ""

    return run
