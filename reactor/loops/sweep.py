"""The safety scan: finds by looking what events should have told, and takes over from the dead.

It runs every `sweep_s`, at once when nudged (after each LISTEN, when the stream was full), and every
few seconds while the listener is deaf. Nothing else scans the job table.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from reactor.db import attempts
from reactor.db.pool import TRANSIENT
from reactor.events import OutputReady, SlotFreed, Swept
from reactor.models import JobStatus
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from anyio.abc import TaskStatus

    from reactor.db.pool import Database
    from reactor.events import Event
    from reactor.loops.inflight import Inflight
    from reactor.models import JobId
    from reactor.observe import Observer
    from reactor.settings import Settings

DEAF_SWEEP_S = 2.0


class Sweep:
    """One per reactor; two at once do no harm, because every finding is a guarded UPDATE."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        observe: Observer,
        *,
        reactor_id: UUID,
        inflight: Inflight,
        send: Callable[[Event], None],
        hearing: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._database = database
        self._observe = observe
        self._reactor_id = reactor_id
        self._inflight = inflight
        self._send = send
        self._hearing = hearing
        self._nudged = anyio.Event()

    def nudge(self) -> None:
        """Scan as soon as possible; nudges that come together are one."""
        self._nudged.set()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Scan until cancelled."""
        task_status.started()
        while True:
            interval_s = self._settings.sweep_s if self._hearing() else DEAF_SWEEP_S
            with anyio.move_on_after(
                min(interval_s, self._settings.sweep_s) * random.uniform(0.8, 1.0)
            ):
                await self._nudged.wait()
            self._nudged = anyio.Event()
            try:
                await self.scan()
            except TRANSIENT as wrong:
                self._observe(Seen.SWEEP_FAILED, error=type(wrong).__name__)

    async def scan(self) -> None:
        """Look once."""
        async with self._database.connection() as conn:
            # Only now: while a connection was waited for, more may have come into work.
            held = self._inflight.held()
            ours = list(held)
            lost = await attempts.take_back_expired_jobs(conn, ours=ours)
            outputs = await attempts.take_over_outputs(
                conn,
                ours=ours,
                reactor_id=self._reactor_id,
                token=uuid4(),
                lease_s=self._settings.lease_s,
            )
            outputs += await attempts.find_unfinished_outputs(
                conn, ours=self._inflight.ids(), reactor_id=self._reactor_id
            )
            stopped = await attempts.find_stopped_jobs(conn, held) if held else []
        for job_id, status in lost:
            self._observe(
                Seen.DISCOVERED, via="lease", job_id=job_id, poison=status is JobStatus.FAILED
            )
        self._found(outputs)
        for job_id in stopped:
            entry = self._inflight.get(job_id)
            if entry and entry.token == held[job_id] and entry.holds_slot:
                entry.stop("the table moved on")
        self._send(SlotFreed())
        self._send(Swept())
        self._observe(Seen.SWEPT, lost=len(lost), outputs=len(outputs), stopped=len(stopped))

    def _found(self, outputs: list[JobId]) -> None:
        for job_id in dict.fromkeys(outputs):
            self._observe.metrics.discovered.labels("sweep").inc()
            self._observe(Seen.DISCOVERED, via="sweep", job_id=job_id)
            self._send(OutputReady(job_id))
