"""The renders of this server: at most `capacity` at a time, each in a process of its own.

One more process is kept warm, everything imported, so that a render begins in milliseconds. Every
wait for a process has a limit, and no process is left when its render has ended.
"""

from __future__ import annotations

import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import anyio

from reactor.errors import FailureClass, RenderFailed, TryAgain, bad_input
from reactor.renderserver.child import GONE, Child, Told

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import TaskGroup, TaskStatus

    from reactor.renderserver.request import Order

HISTORY = 1_000
"""Finished renders that are remembered."""
FRAMES_FOR_ETA = 10
CHECK_S = 30
"""How long looking into the order's files may take."""


class Status(StrEnum):
    """Where a render is."""

    QUEUED = "queued"
    RENDERING = "rendering"
    COMPLETE = "complete"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass
class Render:
    """One render, from its order to its end."""

    order: Order
    status: Status = Status.QUEUED
    frames: int = 0
    total: int = 0
    failure: RenderFailed | None = None
    refused: bool = False
    log: str | None = None
    started: float = field(default_factory=time.monotonic)
    moved: float = field(default_factory=time.monotonic)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    decided: anyio.Event = field(default_factory=anyio.Event)
    """Accepted or refused."""
    ended: anyio.Event = field(default_factory=anyio.Event)

    @property
    def eta_s(self) -> float | None:
        """Seconds that are left at the pace so far."""
        if self.status is not Status.RENDERING or self.frames < FRAMES_FOR_ETA:
            return None
        return round(
            (time.monotonic() - self.started) / self.frames * (self.total - self.frames), 1
        )

    def as_json(self) -> dict[str, Any]:
        """The answer to GET /status/{id}."""
        done = self.status is Status.COMPLETE
        return {
            "id": self.order.id,
            "status": self.status,
            "progress": 1.0 if done else round(self.frames / max(self.total, 1), 4),
            "rendered_frames": self.frames,
            "total_frames": self.total,
            "eta_s": self.eta_s,
            "output_path": self.order.output_path,
            "error": self.error,
            "log": self.log,
        }

    @property
    def error(self) -> dict[str, Any] | None:
        """Why it failed, and at which frame if it had begun."""
        if self.failure is None:
            return None
        said = {"class": self.failure.failure, "message": str(self.failure)}
        return {**said, "frame": self.frames} if self.total else said

    def end(self, status: Status, failure: RenderFailed | None = None) -> None:
        """Settle it, once."""
        if not self.ended.is_set():
            self.status, self.failure = status, failure
            self.decided.set()
            self.ended.set()


