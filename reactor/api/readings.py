"""What the pages know of the database: one reading at a time, shared by whoever asks, always in time.

Readings use a connection of their own, opened for each: pages left open must not take connections from
the farm's pool, and unlike work in the pool a reading may be abandoned when the database hangs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from reactor.db.agents import list_agents
from reactor.db.alerts import count_open_alerts, list_open_alerts
from reactor.db.commands import is_paused
from reactor.db.jobs import find_recent_jobs, get_job_stats, get_jobs
from reactor.db.orphans import list_orphans
from reactor.db.outbox import find_oldest_pending
from reactor.db.pool import TRANSIENT, connect, unavailable
from reactor.db.volume import get_volume
from reactor.errors import DatabaseUnavailable
from reactor.volume import DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from reactor.db.pool import Database

LIMIT_S = 4.0
FRESH_S = 0.5
OLDEST_S = 5.0
EFFORT = 0.05
"""The part of the time that may go into readings: costly ones are kept for longer."""
MOST = 24
"""Jobs of each kind, alerts and orphans."""


@dataclass(frozen=True)
class Reading:
    """The database's side of the status, at one moment."""

    stats: Mapping[str, Any]
    paused: bool
    agents: Sequence[Mapping[str, Any]]
    alerts: Sequence[Mapping[str, Any]]
    orphans: Sequence[Mapping[str, Any]]
    jobs: Sequence[Mapping[str, Any]]
    """In work by start, then ended and waiting ones, each in the order they matter."""
    volume: Mapping[str, Any]
    """How today stands, and the days before it."""
    oldest_message_s: float | None
    """How long the longest-waiting message to a webhook has waited."""
    open_alerts: Mapping[str, int]
    """How many there are, by kind."""


class Readings:
    """The latest reading, or the latest failure to get one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = anyio.Lock()
        self._latest: Reading | DatabaseUnavailable | None = None
        self._fresh_until = 0.0

    async def latest(self) -> Reading:
        """A reading at most OLDEST_S old; DatabaseUnavailable within LIMIT_S when there is none."""
        async with self._lock:
            if self._latest is None or time.monotonic() >= self._fresh_until:
                began = time.monotonic()
                self._latest = await self._try()
                took_s = time.monotonic() - began
                self._fresh_until = began + took_s + min(max(took_s / EFFORT, FRESH_S), OLDEST_S)
        if isinstance(self._latest, DatabaseUnavailable):
            # A new one each time: raising the same object would pile up tracebacks on it.
            raise DatabaseUnavailable(str(self._latest))
        return self._latest

    async def _try(self) -> Reading | DatabaseUnavailable:
        try:
            with anyio.fail_after(LIMIT_S):
                async with await connect(self._database.dsn, name="reactor pages") as conn:
                    return await read(conn)
        except TimeoutError:
            return DatabaseUnavailable(f"the database did not answer within {LIMIT_S:.0f} s")
        except (*TRANSIENT, UnicodeError) as wrong:
            return unavailable(self._database.dsn, wrong)


async def read(conn: AsyncConnection) -> Reading:
    """Ask everything the pages show."""
    ids = await find_recent_jobs(conn, most=MOST)
    rank = {job_id: place for place, job_id in enumerate(ids)}
    rows = await get_jobs(conn, ids)
    return Reading(
        stats=await get_job_stats(conn),
        paused=await is_paused(conn),
        agents=await list_agents(conn),
        alerts=await list_open_alerts(conn, most=MOST),
        orphans=await list_orphans(conn, most=MOST),
        jobs=sorted(rows, key=lambda row: rank[row["id"]]),
        volume=await get_volume(conn, days=DAYS),
        oldest_message_s=await find_oldest_pending(conn),
        open_alerts=await count_open_alerts(conn),
    )
