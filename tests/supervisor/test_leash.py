"""What is on the leash ends with its owner, and tells how it ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from reactor.renderers.process import LEASH
from tests.supervisor.conftest import PATIENCE_S, runs, until_gone

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIES = 12
LONG_S = 600
"""Longer than a test waits for anything."""
SLEEP = f"import time; time.sleep({LONG_S})"
DEAF = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    f"print('up', file=sys.stderr, flush=True); time.sleep({LONG_S})"
)


@contextmanager
def leashed(
    script: str, *, grace_s: float = LONG_S, program: str = sys.executable
) -> Iterator[subprocess.Popen[str]]:
    """A Python script on a leash whose other end is here."""
    command = [sys.executable, "-I", str(LEASH), "--grace", str(grace_s), "--"]
    with subprocess.Popen(
        [*command, program, "-I", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as leash:
        try:
            yield leash
        finally:
            leash.kill()


def first_line(stream: object) -> str:
    """The next line somebody says."""
    assert hasattr(stream, "readline")
    return str(stream.readline()).strip()


@pytest.mark.parametrize(
    ("script", "code"),
    [("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137), ("", 0)],
)
def test_the_exit_code_is_the_commands(script: str, code: int) -> None:
    with leashed(script) as leash:
        assert leash.wait(PATIENCE_S) == code


def test_the_end_of_input_kills_at_once_also_what_ignores_sigterm() -> None:
    with leashed(DEAF) as leash:
        pid = int(first_line(leash.stdout))
        first_line(leash.stderr)
        assert leash.stdin is not None
        leash.stdin.close()
        code = leash.wait(PATIENCE_S)

    assert (code, runs(pid)) == (137, False)


def test_sigterm_is_passed_on_however_early_it_comes() -> None:
    """The first line comes right after the fork, when the command is not even started yet."""
    for _ in range(TRIES):
        with leashed(SLEEP) as leash:
            first_line(leash.stdout)
            leash.terminate()

            assert leash.wait(PATIENCE_S) == 128 + signal.SIGTERM


def test_who_ignores_sigterm_is_killed_after_the_grace() -> None:
    with leashed(DEAF, grace_s=0.2) as leash:
        first_line(leash.stderr)
        leash.terminate()

        assert leash.wait(PATIENCE_S) == 137


async def test_a_killed_leash_takes_its_command_along() -> None:
    with leashed(SLEEP) as leash:
        pid = int(first_line(leash.stdout))
        leash.kill()

        await until_gone(pid)


def test_the_command_sits_in_a_session_of_its_own_without_our_input() -> None:
    script = (
        "import os, sys; print(os.getsid(0) == os.getpid(), sys.stdin.read() == '', flush=True)"
    )
    with leashed(script) as leash:
        assert first_line(leash.stderr) == "True True"


def test_a_command_that_does_not_exist_is_said() -> None:
    with leashed(SLEEP, program="/no/such/program") as leash:
        said = first_line(leash.stderr)

        assert (leash.wait(PATIENCE_S), said) == (
            127,
            "cannot start /no/such/program: No such file or directory",
        )


def test_without_a_command_its_use_is_explained() -> None:
    ended = subprocess.run(
        [sys.executable, "-I", str(LEASH)], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr.startswith("usage: ")) == (2, True)


def test_a_leash_costs_little() -> None:
    with leashed(SLEEP) as leash:
        first_line(leash.stdout)

        assert psutil.Process(leash.pid).memory_full_info().uss < 12_000_000
