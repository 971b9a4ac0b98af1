"""`bin/reactor demo`: from nothing to twelve playable files, with and without a terminal, twice."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import anyio
import av
import psutil

from tests.acceptance.conftest import until_gone
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEMO = [sys.executable, "-m", "reactor", "demo"]


async def test_the_demo_makes_twelve_playable_files_twice_and_leaves_no_process(
    environment: dict[str, str], data: Path
) -> None:
    embedded = environment | {"DATABASE_URL": ""}

    plain = await anyio.run_process(DEMO, env=embedded, cwd=tempfile.gettempdir(), check=False)
    shown = await anyio.to_thread.run_sync(run_on_a_terminal, embedded)

    said = plain.stdout.decode()
    assert plain.returncode == 0, plain.stderr.decode()
    assert said.count(" complete: ") == 12
    assert "http://127.0.0.1:" in said
    assert "\x1b[" not in said
    assert "│" in shown
    assert "━" in shown
    for version in ("v1", "v2"):
        videos = list((data / "library").glob(f"*_720p_{version}.mp4"))
        assert len(videos) == 12
        assert all(seconds(video) >= 4 for video in videos)
    await until_gone(list(running_on(data)), patience_s=PATIENCE_S)


def run_on_a_terminal(environment: dict[str, str]) -> str:
    """What a person sees; the demo must succeed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        DEMO,
        env=environment | {"TERM": "xterm-256color", "COLUMNS": "140"},
        cwd=tempfile.gettempdir(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = bytearray()
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(ours)
    assert process.wait(10) == 0, seen.decode()
    return seen.decode()


def seconds(video: Path) -> float:
    """The length of a film that decodes to its end."""
    with av.open(str(video)) as film:
        frames = list(film.decode(video=0))
        return len(frames) / float(film.streams.video[0].average_rate or 1)


def running_on(data: Path) -> Iterator[psutil.Process]:
    """Every process with this data directory in its command line."""
    for process in psutil.process_iter(["cmdline"]):
        if any(str(data) in part for part in process.info["cmdline"] or ()):
            yield process
