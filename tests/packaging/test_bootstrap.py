"""bin/reactor and bin/test make their own .venv, repair it, and are silent when it is there.

The checkouts here have empty locks, so that nothing is downloaded; the venv is a real one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 600
SHELL = shutil.which("dash") or shutil.which("sh") or "/bin/sh"
INSTALLING = "Installing into .venv (about a minute, once) …\n"
HELLO = "import sys\nprint('hello', *sys.argv[1:])\n"
UNAVAILABLE = 69


def make_checkout(root: Path) -> Path:
    """A project with our scripts, no dependencies and next to no code."""
    shutil.copytree(ROOT / "bin", root / "bin")
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (root / lock).write_text("# nothing\n")
    (root / "reactor").mkdir()
    (root / "reactor/__init__.py").touch()
    (root / "reactor/__main__.py").write_text(HELLO)
    return root


def start(script: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start one of the scripts as a newcomer would, from another directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.Popen(
        [script, *arguments],
        cwd="/",
        env={**kept, "REACTOR_PYTHON": sys.executable, "PIP_NO_INDEX": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(script: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, output and messages of one of the scripts."""
    process = start(script, *arguments, **environment)
    out, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose first run is over."""
    root = make_checkout(tmp_path_factory.mktemp("made") / "a check out")
    first = run(root / "bin/reactor", "a b", "c")

    assert first == (0, "hello a b c\n", INSTALLING)
    return root


@pytest.fixture
def installed(made: Path, tmp_path: Path) -> Path:
    """An installed checkout to spoil; it was moved, which it must survive."""
    return shutil.copytree(made, tmp_path / "moved", symlinks=True)


@pytest.mark.parametrize("script", ["reactor", "test"])
def test_a_script_is_executable_and_plain_sh(script: str) -> None:
    path = ROOT / "bin" / script

    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/sh\n")
    subprocess.run([SHELL, "-n", path], check=True)
    subprocess.run([SHELL, "-n", ROOT / "bin/bootstrap.sh"], check=True)


def test_a_second_run_says_nothing(made: Path) -> None:
    assert run(made / "bin/reactor", "again") == (0, "hello again\n", "")


def test_a_link_to_the_script_works(made: Path, tmp_path: Path) -> None:
    (tmp_path / "first").symlink_to(made / "bin/reactor")
    (tmp_path / "second").symlink_to("first")

    assert run(tmp_path / "second") == (0, "hello\n", "")


@pytest.mark.parametrize("home", ["", "/nowhere"])
def test_no_home_is_needed(installed: Path, home: str) -> None:
    (installed / "requirements.lock").write_text("# new\n")

    assert run(installed / "bin/reactor", HOME=home) == (0, "hello\n", INSTALLING)


def test_a_changed_lock_is_installed(installed: Path) -> None:
    (installed / "requirements.lock").write_text("# something else\n")

    assert run(installed / "bin/reactor") == (0, "hello\n", INSTALLING)
    assert run(installed / "bin/reactor") == (0, "hello\n", "")


def test_an_interrupted_installation_is_repaired(installed: Path) -> None:
    shutil.rmtree(installed / ".venv/installed")
    (installed / ".venv/bin/python").unlink()
    (installed / ".venv/half").touch()

    assert run(installed / "bin/reactor") == (0, "hello\n", INSTALLING)
    assert not (installed / ".venv/half").exists()


def test_a_python_that_was_removed_is_replaced(installed: Path) -> None:
    python = installed / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")

    assert run(installed / "bin/reactor") == (0, "hello\n", INSTALLING)


def test_two_at_once_install_once(tmp_path: Path) -> None:
    root = make_checkout(tmp_path / "checkout")
    both = [start(root / "bin/reactor", name) for name in ("one", "two")]
    results = [process.communicate(timeout=TIMEOUT_S) for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert [out for out, _ in results] == ["hello one\n", "hello two\n"]
    assert "".join(err for _, err in results).count(INSTALLING) == 1


def test_a_failed_installation_shows_why_and_is_tried_again(installed: Path) -> None:
    lock = installed / "requirements.lock"
    lock.write_text(f"nowhere-to-be-found==1.0 --hash=sha256:{'0' * 64}\n")
    code, out, err = run(installed / "bin/reactor")

    assert (code, out) == (UNAVAILABLE, "")
    assert "nowhere-to-be-found" in err
    assert "pip's output is above" in err.splitlines()[-1]
    lock.write_text("# repaired\n")
    assert run(installed / "bin/reactor") == (0, "hello\n", INSTALLING)


def test_a_missing_python_is_one_line(tmp_path: Path) -> None:
    root = make_checkout(tmp_path / "checkout")
    found = run(root / "bin/reactor", REACTOR_PYTHON="/nowhere/python")

    expected = "reactor: REACTOR_PYTHON=/nowhere/python is not a Python 3.11 or later\n"
    assert found == (UNAVAILABLE, "", expected)


def test_a_python_without_its_venv_module_is_one_line(tmp_path: Path) -> None:
    root = make_checkout(tmp_path / "checkout")
    bare = tmp_path / "python"
    bare.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\n')
    bare.chmod(0o755)
    code, out, err = run(root / "bin/reactor", REACTOR_PYTHON=str(bare))

    assert (code, out, err.count("\n")) == (UNAVAILABLE, "", 1)
    assert "apt install python3-venv" in err
