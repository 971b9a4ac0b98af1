"""What runs here: who holds which lease, how far it is, and how to stop it.

One statement renews all leases every `heartbeat_s`; another writes what progress there was, at most
once a second and only when something moved. Renewal goes on through the drain, so a slow render is
never taken away from a reactor that is only shutting down.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from reactor.db import attempts
from reactor.db.pool import TRANSIENT
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from uuid import UUID

    from anyio.abc import TaskStatus

    from reactor.db.pool import Database
    from reactor.models import JobId
    from reactor.observe import Observer
    from reactor.renderers.base import Progress
    from reactor.settings import Settings

PROGRESS_S = 1.0


@dataclass
class Entry:
    """One job in work on this reactor."""

    job_id: JobId
    token: UUID
    attempt: int
    renderer: str
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    holds_slot: bool = True
    stopped_by: str | None = None
    progress: Progress | None = None
    saved: Progress | None = None

    def stop(self, reason: str) -> None:
        """Cancel the work; whoever runs it sees the reason in `stopped_by`."""
        self.stopped_by = self.stopped_by or reason
        self.scope.cancel()


class Inflight:
    """All jobs in work on this reactor."""

    def __init__(self, settings: Settings, database: Database, observe: Observer) -> None:
        self._settings = settings
        self._database = database
        self._observe = observe
        self._entries: dict[JobId, Entry] = {}
        self._reserved: dict[str, int] = {}
        self._claims = 0
        self._expected: dict[JobId, UUID] = {}
        self._changed = anyio.Event()

    @contextmanager
    def working(self, entry: Entry) -> Iterator[Entry]:
        """Hold the entry, and so its lease, while its work runs."""
        self._entries[entry.job_id] = entry
        self._change()
        try:
            yield entry
        finally:
            if self._entries.get(entry.job_id) is entry:
                del self._entries[entry.job_id]
            self._change()

    @contextmanager
    def claiming(self) -> Iterator[None]:
        """A claim is under way: it may have taken jobs before its answer is here."""
        self._claims += 1
        try:
            yield
        finally:
            self._claims -= 1
            self._change()

    def reserve(self, renderer: str, count: int) -> None:
        """Slots taken by claims whose work has not begun yet."""
        self._reserved[renderer] = self._reserved.get(renderer, 0) + count

    def unreserve(self, renderer: str, count: int) -> None:
        """That work has begun, or will not."""
        self._reserved[renderer] -= count
        self._change()

    def expect(self, entry: Entry) -> None:
        """The job is rendered here, and its publication is to follow, unless that has begun already."""
        if self._entries.get(entry.job_id) is entry:
            self._expected[entry.job_id] = entry.token

    def arrived(self, job_id: JobId) -> None:
        """Its publication has ended, or somebody else has it."""
        self._expected.pop(job_id, None)
        self._change()

    def used_slots(self, renderer: str) -> int:
        """Slots of one renderer that are taken."""
        working = sum(1 for e in self._entries.values() if e.holds_slot and e.renderer == renderer)
        return working + self._reserved.get(renderer, 0)

    def entries(self) -> list[Entry]:
        """Everything in work, in the order it began."""
        return list(self._entries.values())

    def ids(self) -> list[JobId]:
        """The jobs in work here."""
        return list(self._entries)

    def held(self) -> dict[JobId, UUID]:
        """Every lease held here."""
        return self._expected | {entry.job_id: entry.token for entry in self._entries.values()}

    def get(self, job_id: JobId) -> Entry | None:
        """The work on one job, if it runs here."""
        return self._entries.get(job_id)

    def stop(self, job_id: JobId, reason: str) -> None:
        """Stop the work on one job, if it runs here."""
        if entry := self._entries.get(job_id):
            entry.stop(reason)

    def stop_all(self, reason: str) -> None:
        """Stop everything."""
        for entry in self.entries():
            entry.stop(reason)

    async def idle(self) -> None:
        """Wait until nothing is in work, nor about to be."""
        while self._claims or self._entries or self._expected or any(self._reserved.values()):
            await self._changed.wait()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Renew leases and write progress until cancelled."""
        async with anyio.create_task_group() as tg:
            tg.start_soon(self._every, self._settings.heartbeat_s, self.renew)
            tg.start_soon(self._every, PROGRESS_S, self.save_progress)
            task_status.started()

    async def renew(self) -> None:
        """Prolong every lease; what is not ours any more is stopped."""
        held = self.held()
        if not held:
            return
        async with self._database.connection() as conn:
            kept = await attempts.renew_leases(conn, held, lease_s=self._settings.lease_s)
        for job_id, token in held.items():
            if job_id in kept:
                continue
            entry = self._entries.get(job_id)
            if self._expected.get(job_id) == token:
                del self._expected[job_id]
            # Past rendering the row's lock decides; the job may have been completed this very moment.
            if entry and entry.token == token and entry.holds_slot:
                self._observe(Seen.LEASE_LOST, job_id=job_id, attempt=entry.attempt)
                entry.stop("lease lost")
        self._change()

    async def save_progress(self) -> None:
        """Write down what moved since the last time."""
        moved = [e for e in self._entries.values() if e.progress and e.progress is not e.saved]
        if not moved:
            return
        rows = []
        for entry in moved:
            p = entry.saved = entry.progress
            assert p is not None  # noqa: S101 - filtered above
            frames = (p.rendered_frames, p.total_frames)
            rows.append((entry.job_id, entry.attempt, p.fraction, *frames, p.eta_s))
        async with self._database.connection() as conn:
            await attempts.save_progress(conn, rows)

    async def _every(self, interval_s: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await anyio.sleep(interval_s)
            try:
                await act()
            except TRANSIENT as wrong:
                self._observe(Seen.LEASE_RENEWAL_FAILED, error=str(wrong))

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
