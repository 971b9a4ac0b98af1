"""A machine that has only the programs of the test, and a checkout without npm packages."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
FAKE_RENDERER = ROOT / "tests" / "supervisor" / "fake_renderer.py"
VERSION = 'if [ "$1" = --version ]; then echo {version}; exit; fi\n'


class Machine:
    """Runs `bin/reactor …` from a checkout of the test, with a PATH of the test."""

    def __init__(self, directory: Path, dsn: str) -> None:
        self.programs = directory / "bin"
        self.checkout = directory / "checkout"
        self.project = self.checkout / "remotion"
        self.modules = self.project / "node_modules"
        self.data = directory / "data"
        self.calls = directory / "calls"
        self.dsn = dsn
        self.programs.mkdir()
        self.checkout.mkdir()
        for name in ("reactor", "sql"):
            (self.checkout / name).symlink_to(ROOT / name)
        (self.project / "server").mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / "remotion" / name, self.project)

    def program(self, name: str, text: str = "") -> Path:
        """Put a program into PATH."""
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o755)
        return path

    def node(self, version: str = "v20.11.0", *, runs: str = "") -> None:
        """A Node that knows its version, and as a render server does nothing but answer."""
        serve = runs or f"exec {shlex.join([sys.executable, str(FAKE_RENDERER)])}"
        self.program("node", VERSION.format(version=version) + serve + "\n")

    def npm(self, *, code: int = 0) -> None:
        """An npm that writes down how it was called, and leaves what npm leaves."""
        self.program(
            "npm",
            f'echo "$*" >> {shlex.quote(str(self.calls))}\necho npm talks\n[ {code} = 0 ] || exit {code}\n'
            "/bin/mkdir -p node_modules; /bin/cp package-lock.json node_modules/.package-lock.json\n",
        )

    def packages(self) -> Path:
        """What npm leaves; the record of what it has installed."""
        self.modules.mkdir()
        record = self.modules / ".package-lock.json"
        shutil.copy(self.project / "package-lock.json", record)
        return record

    def browser(self, name: str = "chromium") -> Path:
        """A browser that knows its version."""
        return self.program(name, "echo Chromium 150.0\n")

    def environment(self, **settings: str) -> Mapping[str, str]:
        """Nothing from outside."""
        return {
            "HOME": str(self.data.parent),
            "PATH": str(self.programs),
            "PYTHONPATH": str(self.checkout),
            "DATABASE_URL": self.dsn,
            "REACTOR_DATA": str(self.data),
            "REACTOR_HTTP": f"127.0.0.1:{free_port()}",
            "REACTOR_RENDERER_URL": f"http://127.0.0.1:{free_port()}",
            "REACTOR_MIN_FREE_MB": "0",
            **settings,
        }

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """The command, as a person types it."""
        done = subprocess.run(
            [sys.executable, "-m", "reactor", *arguments],
            env=self.environment(**settings),
            cwd=self.data.parent,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def doctor(self, **settings: str) -> Diagnosis:
        """What the doctor says, as JSON."""
        done = self.run("doctor", "--json", **settings)
        assert done.stderr == ""
        return Diagnosis(done.returncode, json.loads(done.stdout))


class Diagnosis:
    """An exit code, and what was said."""

    def __init__(self, code: int, said: dict[str, Any]) -> None:
        self.code = code
        self.ok: bool = said["ok"]
        self.checks: dict[str, dict[str, str]] = {one["name"]: one for one in said["checks"]}
        self.settings: dict[str, dict[str, str]] = {one["name"]: one for one in said["settings"]}

    def failed(self) -> set[str]:
        """What is missing."""
        return {name for name, one in self.checks.items() if one["state"] == "failed"}


@pytest.fixture
def machine(tmp_path: Path, dsn: str) -> Machine:
    """A machine with a migrated database and nothing else."""
    return Machine(tmp_path, dsn)
