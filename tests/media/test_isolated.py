"""Work in a process of its own: what its end, and its taking long, say of the file."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from reactor.media.isolated import run_isolated
from reactor.media.source import Malformed
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path


async def test_what_the_work_returns_comes_back(tmp_path: Path) -> None:
    assert await run_isolated(partial(pid_of, tmp_path), within_s=PATIENCE_S) != os.getpid()


async def test_a_process_that_somebody_killed_is_no_verdict(tmp_path: Path) -> None:
    """The system kills when memory is short; that is not the file's fault."""
    again = partial(ends_so_many_times, tmp_path, 1)

    assert await run_isolated(again, within_s=PATIENCE_S) == "decoded"


async def test_a_file_that_ends_its_process_twice_crashed_the_decoder(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"^crashed the decoder$"):
        await run_isolated(partial(ends_so_many_times, tmp_path, 2), within_s=PATIENCE_S)


async def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"^could not be decoded within 0\.1 s$"):
        await run_isolated(partial(hangs, tmp_path), within_s=0.1)


async def test_errors_of_the_work_are_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await run_isolated((tmp_path / "nothing").read_bytes, within_s=PATIENCE_S)


async def test_a_turn_is_given_back(tmp_path: Path) -> None:
    limiter = anyio.CapacityLimiter(1)
    with pytest.raises(Malformed):
        await run_isolated(
            partial(ends_so_many_times, tmp_path, 2), within_s=PATIENCE_S, limiter=limiter
        )

    assert limiter.borrowed_tokens == 0


def pid_of(_: Path) -> int:
    return os.getpid()


def ends_so_many_times(place: Path, times: int) -> str:
    """End the process, as a decoder that crashes does, until it was done so many times."""
    if len(list(place.iterdir())) < times:
        (place / str(os.getpid())).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "decoded"


def hangs(_: Path) -> None:
    signal.pause()
