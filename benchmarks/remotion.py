"""Remotion: the warm server, through the reactor and alone, against its own command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import anyio
import httpx
import psutil

from benchmarks.ports import free_port
from benchmarks.reactors import reactor_on
from benchmarks.renders import Video, render_alone, render_by_reactor
from benchmarks.spread import paired_ratio
from benchmarks.table import Line, at_most, line, nothing
from benchmarks.waiting import until
from reactor.demo.script import FORMATS
from reactor.errors import BadConfiguration
from reactor.models import Quality
from reactor.renderers.remotion import GET_BROWSER, GET_NODE, PROJECT, command_line, find_browser
from reactor.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Bench
    from reactor.context import Context

TEMPLATE, PLATFORM, QUALITY = "title-card", "youtube", Quality.P360
FRAMES, FPS = 60, 30
JOBS, QUICK_JOBS = 10, 2
ROUNDS = 3
MANY = 100
OVER_BARE = 1.02
OVER_CLI = 1 / 1.9
GROWTH = 1.2
START_S = 120.0
CLI_S = 300.0
QUIET = {"npm_config_loglevel": "error", "npm_config_update_notifier": "false"}


class Found(NamedTuple):
    """Seconds of every round, and the server's megabytes early and late."""

    reacting: list[float]
    alone: list[float]
    cli: list[float]
    early: tuple[int, float]
    late: tuple[int, float]


def measure(bench: Bench) -> list[Line]:
    """All three ways in turns, over one server process; a line that says so where it cannot run."""
    if missing := what_is_missing():
        return [nothing("Remotion", f"not measured: {missing}")]
    dsn = bench.farm("remotion")
    found = anyio.run(compare, bench, dsn)
    count = bench.choose(JOBS, QUICK_JOBS)
    what = f"{count} Remotion {TEMPLATE}s, {FRAMES} frames, {QUALITY}"
    over_bare = paired_ratio(found.reacting, found.alone)
    over_cli = paired_ratio(found.reacting, found.cli)
    grown = found.late[1] / found.early[1]
    return [
        line(what, "reactor, insert → all in the library", found.reacting, "s"),
        line(what, "the bare warm server", found.alone, "s", ratio=over_bare,
             target=at_most(over_bare, OVER_BARE)),
        line(what, "npx remotion render", found.cli, "s", ratio=over_cli,
             target=at_most(over_cli, round(OVER_CLI, 2))),
        line("memory of the Remotion server", f"after {found.early[0]} renders",
             [found.early[1]], "MB"),
        line("memory of the Remotion server", f"after {found.late[0]} renders",
             [found.late[1]], "MB", ratio=grown, target=at_most(grown, GROWTH)),
    ]  # fmt: skip


def what_is_missing() -> str:
    """What is not there of the project, Node, its packages and a browser, and what brings it."""
    if not shutil.which("npx"):
        return f"npx is not on PATH; {GET_NODE}"
    try:
        command_line(load(renderer="remotion"))
    except BadConfiguration as wrong:
        return str(wrong)
    return "" if browser() else f"there is no browser; {GET_BROWSER}"


def browser() -> str:
    """The browser that the server chooses; empty where there is none."""
    return str(find_browser(load(renderer="remotion")) or "")


async def compare(bench: Bench, dsn: str) -> Found:
    """Rounds of the same videos; every way has all that the machine gives the others."""
    url = f"http://127.0.0.1:{free_port()}"
    reacting, alone, cli = [], [], []
    async with reactor_on(bench, dsn, renderer="remotion", renderer_url=url) as context:
        await until(lambda: context.renderers["server"].slots > 0, within_s=START_S)
        videos = script(bench)
        await render_bare(videos, context, "warm-up")
        drawn = len(videos)
        early = drawn, await memory(url)
        for number in range(bench.choose(ROUNDS, 1)):
            alone.append(await render_bare(videos, context, f"alone-{number}"))
            reacting.append(await render_by_reactor(videos, context))
            cli.append(await anyio.to_thread.run_sync(render_by_cli, videos, bench.directory))
            drawn += 2 * len(videos)
        while drawn < bench.choose(MANY, 0):
            await render_bare(videos, context, f"more-{drawn}")
            drawn += len(videos)
        late = drawn, await memory(url)
    return Found(reacting, alone, cli, early, late)


def script(bench: Bench) -> list[Video]:
    """The same composition again and again, under other titles."""
    return [
        Video("solopreneur", PLATFORM, TEMPLATE, {
            "title": f"Ship small, ship daily: day {number}",
            "subtitle": "The only habit that compounds",
            "duration_s": FRAMES / FPS,
            "fps": FPS,
        }, QUALITY)
        for number in range(1, bench.choose(JOBS, QUICK_JOBS) + 1)
    ]  # fmt: skip


async def render_bare(videos: list[Video], context: Context, name: str) -> float:
    """Straight from the server, as many at a time as it draws at a time; seconds for all."""
    streams = context.renderers["server"].slots
    began = perf_counter()
    async with anyio.create_task_group() as group:
        for number in range(streams):
            mine = videos[number::streams]
            group.start_soon(render_alone, mine, context, f"{name}-{number}")
    return perf_counter() - began


def render_by_cli(videos: list[Video], directory: Path) -> float:
    """One run of `npx remotion render` for each, one after another as at a prompt; seconds for all."""
    program = browser()
    mode = "headless-shell" if "headless-shell" in program else "chrome-for-testing"
    target = directory / "cli.mp4"
    began = perf_counter()
    for video in videos:
        props = {**video.params, "format": FORMATS[video.platform], "quality": video.quality}
        command = ["npx", "--no", "remotion", "render", video.template, str(target)]
        options = [f"--props={json.dumps(props)}", f"--chrome-mode={mode}", "--log=error"]
        subprocess.run(
            [*command, *options],
            cwd=PROJECT,
            env={**os.environ, **QUIET, "REACTOR_BROWSER": program},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=CLI_S,
        )
        target.unlink()
    return perf_counter() - began


async def memory(url: str) -> float:
    """Megabytes that the server, its workers and their browsers hold and do not share."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        pid = (await client.get("/health")).raise_for_status().json()["pid"]
    server = psutil.Process(pid)
    held = 0
    for process in [server, *server.children(recursive=True)]:
        # A tab's process may just be ending.
        with suppress(psutil.NoSuchProcess):
            held += process.memory_full_info().uss
    return held / 1e6
