"""Forgets what has had its time: events, ended messages, brought-in material, stale attempts, progress."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import anyio

from reactor.db.alerts import prune_alerts
from reactor.db.attempts import clear_progress
from reactor.db.events import prune_events
from reactor.db.filler import flush_stale_jobs
from reactor.db.outbox import prune_messages
from reactor.db.pool import TRANSIENT
from reactor.db.volume import recount
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskStatus

    from reactor.db.pool import Database
    from reactor.observe import Observer
    from reactor.settings import Settings

EVERY_S = 3600.0
STALE_HOURS = 24.0


class Housekeeping:
    """One per reactor; two at once do no harm. `clear_files` blocks and answers how many went."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        observe: Observer,
        clear_files: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._database = database
        self._observe = observe
        self._clear_files = clear_files

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Tidy up every hour until cancelled."""
        task_status.started()
        while True:
            await anyio.sleep(EVERY_S * random.uniform(0.8, 1.0))
            try:
                await self.tidy()
            except (*TRANSIENT, OSError) as wrong:
                self._observe(Seen.SWEEP_FAILED, error=type(wrong).__name__)

    async def tidy(self) -> None:
        """Once through everything, some rows at a time."""
        files = await anyio.to_thread.run_sync(self._clear_files)
        events, messages = await self._prune(prune_events), await self._prune(prune_messages)
        await self._prune(prune_alerts)
        await self._flush_stale()
        async with self._database.connection() as conn:
            await recount(conn)
            await clear_progress(conn)
        self._observe(Seen.TIDIED, events=events, messages=messages, files=files)

    async def _flush_stale(self) -> None:
        async with self._database.connection() as conn:
            flushed = await flush_stale_jobs(
                conn,
                STALE_HOURS,
                longest_render_s=self._settings.render_timeout_s,
                given_by=None,
            )
        if flushed.ids:
            self._observe(Seen.STALE_FLUSHED, count=len(flushed.ids), hours=STALE_HOURS)

    async def _prune(self, prune: Callable[..., Awaitable[int]]) -> int:
        """Call it until nothing is left to forget; how many rows that were."""
        rows = 0
        while True:
            async with self._database.connection() as conn:
                gone = await prune(conn, keep_days=self._settings.events_keep_days)
            if not gone:
                return rows
            rows += gone
