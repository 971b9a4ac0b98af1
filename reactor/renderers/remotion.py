"""What the Remotion render server needs on this machine, and the command that starts it.

It is no part of a wheel: the project lies in the checkout, its packages come from npm, and Node and a
browser from the system.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import reactor
from reactor.errors import BadConfiguration

if TYPE_CHECKING:
    from reactor.settings import Settings

PROJECT = Path(reactor.__file__).parents[1] / "remotion"
OLDEST_NODE = (20, 11)
ANSWER_S = 20.0
LONGEST = 200
BROWSERS = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
"""In the order in which `remotion/server/browser.ts` looks for them."""

INSTALL = "bin/reactor renderer install remotion"
CHECKOUT = "run bin/reactor from a checkout of the repository, or set REACTOR_RENDERER=embedded"
GET_NODE = (
    "install Node 20.11 or newer with npm (https://nodejs.org, or apt-get install nodejs npm)"
)
NEWER_NODE = (
    "install Node 20.11 or newer: npm install --global n && n lts, or https://nodejs.org"
    " (the system's may be too old)"
)
GET_NPM = "apt-get install npm, or Node from https://nodejs.org, which has it"
GET_BROWSER = "apt-get install chromium, or set REACTOR_BROWSER"


def command_line(settings: Settings) -> list[str]:
    """What starts the render server; BadConfiguration says what is missing and what mends it."""
    for problem in (
        no_project(),
        "" if shutil.which("node") else f"node is not on PATH; {GET_NODE}, then run {INSTALL}",
        "" if has_packages() else f"its npm packages are not installed; run {INSTALL}",
        unusable(settings.browser),
    ):
        if problem:
            raise BadConfiguration(f"REACTOR_RENDERER=remotion: {problem}")
    return ["node", str(PROJECT / "server" / "start.mjs")]


def no_project() -> str:
    """Why there is nothing to start; empty when there is."""
    if (PROJECT / "package.json").is_file():
        return ""
    return f"an installed package does not contain it; {CHECKOUT}"


def has_packages() -> bool:
    """Whether npm has finished: it writes this record last."""
    return (PROJECT / "node_modules" / ".package-lock.json").is_file()


def unusable(browser: Path | None) -> str:
    """Why the browser that is set cannot be started; empty when it can, or none is set."""
    if browser is None or (browser.is_file() and os.access(browser, os.X_OK)):
        return ""
    return f"REACTOR_BROWSER: {browser} is not a program; {GET_BROWSER}"


def find_browser(settings: Settings) -> Path | None:
    """The browser that is set, else the first on PATH, else the one that Remotion has downloaded."""
    if settings.browser is not None:
        return None if unusable(settings.browser) else settings.browser
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return Path(found) if found else downloaded()


def downloaded() -> Path | None:
    """Remotion's own browser, where it keeps that."""
    files = (PROJECT / "node_modules" / ".remotion").glob("*/*/*/chrome-headless-shell")
    return next((path for path in sorted(files) if os.access(path, os.X_OK)), None)


def browser_problem(browser: Path) -> str:
    """Why it does not start, in its own last words; empty when it does.

    What is on PATH may be a mere stub that says how to get one, or lack a library.
    """
    done = run(str(browser), "--version")
    if done is None:
        return "cannot be started"
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return f"ends with exit code {done.returncode}{': ' + said[-1][:LONGEST] if said else ''}"


def node_problem() -> str:
    """What is wrong with Node here; empty when it will do."""
    if not shutil.which("node"):
        return "node is not on PATH"
    version = node_version()
    if parts(version) < OLDEST_NODE:
        return f"Node {version or 'of an unknown version'} is too old"
    return ""


def mend_node() -> str:
    """What brings a Node that will do."""
    return NEWER_NODE if shutil.which("node") else GET_NODE


def node_version() -> str:
    """Node's version as it says it, without the v; empty when it says none."""
    done = run("node", "--version")
    found = re.match(r"v(\d+\.\d+\.\d+)", done.stdout) if done else None
    return found.group(1) if found else ""


def run(*command: str) -> subprocess.CompletedProcess[str] | None:
    """What a program says; None when it cannot be started, or does not end."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def parts(version: str) -> tuple[int, ...]:
    """A version as numbers to compare."""
    return tuple(int(number) for number in version.split(".")) if version else ()
