"""The lookout: sees what needs a person, whether or not an event has told of it.

Each reactor reports what only it can see: its disk, its ears, its renderer. What only the database knows is
judged there, by one reactor at a time. All of it goes through `reactor.alerts`, which keeps it to one alert.
"""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Protocol

import anyio
import psycopg

from reactor import alerts
from reactor.db.alerts import check_farm
from reactor.db.pool import TRANSIENT
from reactor.observe import Seen
from reactor.storage.local import free_bytes

if TYPE_CHECKING:
    from uuid import UUID

    from anyio.abc import TaskStatus
    from psycopg import AsyncConnection

    from reactor.db.pool import Database
    from reactor.loops.listener import Listener
    from reactor.loops.supervisor import Supervisor
    from reactor.observe import Observer
    from reactor.settings import Settings

LOOK_S = 30.0
DEAF_S = 20.0
"""Ears that were lost come back within seconds; only then is it worth a person's time."""
DISK_S = 5.0
MEGABYTE = 2**20
ENOUGH = 1.1
"""So much of the least free disk must be free until it is well again: at the limit it goes to and fro."""
DOUBT_S = 60.0
"""Somebody who has seen the renderer down within this time knows it better than a regular look."""


class Surroundings(Protocol):
    """What there is to see in a reactor."""

    @property
    def reactor_id(self) -> UUID: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...
    @property
    def observe(self) -> Observer: ...
    @property
    def listener(self) -> Listener: ...
    @property
    def supervisor(self) -> Supervisor: ...


class Lookout:
    """One per reactor; several see the same trouble, and there is one alert."""

    def __init__(
        self,
        around: Surroundings,
        *,
        look_s: float = LOOK_S,
        deaf_s: float = DEAF_S,
        doubt_s: float = DOUBT_S,
    ) -> None:
        self._around = around
        self._settings = around.settings
        self._look_s = look_s
        self._deaf_s = deaf_s
        self._doubt_s = doubt_s
        self._watching_since: float | None = None
        self._deaf_since: float | None = None
        self._measuring = False

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Look until cancelled."""
        task_status.started()
        while True:
            try:
                await self.look()
            # Also what the database does not understand: whoever only looks must not end the reactor.
            except (*TRANSIENT, psycopg.Error) as wrong:
                self._around.observe(Seen.SWEEP_FAILED, what="alerts", error=type(wrong).__name__)
            await anyio.sleep(self._look_s * random.uniform(0.8, 1.0))

    async def look(self) -> None:
        """Look once at everything; the time in which the database is away does not count."""
        now = anyio.current_time()
        free = await self._free_bytes()
        try:
            async with self._around.database.connection() as conn:
                await self._look_at_disk(conn, free)
                await self._look_at_ears(conn, now)
                await self._look_at_renderer(conn)
                await self._look_at_farm(conn, now)
        except TRANSIENT:
            self._watching_since = self._deaf_since = None
            raise

    async def _free_bytes(self) -> int | None:
        """What is free where videos are written; None when the disk does not say."""
        # A disk that hangs takes one thread with it, and not one more at every look.
        if self._measuring:
            return None
        self._measuring = True
        with anyio.move_on_after(DISK_S):
            try:
                return await anyio.to_thread.run_sync(self._measure, abandon_on_cancel=True)
            except OSError as wrong:
                self._around.observe(Seen.SWEEP_FAILED, what="disk", error=type(wrong).__name__)
        return None

    def _measure(self) -> int:
        try:
            return free_bytes(self._settings.renders_dir)
        finally:
            self._measuring = False

    async def _look_at_disk(self, conn: AsyncConnection, free: int | None) -> None:
        least = self._settings.min_free_mb * MEGABYTE
        if free is None or least <= free < least * ENOUGH:
            return
        directory = self._settings.data
        said = (
            f"{free // MEGABYTE} MB are free in {directory} on {socket.gethostname()};"
            f" below REACTOR_MIN_FREE_MB ({self._settings.min_free_mb}) nothing is claimed"
        )
        subject = f"{directory} on {socket.gethostname()}"
        await self._report(conn, "disk_low", subject, trouble=free < least, message=said)

    async def _look_at_ears(self, conn: AsyncConnection, now: float) -> None:
        """Deaf while the database answers: only the sweep finds work, and later than it should."""
        subject, listener = str(self._around.reactor_id), self._around.listener
        if listener.healthy:
            self._deaf_since = None
            await self._report(conn, "listener_deaf", subject, trouble=False)
            return
        self._deaf_since = now if self._deaf_since is None else self._deaf_since
        if now - self._deaf_since >= self._deaf_s:
            said = (
                f"the reactor {self._settings.name} on {socket.gethostname()} hears no notifications"
                " and only polls; behind a transaction pooler set REACTOR_LISTEN_URL"
            )
            await self._report(conn, "listener_deaf", subject, trouble=True, message=said)

    async def _look_at_renderer(self, conn: AsyncConnection) -> None:
        supervisor = self._around.supervisor
        up = supervisor.server.health is not None
        if not up and not supervisor.reason:
            return  # nobody has looked yet
        age_s = anyio.current_time() - supervisor.looked_at if supervisor.looked_at else 0.0
        await alerts.report_renderer(
            conn,
            self._around.observe,
            self._settings,
            reason=None if up else supervisor.reason,
            wanted=supervisor.wanted,
            known_for_s=age_s,
            doubt_s=self._doubt_s,
        )

    async def _look_at_farm(self, conn: AsyncConnection, now: float) -> None:
        if self._watching_since is None:
            self._watching_since = now
        settings = self._settings
        changed = await check_farm(
            conn,
            expects_work=bool(settings.fill_target or settings.target_per_day),
            watched_for_s=now - self._watching_since,
        )
        alerts.note(self._around.observe, changed)

    async def _report(
        self, conn: AsyncConnection, kind: str, subject: str, *, trouble: bool, message: str = ""
    ) -> None:
        await alerts.report(
            conn, self._around.observe, kind, subject, trouble=trouble, message=message
        )
