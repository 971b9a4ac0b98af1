"""Make .venv beside the checkout and install a lock into it; run by bootstrap.sh when needed.

Standard library only. Several at once wait for one another; what was interrupted is made anew.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

LOCKS = ("requirements.lock", "requirements-dev.lock")
PATIENCE_S = 1800
POLL_S = 0.1
# Where pip puts things is ours to say; which index it asks is the user's.
NOT_FOR_PIP = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH", "PYTHONHOME")
# Found from inside .venv, so that the checkout may be moved.
CHECKOUT = "../../../..\n"


def main(root: Path, requirements: str) -> None:
    """Install the lock unless another process has done so meanwhile."""
    place = root / ".venv"
    try:
        place.mkdir(exist_ok=True)
        with (place / ".lock").open("a") as lock:
            wait_for(lock.fileno())
            if not is_installed(root, requirements):
                install(root, requirements)
    except OSError as problem:
        leave(f"Cannot write {problem.filename or place}: {problem.strerror}")
    except subprocess.CalledProcessError as problem:
        sys.stderr.write(problem.stdout)
        leave(f"Installing {requirements} into {place} failed; pip's output is above")
    except KeyboardInterrupt:
        sys.exit(130)


def leave(sentence: str) -> NoReturn:
    """Say why it does not go on; 69: what is needed is not available."""
    say(sentence)
    sys.exit(69)


def say(sentence: str) -> None:
    """Tell people, not the pipe that reads our output."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def wait_for(lock: int) -> None:
    """Take the lock; the kernel gives it back even if we are killed."""
    deadline = time.monotonic() + PATIENCE_S
    said = False
    while time.monotonic() < deadline:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not said:
                say("Waiting for another installation into .venv …")
            said = True
            time.sleep(POLL_S)
    leave("Another installation into .venv does not end; try again later")


def is_installed(root: Path, requirements: str) -> bool:
    """Whether .venv holds what the lock says, made with the Python that is asked for."""
    record = root / ".venv/installed"
    try:
        current = (record / requirements).read_bytes() == (root / requirements).read_bytes()
    except FileNotFoundError:
        return False
    return current and is_sound(root / ".venv")


def is_sound(place: Path) -> bool:
    """Whether an installation was finished there, with the Python asked for, and still runs."""
    try:
        made_with = (place / "installed/python").read_text().strip()
    except FileNotFoundError:
        return False
    if os.environ.get("REACTOR_PYTHON", "") not in ("", made_with):
        return False
    try:
        run([str(place / "bin/python"), "-I", "-c", "import pip"])
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def install(root: Path, requirements: str) -> None:
    """Bring .venv up to the lock; a half-made one is thrown away first."""
    place = root / ".venv"
    record = place / "installed"
    python = str(place / "bin/python")
    say("Installing into .venv (about a minute, once) …")
    if not is_sound(place):
        clear(place)
        run([interpreter(), "-I", "-m", "venv", str(place)])
    shutil.rmtree(record, ignore_errors=True)  # from here on an interruption leaves no record
    pip = [python, "-I", "-m", "pip", "--disable-pip-version-check", "install", "--no-user"]
    # The lock is complete and hashed: nothing to resolve; wheels only: nothing to build.
    pip += ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", str(root / requirements)]
    run(pip)
    site = next(place.glob("lib/python*/site-packages"))
    (site / "render_reactor.pth").write_text(CHECKOUT)
    write_record(root, record, requirements)


def clear(place: Path) -> None:
    """Empty .venv, all but the lock that we hold."""
    for entry in place.iterdir():
        if entry.name == ".lock":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def interpreter() -> str:
    """The interpreter itself, not a name for it: when a system upgrade replaces it we notice."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def run(command: list[str]) -> None:
    """Run a program quietly; its output is kept for the case that it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_FOR_PIP}
    if not environment.get("HOME"):
        environment.pop("HOME", None)
        try:
            pwd.getpwuid(os.getuid())
        except KeyError:
            environment["PIP_NO_CACHE_DIR"] = "1"  # pip would make a directory called ~
    subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=True,
    )


def write_record(root: Path, record: Path, requirements: str) -> None:
    """Write down what is installed now; the larger lock brings the smaller one along."""
    fresh = record.with_name("installed.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for lock in LOCKS:
        if pins(root / lock) <= pins(root / requirements):
            shutil.copyfile(root / lock, fresh / lock)
    (fresh / "python").write_text(os.environ.get("REACTOR_PYTHON", "") + "\n")
    fresh.rename(record)


def pins(lock: Path) -> set[str]:
    """The packages and versions a lock names."""
    return {line for line in lock.read_text().splitlines() if line[:1].isalnum()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
