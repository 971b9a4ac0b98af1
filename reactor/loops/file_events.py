"""File events of one directory, as far as they can be trusted.

The kernel tells of local writers only, forgets when its queue is full, and goes on watching a directory
whose name belongs to another one by now. So a probe file proves at the start that events come, and
whoever listens here reads the directory as well.
"""

from __future__ import annotations

import uuid
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import anyio.to_thread
from watchfiles import Change, awatch
from watchfiles._rust_notify import WatchfilesRustInternalError

from reactor.errors import ReactorError
from reactor.loops.render_directory import identify
from reactor.media.naming import parse_render_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

# The watch thread looks for events once a step: the price of quick ears is idle CPU (20 ms: 0.3 %).
STEP_MS = 20
DEBOUNCE_MS = 40
PROBE = ".reactor-probe-"
PROBES = 8
"""Counted and not timed: a machine that stood still for seconds has missed one probe, and not its events."""
PROBE_AGAIN_S = 0.25


class EventsEnded(ReactorError):
    """The events ended; listening again may work."""


class NoEvents(EventsEnded):
    """No event came for a file of our own making."""


class FileEvents:
    """The events of the directory that has this name now."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._identity = identify(directory)
        self._probe = directory / f"{PROBE}{uuid.uuid4().hex}"
        self._trusted = anyio.Event()
        self._over = anyio.Event()

    async def listen(
        self, *, began: Callable[[], None], changed: Callable[[set[Path]], Awaitable[None]]
    ) -> None:
        """Hand on what changes, until EventsEnded says why there is nothing more to hear."""
        async with anyio.create_task_group() as tg:
            tg.start_soon(self._stop_when_cancelled)
            tg.start_soon(self._prove, began)
            error = await self._follow(changed)
            tg.cancel_scope.cancel()
        await anyio.lowlevel.checkpoint_if_cancelled()
        if self._trusted.is_set() or isinstance(error, FileNotFoundError):
            raise EventsEnded(str(error or "another directory has its name"))
        raise NoEvents(str(error or ""))

    def notice_other_directory(self) -> None:
        """Stop listening to a directory that has lost its name."""
        if identify(self._directory) != self._identity:
            self._over.set()

    async def _follow(self, changed: Callable[[set[Path]], Awaitable[None]]) -> Exception | None:
        """Hand on until the end; the answer is the error that brought it, if one did."""
        failures = list[Exception]()
        events = awatch(
            self._directory,
            watch_filter=self._concerns_us,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            stop_event=self._over,
            recursive=False,
            force_polling=False,
        )
        try:
            async with aclosing(events) as batches:
                async for batch in batches:
                    paths = {Path(path) for _, path in batch}
                    if self._probe in paths:
                        self._trusted.set()
                    if (Change.deleted, str(self._directory)) in batch:
                        # Even if it is there again: perhaps with the number of the one that is gone.
                        self._over.set()
                    await changed(paths)
        except* (OSError, WatchfilesRustInternalError) as wrong:
            failures.extend(leaves(wrong))
        return failures[0] if failures else None

    def _concerns_us(self, change: Change, path: str) -> bool:
        """Finished renders that are there, our probe, and the directory itself."""
        name = Path(path).name
        if name == self._probe.name or path == str(self._directory):
            return True
        return change is not Change.deleted and parse_render_name(name) is not None

    async def _prove(self, began: Callable[[], None]) -> None:
        """Write a file and wait to hear of it: only then can events be trusted."""
        try:
            for _ in range(PROBES):
                await anyio.to_thread.run_sync(write_probe, self._probe)
                with anyio.move_on_after(PROBE_AGAIN_S):
                    await self._trusted.wait()
                if self._trusted.is_set():
                    break
        except OSError:
            self._trusted.set()  # we may not write here; the full scan finds what is not heard
        finally:
            remove_probe(self._probe)
        if self._trusted.is_set():
            began()
        else:
            self._over.set()

    async def _stop_when_cancelled(self) -> None:
        """End the watch thread, which no cancellation reaches; it looks at the event every step."""
        try:
            await anyio.sleep_forever()
        finally:
            self._over.set()


def write_probe(probe: Path) -> None:
    """Make the file as renderers do: by a rename."""
    part = probe.with_name(f"{probe.name}.part")
    part.touch()
    part.replace(probe)


def remove_probe(probe: Path) -> None:
    """Leave nothing behind."""
    with suppress(OSError):
        probe.unlink(missing_ok=True)


def leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    """The exceptions themselves, without the groups around them."""
    for wrong in group.exceptions:
        if isinstance(wrong, ExceptionGroup):
            yield from leaves(wrong)
        else:
            yield wrong
