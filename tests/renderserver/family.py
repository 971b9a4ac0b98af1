"""Who works for a Remotion server: the processes that draw, their browsers, and the browsers' tabs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

if TYPE_CHECKING:
    from tests.renderserver.target import Target

GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


def workers(target: Target) -> list[psutil.Process]:
    """The processes that draw."""
    return [one for one, said in family(target) if any(w.endswith("worker.mjs") for w in said)]


def browsers(target: Target) -> list[psutil.Process]:
    """The leaders of the browsers: who was started with a profile, but as no kind of helper.

    A helper that was just forked still has its leader's command line, so a leader's child is none.
    """
    alike = [
        one
        for one, said in family(target)
        if any("--user-data-dir" in word for word in said)
        and not any(word.startswith("--type=") for word in said)
    ]
    known = {one.pid for one in alike}
    return [one for one in alike if parent_of(one) not in known]


def parent_of(process: psutil.Process) -> int | None:
    """The parent's number; none once the process is gone."""
    with suppress(*GONE):
        return process.ppid()
    return None


def tabs(target: Target) -> list[psutil.Process]:
    """The processes in which the browsers' pages run."""
    return [one for one, said in family(target) if "--type=renderer" in said]


def pages(target: Target) -> list[str]:
    """The addresses of the pages that are open to draw, as the browsers themselves tell them."""
    found = []
    for browser in browsers(target):
        [profile] = [w for w in browser.cmdline() if w.startswith("--user-data-dir=")]
        port = (Path(profile.partition("=")[2]) / "DevToolsActivePort").read_text().split()[0]
        listed = httpx.get(f"http://127.0.0.1:{port}/json/list", trust_env=False).json()
        found += [page["url"] for page in listed if page["type"] == "page"]
    return [url for url in found if url.startswith("http")]


def family(target: Target) -> list[tuple[psutil.Process, list[str]]]:
    """The server's processes that still run, with their command lines."""
    found = []
    for process in target.processes():
        with suppress(*GONE):
            found.append((process, process.cmdline()))
    return found
