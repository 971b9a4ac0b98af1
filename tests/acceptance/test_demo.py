"""`bin/reactor demo`: from nothing to twelve playable files, with and without a terminal, twice."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING

import anyio
import av
import psutil

from tests.acceptance.conftest import until_gone
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fix_reactor import Table

    Command = Callable[..., subprocess.CompletedProcess[str]]

DEMO = [sys.executable, "-m", "reactor", "demo"]
# The first three jobs again, and short ones: enough to see what a second time and a terminal change.
BRIEF = """
from reactor import cli
from reactor.demo import script
script.SCRIPT, script.SECONDS = script.SCRIPT[:3], 0.5
cli.main()
"""
BRIEF_DEMO = [sys.executable, "-c", BRIEF, "demo"]
TERMINAL_S = 300
MADE = (
    "SELECT count(*) FROM actp_gen_jobs WHERE status = 'complete' AND sha256 IS NOT NULL"
    " AND thumbnail_path IS NOT NULL AND width >= 720 AND file_size_bytes > 0"
)


async def test_the_demo_makes_twelve_playable_files_can_be_repeated_and_leaves_no_process(
    environment: dict[str, str], command: Command, data: Path
) -> None:
    # Two at once, because one film does not keep two cores busy.
    embedded = environment | {"DATABASE_URL": "", "REACTOR_SLOTS": "2"}

    plain = await anyio.run_process(DEMO, env=embedded, cwd=tempfile.gettempdir(), check=False)
    shown = await anyio.to_thread.run_sync(run_on_a_terminal, embedded)

    said = plain.stdout.decode()
    assert plain.returncode == 0, plain.stderr.decode()
    assert said.count(" complete: ") == 12
    assert "http://127.0.0.1:" in said
    assert "\x1b[" not in said
    assert all(sign in shown for sign in "│━%")
    first, second = (sorted((data / "library").glob(f"*_720p_{v}.mp4")) for v in ("v1", "v2"))
    assert (len(first), len(second)) == (12, 3)
    assert all(seconds(video) >= 4 for video in first)
    assert all(seconds(video) >= 0.5 for video in second)
    assert command("psql", "--", "-Atc", MADE, DATABASE_URL="").stdout.strip() == "15"
    await until_gone(list(running_on(data)))


async def test_a_demo_that_is_cut_short_leaves_its_jobs_to_the_next_reactor(
    environment: dict[str, str], table: Table, data: Path
) -> None:
    cut = subprocess.Popen(
        DEMO, env=environment, cwd=tempfile.gettempdir(), stdout=subprocess.DEVNULL
    )
    try:
        await table.until("count(*) > 0 FROM actp_gen_jobs WHERE stage = 'rendering'")
        family = psutil.Process(cut.pid).children(recursive=True)
        cut.send_signal(signal.SIGINT)
        code = await anyio.to_thread.run_sync(cut.wait, PATIENCE_S)
    finally:
        cut.kill()

    assert code == 130
    held = "SELECT count(*) FROM actp_gen_jobs WHERE status = 'processing' OR retry_count > 0"
    assert await table.rows(held) == [(0,)]
    await until_gone(family)


def run_on_a_terminal(environment: dict[str, str]) -> str:
    """What a person sees; the demo must succeed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        BRIEF_DEMO,
        env=environment | {"TERM": "xterm-256color", "COLUMNS": "140"},
        cwd=tempfile.gettempdir(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = bytearray()
    patience = threading.Timer(TERMINAL_S, process.kill)
    patience.start()
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    finally:
        os.close(ours)
        patience.cancel()
    assert process.wait(PATIENCE_S) == 0, seen.decode()
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
