"""The render directory: every finished file in it becomes an `OutputSeen`.

File events are the fast hint, reading the whole directory is the truth: at start, every `scan_s`, when
nudged and after every gap in the events. What an event announced is announced again only by a later
full scan that finds the job still without its file. `settled.py` says when a file is finished,
`render_directory.py` whose it is; `file_events.py` brings the events.
"""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

import anyio
import anyio.to_thread

from reactor.db import orphans
from reactor.db.pool import TRANSIENT
from reactor.errors import BadConfiguration
from reactor.events import OutputSeen
from reactor.loops.file_events import EventsEnded, FileEvents, NoEvents
from reactor.loops.render_directory import (
    existing,
    is_network_mount,
    orphan,
    read_directory,
    render_names,
    sort_files,
    spelled,
    still_there,
)
from reactor.loops.settled import Patience, Render, Settling, Signature, is_whole, look_at
from reactor.media.naming import parse_render_name
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from anyio.abc import TaskStatus

    from reactor.db.pool import Database
    from reactor.events import Event
    from reactor.loops.render_directory import Stray
    from reactor.observe import Observer
    from reactor.settings import Settings

A = TypeVar("A")
T = TypeVar("T")

POLL_S = 1.0
LISTEN_AGAIN_S = 0.5
# Files examined in one go; what is finished among them is announced before the next go.
BATCH = 200


