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
NODE_S = 20.0
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
GET_NODE = (
    "install Node 20.11 or newer with npm (https://nodejs.org, or apt-get install nodejs npm)"
)
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
    return "an installed package does not contain it; run bin/reactor from a checkout of the repository"


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


def node_problem() -> str:
    """What is wrong with Node here; empty when it will do."""
    if not shutil.which("node"):
        return "node is not on PATH"
    version = node_version()
    if parts(version) < OLDEST_NODE:
        return f"Node {version or 'of an unknown version'} is too old"
    return ""


def node_version() -> str:
    """Node's version as it says it, without the v; empty when it says none."""
    try:
        said = subprocess.run(
            ["node", "--version"],  # noqa: S607 - that of PATH
            capture_output=True,
            text=True,
            errors="replace",
            timeout=NODE_S,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.match(r"v(\d+\.\d+\.\d+)", said)
    return found.group(1) if found else ""


def parts(version: str) -> tuple[int, ...]:
    """A version as numbers to compare."""
    return tuple(int(number) for number in version.split(".")) if version else ()
