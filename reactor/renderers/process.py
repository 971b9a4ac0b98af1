"""The process of a render server on this machine: how it is started, held and ended.

It runs on a leash (`reactor/loops/leash.py`), which ends it and everything below it when we are gone.
"""

from __future__ import annotations

import ipaddress
import os
import shlex
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from reactor.errors import BadConfiguration
from reactor.renderers import remotion
from reactor.renderers.answers import text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from anyio.abc import Process

    from reactor.settings import Settings

LEASH = Path(__file__).parents[1] / "loops" / "leash.py"
LOG_BYTES = 10_000_000
TAIL_BYTES = 2000
TAIL_LENGTH = 300
SPAWN_S = 30.0
MARGIN_S = 0.5
KILL_S = 10.0
"""What the leash may take to kill and collect everything: more than it gives itself (its own KILL_S).

Who ends the leash before that leaves alive what it has not killed yet.
"""

PASSED_ON = (
    *("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV"),
    "REACTOR_RENDERER_DRAIN_S",
    *("REACTOR_REMOTION_RENDERS", "REACTOR_REMOTION_OPENING_S", "REACTOR_REMOTION_PATIENCE_S"),
)
"""All that a renderer gets of our environment: no database address, no token."""


class RendererProcess:
    """A started renderer; only `open_renderer` makes one."""

    def __init__(self, leash: Process, pid: int) -> None:
        self._leash = leash
        self.pid = pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 + n when signal n ended it."""
        return self._leash.returncode

    async def wait(self) -> int:
        """Wait for its end and that of everything below it."""
        return await self._leash.wait()

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, then make it; afterwards nothing of it runs any more."""
        with suppress(ProcessLookupError):
            self._leash.terminate()
        with anyio.move_on_after(grace_s + MARGIN_S):
            await self._leash.wait()
        await self.kill()

    async def kill(self) -> None:
        """End it and everything below it at once."""
        # Closing lets go of the leash's standard input, which is its word to kill all there is.
        with anyio.move_on_after(KILL_S, shield=True):
            await self._leash.aclose()


async def open_renderer(
    argv: Sequence[str], settings: Settings, *, grace_s: float
) -> RendererProcess:
    """Start a render server; OSError says why that is not possible."""
    command = [sys.executable, "-I", str(LEASH), "--grace", str(grace_s), "--", *argv]
    async with open_log(log_path(settings)) as log:
        with anyio.CancelScope(shield=True):
            leash = await anyio.open_process(
                command, stderr=log, env=environment(settings), start_new_session=True
            )
    try:
        with anyio.fail_after(SPAWN_S):
            return RendererProcess(leash, await read_pid(leash))
    except BaseException:
        await RendererProcess(leash, 0).kill()
        raise


async def read_pid(leash: Process) -> int:
    """The first thing a leash says is the pid of what it holds."""
    said = b""
    if leash.stdout is None:
        raise OSError("the leash has no output")
    try:
        while not said.endswith(b"\n"):
            said += await leash.stdout.receive(64)
    except anyio.EndOfStream:
        raise OSError("the renderer's leash ended at once") from None
    return int(said)


def runs_here(settings: Settings) -> bool:
    """Whether the configured renderer is one that we keep running, on this machine."""
    local = settings.renderer_url.startswith("http://") and is_here(settings.renderer_address[0])
    return local and settings.renderer != "none"


def command_line(settings: Settings) -> list[str] | None:
    """What starts the configured renderer; None when it is elsewhere, or not wanted here."""
    if not runs_here(settings):
        return None
    if settings.renderer == "embedded":
        return [sys.executable, "-m", "reactor", "renderer"]
    if settings.renderer == "remotion":
        return remotion.command_line(settings)
    try:
        argv = shlex.split(settings.renderer)
    except ValueError as wrong:
        raise BadConfiguration(f"REACTOR_RENDERER: {wrong} in {settings.renderer!r}") from None
    if not argv:
        raise BadConfiguration(
            "REACTOR_RENDERER: is empty; write embedded, remotion, none or a command line"
        )
    return argv


def is_here(host: str) -> bool:
    """Whether a host name is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def environment(settings: Settings) -> dict[str, str]:
    """Exactly what the renderer's process knows of the world."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    told = {
        "REACTOR_DATA": str(settings.data),
        "REACTOR_RENDERER_URL": settings.renderer_url,
        "REACTOR_ASSET_DIRS": os.pathsep.join(
            str(path.expanduser().absolute()) for path in settings.asset_dirs
        ),
        "REACTOR_STALL_TIMEOUT_S": str(settings.stall_timeout_s),
        "REACTOR_RENDER_TIMEOUT_S": str(settings.render_timeout_s),
    }
    if settings.slots is not None:
        told["REACTOR_SLOTS"] = str(settings.slots)
    if settings.browser is not None:
        told["REACTOR_BROWSER"] = str(settings.browser)
    if settings.remotion_tabs is not None:
        told["REACTOR_REMOTION_TABS"] = str(settings.remotion_tabs)
    return passed | told


def log_path(settings: Settings) -> Path:
    """Where the renderer's own output goes."""
    return settings.data / "renderer.log"


@asynccontextmanager
async def open_log(path: Path) -> AsyncIterator[int]:
    """The log as a descriptor to append to, made shorter before when it has grown too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    await anyio.to_thread.run_sync(rotate, path)
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield log
    finally:
        os.close(log)


def rotate(path: Path) -> None:
    """Keep the end of a log that is too long beside it, and begin anew; its writer need not know."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            with path.open("r+b") as log:
                log.seek(-LOG_BYTES, os.SEEK_END)
                path.with_name(f"{path.name}.1").write_bytes(log.read(LOG_BYTES))
                log.truncate(0)


def last_words(settings: Settings) -> str:
    """The last line of the renderer's log, for people; empty when there is none."""
    try:
        with log_path(settings).open("rb") as log:
            log.seek(-min(TAIL_BYTES, os.fstat(log.fileno()).st_size), os.SEEK_END)
            lines = log.read(TAIL_BYTES).decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line for raw in reversed(lines) if (line := text(raw, TAIL_LENGTH))), "")