class Watcher:
    """The eyes on the render directory."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        observe: Observer,
        send: Callable[[Event], None],
        *,
        patience: Patience | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self.mode: Literal["inotify", "poll"] = "inotify"
        self._settings = settings
        self._directory = settings.renders_dir
        self._database = database
        self._observe = observe
        self._send = send
        self._poll_s = poll_s
        self._limiter = anyio.CapacityLimiter(2)
        self._settling = Settling(patience or Patience(), self._limiter)
        self._announced: dict[Path, Signature] = {}
        self._strays: list[Stray] | None = None
        self._events: FileEvents | None = None
        self._watching = anyio.Event()
        self._nudged = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Announce finished files until cancelled; started when the directory is being watched."""
        try:
            await self._in_thread(render_names, self._directory)
        except OSError as wrong:
            why = f"{self._directory} cannot be used: {wrong.strerror or wrong}"
            raise BadConfiguration(f"REACTOR_DATA: {why}") from None
        async with anyio.create_task_group() as tg:
            tg.start_soon(self._settling.run, self._announce)
            # Watch first, then read the directory: an overlap, never a gap.
            tg.start_soon(self._watch)
            await self._watching.wait()
            tg.start_soon(self._scan_regularly)
            task_status.started()

    def nudge(self) -> None:
        """Read the whole directory now."""
        self._nudged.set()

    async def scan(self) -> None:
        """Read the whole directory and set right what events have missed."""
        earlier = tuple(self._announced)
        files = await self._in_thread(read_directory, self._directory)
        if self._events:
            self._events.notice_other_directory()
        present = {file.path for file in files}
        for gone in (path for path in earlier if path not in present):
            self._announced.pop(gone, None)
        jobs = {}
        if ids := sorted({file.name.job_id for file in files if file.name}):
            async with self._database.connection() as conn:
                jobs = {job.id: job for job in await orphans.find_known_jobs(conn, ids)}
        renders, strays = await self._in_thread(partial(sort_files, files), jobs)
        for render in filter(self._is_announced, renders):
            self._emit(render)
        await self._examine([render for render in renders if not self._is_announced(render)])
        await self._write_down(strays)

    async def _scan_regularly(self) -> None:
        while True:
            every_s = self._settings.scan_s * random.uniform(0.9, 1.1)
            with anyio.move_on_after(every_s):
                await self._nudged.wait()
            self._nudged = anyio.Event()
            try:
                await self.scan()
            except TRANSIENT as wrong:
                self._observe(Seen.SWEEP_FAILED, what="files", error=str(wrong))
            except OSError as wrong:
                self._observe(Seen.WATCH_LOST, mode=self.mode, reason=str(wrong))

    async def _watch(self) -> None:
        forced = self._settings.poll_files
        if forced is None:
            forced = await self._in_thread(is_network_mount, self._directory)
        self.mode = "poll" if forced else "inotify"
        while True:
            await (self._poll() if self.mode == "poll" else self._listen())

    async def _poll(self) -> None:
        """Look for new names again and again; what has kept its name is for the full scan."""
        known: set[str] | None = None
        while True:
            with suppress(OSError):  # the full scan meets the same and says so
                names = await self._in_thread(render_names, self._directory)
                if known is None:
                    self._begin()
                else:
                    await self._look([self._directory / name for name in names - known])
                known = names
            await anyio.sleep(self._poll_s)

    async def _listen(self) -> None:
        """Follow file events until they end: listen again, or poll from now on."""
        with suppress(OSError):  # likewise
            await self._in_thread(existing, self._directory)
        self._events = events = FileEvents(self._directory)
        try:
            await events.listen(began=self._begin, changed=self._look)
        except EventsEnded as ended:
            if isinstance(ended, NoEvents):
                self.mode = "poll"
            self._observe(Seen.WATCH_LOST, mode=self.mode, reason=str(ended))
        await anyio.sleep(LISTEN_AGAIN_S)

    def _begin(self) -> None:
        """The directory is being watched: whatever came before is for the full scan."""
        self._observe(Seen.WATCHING, mode=self.mode, directory=str(self._directory))
        self._watching.set()
        self.nudge()

    async def _look(self, paths: Iterable[Path]) -> None:
        """Examine those of these files that are new or have changed."""
        named = {path: name for path in paths if (name := parse_render_name(path.name))}
        if not named:
            return
        found = await self._in_thread(look_at, named)
        renders = [Render(path, named[path], seen) for path, seen in found.items() if seen]
        await self._examine([render for render in renders if not self._is_announced(render)])

    async def _examine(self, renders: Sequence[Render]) -> None:
        """Announce those that were renamed into place and are whole; the others may still grow."""
        new = [render for render in renders if not self._settling.holds(render)]
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            finished = await self._in_thread(finished_among, batch)
            for render in batch:
                if render in finished:
                    self._announce(render)
                elif not self._is_announced(render):
                    self._settling.add(render)

    def _is_announced(self, render: Render) -> bool:
        return self._announced.get(render.path) == render.signature

    def _announce(self, render: Render) -> None:
        if not self._is_announced(render):
            self._settling.discard(render.path)
            self._announced[render.path] = render.signature
            self._emit(render)

    def _emit(self, render: Render) -> None:
        if render.signature.size_bytes:
            job_id, attempt = render.name.job_id, render.name.attempt
            self._observe(Seen.FILE_SEEN, job_id=job_id, attempt=attempt, path=str(render.path))
            self._send(OutputSeen(job_id, attempt, render.path))

    async def _write_down(self, strays: list[Stray]) -> None:
        """Write down the files of nobody if they are others than the last time."""
        if strays == self._strays:
            return
        # A job that has just ended took its file with it.
        strays = await self._in_thread(still_there, strays)
        found = {row.path: row for row in map(orphan, strays)}
        async with self._database.connection() as conn:
            await orphans.replace_orphans(conn, spelled(self._directory) + "/", [*found.values()])
        known = {stray.file.path for stray in self._strays or ()}
        self._strays = strays
        for stray in strays:
            if stray.file.path not in known:
                row = orphan(stray)
                self._observe(Seen.FILE_ORPHANED, path=row.path, reason=row.reason)

    async def _in_thread(self, act: Callable[[A], T], argument: A) -> T:
        """A hanging disk must hang neither the loop nor the shutdown: what only reads is abandoned."""
        return await anyio.to_thread.run_sync(
            act, argument, limiter=self._limiter, abandon_on_cancel=True
        )


def finished_among(renders: Iterable[Render]) -> set[Render]:
    """Those that were written under their attempt's name and are whole."""
    return {render for render in renders if render.name.attempt is not None and is_whole(render)}