class Renders:
    """Every render this server knows."""

    def __init__(self, *, capacity: int, stall_s: float, timeout_s: float) -> None:
        self.capacity, self.stall_s, self.timeout_s = capacity, stall_s, timeout_s
        self.known: dict[str, Render] = {}
        self.spare: Child | None = None
        self.spare_lock = anyio.Lock()
        self.closing = False
        self.tg: TaskGroup

    @property
    def busy(self) -> int:
        """Renders that have not ended."""
        return sum(not render.ended.is_set() for render in self.known.values())

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Be ready for orders until cancelled; then end every process."""
        try:
            async with anyio.create_task_group() as self.tg:
                await self.keep_spare()
                task_status.started()
                try:
                    await anyio.sleep_forever()
                finally:
                    self.closing = True
        finally:
            if self.spare:
                await self.spare.stop()

    def named(self, asked: Any) -> Render | None:
        """The render that a request means by its id; the same id again is the same render."""
        name = asked.get("id") if isinstance(asked, dict) else None
        return self.known.get(name) if isinstance(name, str) else None

    def begin(self, order: Order) -> Render:
        """Begin a render, if there is room for it."""
        self.check_room(order)
        render = self.known[order.id] = Render(order)
        self.tg.start_soon(self.drive, render)
        return render

    async def join(self, render: Render) -> Render:
        """Wait until the render is accepted; raise what it was refused with."""
        await render.decided.wait()
        if render.refused and render.failure:
            raise render.failure
        return render

    def check_room(self, order: Order) -> None:
        """Raise unless there is a free slot and nobody else writes that file."""
        if self.closing:
            raise TryAgain("the render server is stopping; ask again when it is back")
        if self.busy >= self.capacity:
            slots = "the only slot is" if self.capacity == 1 else f"all {self.capacity} slots are"
            raise TryAgain(f"{slots} busy; ask again when a render has ended")
        for other in self.known.values():
            if other.order.output_path == order.output_path and not other.ended.is_set():
                raise bad_input("output_path", f"is being written by render '{other.order.id}'")

    async def cancel(self, render: Render) -> None:
        """End a render; return when its process is gone."""
        render.scope.cancel()
        await render.ended.wait()

    async def drive(self, render: Render) -> None:
        """One render from taking a process to ending it."""
        child: Child | None = None
        status, failure = Status.CANCELLED, None
        try:
            with render.scope:
                child = await self.take_spare()
                await self.check(render, child)
                await self.watch(render, child)
        except RenderFailed as failed:
            status, failure = Status.FAILED, failed
        except Exception as wrong:  # noqa: BLE001 - one render must never take the others with it
            traceback.print_exc()
            status, failure = Status.FAILED, RenderFailed(FailureClass.CRASH, repr(wrong))
        finally:
            if child:
                render.log = child.log
            await self.clean_up(render, child)
            render.end(status, failure)
            self.forget_some(render)
            if not self.closing:
                self.tg.start_soon(self.keep_spare)

    async def check(self, render: Render, child: Child) -> None:
        """Hand over the order and wait for the process's yes or no."""
        told = None
        with suppress(*GONE), anyio.move_on_after(CHECK_S) as waited:
            await child.send(render.order)
            told = await child.told()
        if waited.cancelled_caught:
            raise RenderFailed(FailureClass.STALL, f"its files were not read within {CHECK_S} s")
        if told is None:
            raise RenderFailed(FailureClass.CRASH, await child.ending())
        if told.event == "refused":
            render.refused = True
            raise RenderFailed(told.failure, told.message)
        render.total, render.status = told.total_frames, Status.RENDERING
        render.decided.set()

    async def watch(self, render: Render, child: Child) -> None:
        """Follow the process to its end."""
        render.moved = render.started = time.monotonic()
        while True:
            told = await self.next_told(render, child)
            if told is None:
                raise RenderFailed(FailureClass.CRASH, await child.ending())
            if told.event == "failed":
                await child.last_words()
                raise RenderFailed(told.failure, told.message)
            if told.event == "done":
                await child.last_words()
                render.log = child.log
                render.end(Status.COMPLETE)
                return
            if not render.frames:
                # Only now, so that getting ready for the next does not delay this one's first frame.
                self.tg.start_soon(self.keep_spare)
            if told.frames > render.frames:
                render.frames, render.moved = told.frames, time.monotonic()

    async def next_told(self, render: Render, child: Child) -> Told | None:
        """What the process tells next; RenderFailed(stall) when it has been silent for too long."""
        now = time.monotonic()
        silent, overall = render.moved + self.stall_s - now, render.started + self.timeout_s - now
        with anyio.move_on_after(max(0, min(silent, overall))):
            return await child.told()
        if overall < silent:
            raise RenderFailed(FailureClass.STALL, f"it took longer than {self.timeout_s:g} s")
        raise RenderFailed(
            FailureClass.STALL, f"no frame was finished for {self.stall_s:g} s (at {render.frames})"
        )

    async def clean_up(self, render: Render, child: Child | None) -> None:
        """Leave neither process nor half a file; a process that only said no can take another order."""
        if child and render.refused and self.spare is None and not self.closing:
            self.spare = child
        elif child:
            await child.stop()
        with suppress(OSError):
            render.order.part.unlink(missing_ok=True)

    def forget_some(self, render: Render) -> None:
        """Forget a refused order, and the oldest renders when there are too many."""
        if render.refused:
            self.known.pop(render.order.id, None)
        ended = [name for name, known in self.known.items() if known.ended.is_set()]
        for name in ended[: max(0, len(self.known) - HISTORY)]:
            del self.known[name]

    async def take_spare(self) -> Child:
        """The warm process when there is one, else a new one."""
        async with self.spare_lock:
            spare, self.spare = self.spare, None
            if spare and spare.alive:
                return spare
        return await Child.start(self.tg)

    async def keep_spare(self) -> None:
        """Have one process warm, if one can be had."""
        with suppress(RenderFailed):
            async with self.spare_lock:
                if self.spare is None or not self.spare.alive:
                    self.spare = await Child.start(self.tg)


def remove_leftovers(renders_dir: Path, older_than_s: float = 600) -> None:
    """Remove halves that a killed server left behind, once nobody can be writing them."""
    for part in renders_dir.glob("*.part"):
        with suppress(OSError):
            if part.is_file() and time.time() - part.stat().st_mtime > older_than_s:
                part.unlink()
