"""The Remotion server's browsers: kept, replaced, killed, slow to open, and not to be opened at all."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from reactor.renderers.remotion import find_browser
from reactor.renderers.server import NoAnswer, RenderServer
from reactor.settings import load
from tests.renderserver.conformance import LONG
from tests.renderserver.family import GONE, browsers, pages, tabs, workers
from tests.renderserver.target import REMOTION, Target, observed, prepared, running_remotion

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Wrapped = Callable[[str], Path]

SHORT: dict[str, Any] = {"quality": "360p", "props": {"duration_s": 0.5, "fps": 4}}
ENDLESS: dict[str, Any] = {"quality": "360p", "props": LONG}
OPENED_S = 240
"""For a browser to open, on a machine that has much else to do."""
REMOTIONS_OWN_LIMIT_S = 25
SETTLED = 3
GROWTH_BYTES = 700_000_000
GROWS = """import os, signal, sys
word, grown, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.mkfifo(word)
with open(word) as fifo: fifo.read()
held = b"x" * size
open(grown, "w").close()
signal.pause()"""


@pytest.fixture
def wrapped(remotion: Target, tmp_path: Path) -> Wrapped:
    """Write a browser that does something first; `$BROWSER "$@"` in it is the real one."""
    assert remotion.pid
    real = find_browser(load(renderer="remotion", renderer_url="http://127.0.0.1:3100"))

    def write(script: str) -> Path:
        # The server tells by the name whether a browser is a shell.
        program = tmp_path / "browsers" / (real.name if real else "chromium")
        program.parent.mkdir(exist_ok=True)
        part = program.with_suffix(".part")
        part.write_text(f"#!/bin/sh\nBROWSER={shlex.quote(str(real))}\n{script}\n")
        part.chmod(0o755)
        part.rename(program)
        return program

    return write


def crew_of(target: Target) -> set[int]:
    """The processes that would be others if a worker had been replaced."""
    return {process.pid for process in [*workers(target), *browsers(target)]}


def complete(target: Target) -> set[int]:
    """Those processes once they are one worker and its open browser."""

    def is_complete(found: set[int]) -> bool:
        return (len(found), len(workers(target)), len(browsers(target))) == (2, 1, 1)

    found = observed(lambda: crew_of(target), is_complete, within_s=OPENED_S)
    # Whoever can be asked for its pages is open.
    assert pages(target) == []
    return found


def replaced(target: Target, before: set[int]) -> set[int]:
    """The processes once those of before are gone and others are there."""
    observed(lambda: crew_of(target) & before, lambda left: not left, within_s=OPENED_S)
    return complete(target)


def check_crew(target: Target, expected: set[int]) -> None:
    """The processes are still the same; one that was just forked may look like another."""
    observed(lambda: crew_of(target), lambda found: found == expected)


def health(target: Target) -> dict[str, Any]:
    """What the server says of itself."""
    with target.client() as client:
        found: dict[str, Any] = client.get("/health").json()
    return found


def test_a_worker_is_replaced_after_so_many_renders(remotion: Target, tmp_path: Path) -> None:
    assert remotion.pid
    with running_remotion(tmp_path, REACTOR_SLOTS="1", REACTOR_REMOTION_RENDERS="2") as target:
        first = complete(target)
        target.finished(**SHORT)
        check_crew(target, first)
        target.finished(**SHORT)
        second = replaced(target, first)
        target.finished(**SHORT)
        check_crew(target, second)
        target.finished(**SHORT)
        replaced(target, second)


def test_a_worker_is_replaced_when_its_memory_has_grown(wrapped: Wrapped, tmp_path: Path) -> None:
    word, grown = tmp_path / "word", tmp_path / "grown"
    command = ["python3", "-c", GROWS, str(word), str(grown), str(GROWTH_BYTES)]
    program = wrapped(f'[ -e {word} ] || {shlex.join(command)} & exec "$BROWSER" "$@"')
    with running_remotion(tmp_path, REACTOR_SLOTS="1", REACTOR_BROWSER=str(program)) as target:
        before = complete(target)
        for _ in range(SETTLED + 1):
            target.finished(**SHORT)
        check_crew(target, before)

        observed(word.is_fifo, bool)
        word.write_text("grow")
        observed(grown.exists, bool, within_s=OPENED_S)
        target.finished(**SHORT)
        replaced(target, before)
        assert target.finished(**SHORT).is_file()


def test_a_browser_that_is_killed_while_nothing_is_drawn_is_replaced(
    remotion: Target, tmp_path: Path
) -> None:
    assert remotion.pid
    with running_remotion(tmp_path, REACTOR_SLOTS="1") as target:
        before = complete(target)
        for browser in browsers(target):
            browser.kill()
        replaced(target, before)
        assert target.finished(**SHORT).is_file()
        complete(target)


def test_a_killed_tab_is_a_crash_and_the_next_attempt_has_half_the_tabs(
    remotion: Target, tmp_path: Path
) -> None:
    assert remotion.pid
    with running_remotion(tmp_path, REACTOR_SLOTS="1", REACTOR_REMOTION_TABS="2") as target:
        target.begun(id="7-1-x", **ENDLESS)
        target.drawing("7-1-x")
        observed(lambda: len(pages(target)), lambda count: count == 2, within_s=OPENED_S)
        for tab in tabs(target):
            with suppress(*GONE):
                tab.kill()
        # Long before the stall timer's two minutes.
        error = target.ended("7-1-x")["error"]
        assert error["class"] == "crash"
        assert "crashed" in error["message"] or "closed" in error["message"]

        target.begun(id="7-2-y", **ENDLESS)
        target.drawing("7-2-y")
        observed(lambda: len(pages(target)), lambda count: count == 1)
        target.cancel("7-2-y")
        assert target.finished(id="7-3-z", **SHORT).is_file()


def test_a_browser_that_takes_long_to_open_is_waited_for(wrapped: Wrapped, tmp_path: Path) -> None:
    program = wrapped(f'sleep {REMOTIONS_OWN_LIMIT_S + 3}; exec "$BROWSER" "$@"')
    with running_remotion(tmp_path, REACTOR_SLOTS="1", REACTOR_BROWSER=str(program)) as target:
        assert target.finished(**SHORT).is_file()


@pytest.mark.parametrize(
    ("script", "opening_s", "reason"),
    [
        # However long the worker takes to start.
        ("echo 'cannot open display' >&2; exit 1", OPENED_S, "cannot be opened"),
        ("sleep 1000", 2, "was not open within 2 s"),
    ],
)
def test_a_server_whose_browser_cannot_be_opened_says_so_and_ends(
    wrapped: Wrapped, tmp_path: Path, script: str, opening_s: int, reason: str
) -> None:
    program = wrapped(script)
    limits = {"REACTOR_BROWSER": str(program), "REACTOR_REMOTION_OPENING_S": str(opening_s)}
    _, environment = prepared(tmp_path, limits)
    done = subprocess.run(
        [shutil.which("node") or "node", str(REMOTION)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=OPENED_S,
        check=False,
    )

    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 78
    assert last.startswith(f"{program} {reason}")
    assert "bin/reactor doctor" in last
    assert "REACTOR_BROWSER" in last
    observed(lambda: running_still(program), lambda found: not found)


def running_still(program: Path) -> list[int]:
    """The processes that have this program in their command line."""
    every = psutil.process_iter(["cmdline"])
    return [one.pid for one in every if str(program) in (one.info["cmdline"] or [])]


async def test_a_server_that_loses_its_browser_is_unwell_until_it_has_one_again(
    wrapped: Wrapped, tmp_path: Path
) -> None:
    opened = tmp_path / "opened"
    count = f"date +%s.%N >> {shlex.quote(str(opened))}"
    good, bad = f'{count}; exec "$BROWSER" "$@"', f"{count}; exit 1"
    program = wrapped(good)
    with running_remotion(tmp_path, REACTOR_SLOTS="1", REACTOR_BROWSER=str(program)) as target:
        wrapped(bad)
        for browser in browsers(target):
            browser.kill()
        said = observed(lambda: health(target), lambda said: not said["ok"], within_s=OPENED_S)
        assert said["message"].startswith(f"{program} cannot be opened")
        assert "bin/reactor doctor" in said["message"]

        # No reactor claims anything for it, and no order is taken.
        client = RenderServer(load(renderer="none", renderer_url=target.url))
        with pytest.raises(NoAnswer):
            await client.fetch_health()
        await client.aclose()
        answer = target.post(target.order(**SHORT))
        # Another try may have failed meanwhile, and the browser's own words for that vary.
        refusal = answer.json()["error"]["message"]
        assert (answer.status_code, "bin/reactor doctor" in refusal) == (503, True)
        assert refusal.startswith(f"{program} cannot be opened")

        # It tries again by itself, later each time.
        observed(lambda: len(opened.read_text().split()), lambda n: n >= 5, within_s=OPENED_S)
        moments = [float(moment) for moment in opened.read_text().split()][1:5]
        pauses = [after - before for before, after in pairwise(moments)]
        assert [pause >= least for pause, least in zip(pauses, (1, 2, 4), strict=True)] == [
            True
        ] * 3
        wrapped(good)
        observed(lambda: health(target)["ok"], bool, within_s=OPENED_S)
        assert target.finished(**SHORT).is_file()


def test_an_order_that_meets_a_browser_that_is_gone_is_not_the_jobs_fault(
    wrapped: Wrapped, tmp_path: Path
) -> None:
    program = wrapped('exec "$BROWSER" "$@"')
    with running_remotion(tmp_path, REACTOR_SLOTS="2", REACTOR_BROWSER=str(program)) as target:
        running = target.begun(**ENDLESS)
        target.drawing(running["id"])
        # The second slot needs a second browser.
        wrapped("exit 1")
        error = target.ended(target.begun(**SHORT)["id"])["error"]
        assert error["class"] == "infrastructure"
        assert error["message"].startswith(f"{program} cannot be opened")
        # Where one is open, films are drawn, although another is being opened for ever.
        trying = tmp_path / "trying"
        wrapped(f"touch {shlex.quote(str(trying))}; sleep 1000")
        observed(trying.exists, bool, within_s=OPENED_S)
        assert health(target)["ok"] is True
        assert target.cancel(running["id"])["status"] == "cancelled"
        assert target.finished(**SHORT).is_file()
