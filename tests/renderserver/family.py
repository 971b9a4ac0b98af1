"""Who works for a Remotion server: the processes that draw, their browsers, and the browsers' tabs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

from tests.renderserver.target import PATIENCE_S, observed

if TYPE_CHECKING:
    from tests.renderserver.target import Target

GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


def workers(target: Target) -> list[psutil.Process]:
    """The processes that draw."""
    return leaders(
        [one for one, said in family(target) if any(w.endswith("worker.mjs") for w in said)]
    )


def browsers(target: Target) -> list[psutil.Process]:
    """The leaders of the browsers: who was started with a profile, but as no kind of helper."""
    return leaders(
        [
            one
            for one, said in family(target)
            if any("--user-data-dir" in word for word in said)
            and not any(word.startswith("--type=") for word in said)
        ]
    )


def leaders(alike: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are nobody's child among them.

    Who was just forked still has the command line of whoever forked it.
    """
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


def encoders(target: Target) -> list[str]:
    """The programs that make films of pictures and run just now."""
    names = []
    for process in target.processes():
        with suppress(*GONE):
            names.append(process.name())
    return [name for name in names if name in ("ffmpeg", "remotion")]


def pages(target: Target) -> list[str]:
    """The addresses of the pages that are open to draw, as the browsers themselves tell them."""
    # A browser that opens or ends cannot be asked: looked at again, it can, or is there no more.
    found = observed(
        lambda: [pages_of(browser) for browser in browsers(target)], lambda each: None not in each
    )
    return [url for urls in found for url in urls or () if url.startswith("http")]


def pages_of(browser: psutil.Process) -> list[str] | None:
    """The addresses of a browser's pages; None when it cannot be asked."""
    try:
        [profile] = [w for w in browser.cmdline() if w.startswith("--user-data-dir=")]
        port = (Path(profile.partition("=")[2]) / "DevToolsActivePort").read_text().split()[0]
        address = f"http://127.0.0.1:{port}/json/list"
        listed = httpx.get(address, trust_env=False, timeout=PATIENCE_S).json()
    except (*GONE, OSError, ValueError, IndexError, httpx.TransportError):
        return None
    return [page["url"] for page in listed if page["type"] == "page"]


def family(target: Target) -> list[tuple[psutil.Process, list[str]]]:
    """The server's processes that still run, with their command lines."""
    found = []
    for process in target.processes():
        with suppress(*GONE):
            found.append((process, process.cmdline()))
    return found
