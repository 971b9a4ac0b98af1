"""`bin/reactor renderer install remotion`: the npm packages, and the bundle that the first start makes.

Again it does only what is not done yet; what was interrupted is made anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from reactor.address import any_port
from reactor.errors import Refused
from reactor.renderers import npm_packages, remotion
from reactor.renderers.process import last_words, open_renderer
from reactor.renderers.server import NoAnswer, RenderServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactor.renderers.process import RendererProcess
    from reactor.settings import Settings

FIRST_START_S = 300.0
LOOK_S = 0.2
GRACE_S = 2.5
STAMP = ".reactor"
"""In `node_modules`: the lock that was installed there. npm clears it away when it begins anew."""


def install(settings: Settings, tell: Callable[[str], None]) -> None:
    """Bring everything there but Node and a browser; Refused says what stands in the way."""
    refuse()
    if is_current():
        tell("the npm packages are up to date")
    else:
        tell("installing the npm packages (210 MB) …")
        install_packages()
    tell("bundling the project, by starting the render server once …")
    began = time.monotonic()
    said = anyio.run(start_once, settings)
    tell(f"{said} starts; it took {time.monotonic() - began:.0f} s")


def refuse() -> None:
    """Say what npm would need."""
    if problem := remotion.no_project():
        raise Refused(f"there is no Remotion project here: {problem}")
    if problem := remotion.node_problem():
        raise Refused(f"{problem}; {remotion.mend_node()}")
    if not shutil.which("npm"):
        raise Refused(f"npm is not on PATH; {remotion.GET_NPM}")
    if not os.access(remotion.PROJECT, os.W_OK | os.X_OK):
        raise Refused(
            f"{remotion.PROJECT} is not ours to write to; run this as its owner,"
            f" or chown -R {os.geteuid()} {remotion.PROJECT}"
        )


def is_current() -> bool:
    """Whether the lock of now was installed, and nobody has begun anew since."""
    stamp = remotion.PROJECT / "node_modules" / STAMP
    stamped = stamp.is_file() and stamp.read_text("utf-8") == lock_hash()
    return stamped and not npm_packages.problem()


def lock_hash() -> str:
    """Which packages are meant."""
    return hashlib.sha256((remotion.PROJECT / "package-lock.json").read_bytes()).hexdigest()


def install_packages() -> None:
    """Let npm bring exactly the lock; what it says is for whoever waits."""
    modules = remotion.PROJECT / "node_modules"
    # The tools of somebody who works on the project stay.
    kept = ["--include=dev"] if (modules / "typescript").is_dir() else ["--omit=dev"]
    command = ["npm", "ci", *kept]
    done = subprocess.run(command, cwd=remotion.PROJECT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Refused(
            f"`{' '.join(command)}` in {remotion.PROJECT} ended with exit code {done.returncode};"
            " its output is above"
        )
    (modules / STAMP).write_text(lock_hash(), "utf-8")


async def start_once(settings: Settings) -> str:
    """Start the render server beside whatever runs, until it answers; its name and version.

    In a data directory of its own: at its start it clears away what others seem to have left behind.
    """
    with tempfile.TemporaryDirectory(prefix="reactor-install-") as data:
        url = f"http://127.0.0.1:{any_port()}"
        ours = settings.model_copy(
            update={"renderer": "remotion", "data": Path(data), "renderer_url": url}
        )
        try:
            process = await open_renderer(remotion.command_line(ours), ours, grace_s=GRACE_S)
        except OSError as wrong:
            raise Refused(f"the render server cannot be started: {wrong}") from None
        try:
            return await first_answer(process, ours)
        finally:
            with anyio.CancelScope(shield=True):
                await process.stop(GRACE_S)


async def first_answer(process: RendererProcess, settings: Settings) -> str:
    """Ask until it answers; Refused when it never will."""
    with anyio.move_on_after(FIRST_START_S):
        async with aclosing(RenderServer(settings)) as server:
            while process.exit_code is None:
                try:
                    return (await server.fetch_health()).full_name
                except NoAnswer:
                    await anyio.sleep(LOOK_S)
        raise Refused(
            f"the render server ended with exit code {process.exit_code}: {last_words(settings)}"
        )
    raise Refused(f"the render server did not answer within {FIRST_START_S:g} s of its start")
