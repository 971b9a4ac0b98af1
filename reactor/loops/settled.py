"""Is this file finished? Asked without opening it for writing, following a link or trusting a clock.

A file renamed into place is finished when its container is whole. One that grows in place is finished
when it is whole and nothing about it has changed for a while: equality is compared, never age.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from reactor.media.containers import walk
from reactor.media.source import Malformed, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from reactor.media.naming import RenderName


class Signature(NamedTuple):
    """What changes whenever a file does."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int


class Render(NamedTuple):
    """A regular file with a job's name."""

    path: Path
    name: RenderName
    signature: Signature


@dataclass(frozen=True)
class Patience:
    """How long a file that may still grow is looked at before it counts as finished."""

    sample_s: float = 1.0
    samples: int = 3
    quiet_s: float = 2.0
    # A broken file is handed on as well, late: whoever verifies it says what is wrong with it.
    broken_s: float = 60.0


@dataclass
class Waiting:
    """A file that may still grow, since when and how often it has looked the same."""

    render: Render
    added_as: tuple[int, int]
    since: float = field(default_factory=anyio.current_time)
    samples: int = 1
    whole: bool | None = None


def signature_of(found: os.stat_result) -> Signature:
    """Which file that is, and in which state."""
    return Signature(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def look(path: Path) -> Signature | None:
    """The file as it is now; None when it is gone, a link, a directory or otherwise special."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return signature_of(found) if stat.S_ISREG(found.st_mode) else None


def look_at(paths: Iterable[Path]) -> dict[Path, Signature | None]:
    """All of them as they are now."""
    return {path: look(path) for path in paths}


def is_whole(render: Render) -> bool:
    """Whether that very file adds up to its last byte; cheap, nothing is decoded."""
    try:
        with opened(render.path) as file:
            if signature_of(os.fstat(file.fileno())) != render.signature:
                return False
            walk(file, render.name.container, render.signature.size_bytes)
    except (Malformed, OSError):
        return False
    return True


class Settling:
    """The files that may still grow, sampled until each one is finished, gone or given up."""

    def __init__(self, patience: Patience, limiter: anyio.CapacityLimiter) -> None:
        self._patience = patience
        self._limiter = limiter
        self._waiting: dict[Path, Waiting] = {}
        self._added = anyio.Event()

    def holds(self, render: Render) -> bool:
        """Whether that file, in this or an earlier state, is being waited for."""
        waiting = self._waiting.get(render.path)
        return waiting is not None and waiting.added_as == render.signature[:2]

    def add(self, render: Render) -> None:
        """Wait for this file; whatever had its name before is of no interest any more."""
        if not self.holds(render):
            self._waiting[render.path] = Waiting(render, render.signature[:2])
            self._added.set()

    def discard(self, path: Path) -> None:
        """This file is settled otherwise."""
        self._waiting.pop(path, None)

    async def run(self, settled: Callable[[Render], None]) -> None:
        """Call `settled` for every file that changes no more; without files, wait for one."""
        while True:
            await self._added.wait()
            await anyio.sleep(self._patience.sample_s)
            await self._sample(settled)
            if not self._waiting:
                self._added = anyio.Event()

    async def _sample(self, settled: Callable[[Render], None]) -> None:
        paths = tuple(self._waiting)
        found = await anyio.to_thread.run_sync(
            look_at, paths, limiter=self._limiter, abandon_on_cancel=True
        )
        for path, signature in found.items():
            waiting = self._waiting.get(path)
            if waiting is None or signature is None:
                self.discard(path)
            elif signature != waiting.render.signature:
                changed = waiting.render._replace(signature=signature)
                self._waiting[path] = Waiting(changed, waiting.added_as)
            elif await self._is_settled(waiting) and self._waiting.get(path) is waiting:
                self.discard(path)
                settled(waiting.render)

    async def _is_settled(self, waiting: Waiting) -> bool:
        waiting.samples += 1
        quiet_s = anyio.current_time() - waiting.since
        if waiting.samples < self._patience.samples or quiet_s < self._patience.quiet_s:
            return False
        if waiting.whole is None:
            waiting.whole = await anyio.to_thread.run_sync(
                is_whole, waiting.render, limiter=self._limiter, abandon_on_cancel=True
            )
        return waiting.whole or quiet_s >= self._patience.broken_s
