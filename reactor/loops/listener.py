"""The ears: one connection that does nothing but LISTEN, and the heartbeat that proves it hears.

LISTEN comes first and the table is read after it, on every connect: an overlap, never a gap. A
connection can look alive and be deaf (half-open TCP, a transaction pooler), so each heartbeat sends a
word from another connection; when it does not come back, the ears are torn down and grown anew.
"""

from __future__ import annotations

import random
from contextlib import aclosing
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
import psycopg
from psycopg import sql

from reactor.db import agents
from reactor.db.pool import TRANSIENT, connect
from reactor.errors import DatabaseUnavailable, Unreadable
from reactor.events import CONTROL, EVENTS, parse
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from anyio.abc import TaskStatus
    from psycopg import AsyncConnection, Notify

    from reactor.db.pool import Database
    from reactor.events import Event
    from reactor.observe import Observer
    from reactor.settings import Settings

ANSWER_S = 5.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0


class Listener:
    """Hears `reactor_events` and `reactor_control`, and hands on what it understands."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        observe: Observer,
        *,
        reactor_id: UUID,
        send: Callable[[Event], None],
        reread: Callable[[], None],
        agent_ids: Callable[[], Sequence[UUID]],
    ) -> None:
        self.healthy = False
        self._settings = settings
        self._database = database
        self._observe = observe
        self._send = send
        self._reread = reread
        self._agent_ids = agent_ids
        self._name = f"reactor listener {reactor_id}"
        self._probe_channel = f"reactor_probe_{reactor_id.hex}"
        self._nonce = ""
        self._answered = anyio.Event()
        self._proven_at: float | None = None
        self._ears = anyio.CancelScope()
        self._listening = False
        self._listens_again = anyio.Event()

    @property
    def mode(self) -> str:
        """`listen`, or `poll` while only the sweep finds work."""
        return "listen" if self.healthy else "poll"

    @property
    def last_heard_s(self) -> float | None:
        """Seconds since the ears were last proven."""
        return None if self._proven_at is None else anyio.current_time() - self._proven_at

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Listen and beat until cancelled; started once the first LISTEN stands, or has failed."""
        async with anyio.create_task_group() as tg:
            tg.start_soon(self._beat_forever)
            await self._listen_forever(task_status)

    async def beat(self) -> bool:
        """Tell the registry we live, and learn whether we hear; False when the answer did not come."""
        self._nonce, self._answered = uuid4().hex, anyio.Event()
        async with self._database.connection() as conn:
            await agents.beat_agents(
                conn, self._agent_ids(), channel=self._probe_channel, nonce=self._nonce
            )
        with anyio.move_on_after(ANSWER_S if self._listening else 0):
            await self._answered.wait()
        self._set_healthy(self._answered.is_set())
        return self.healthy

    async def _listen_forever(self, task_status: TaskStatus[None]) -> None:
        pauses = backoff()
        while True:
            why = "deaf"
            with anyio.CancelScope() as self._ears:
                try:
                    async with await self._connect() as conn:
                        for channel in (EVENTS, CONTROL, self._probe_channel):
                            await conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                        self._listening = True
                        self._listens_again.set()
                        self._observe(Seen.LISTENING)
                        self._reread()
                        task_status.started()
                        task_status = anyio.TASK_STATUS_IGNORED
                        pauses = backoff()  # forgiven only after success
                        await self._hear(conn)
                except (psycopg.Error, UnicodeError, TimeoutError, DatabaseUnavailable) as lost:
                    why = type(lost).__name__
            self._listening = False
            self._set_healthy(heard=False)
            task_status.started()
            task_status = anyio.TASK_STATUS_IGNORED
            pause = next(pauses)
            self._observe(Seen.LISTEN_LOST, reason=why, retry_in_s=round(pause, 2))
            await anyio.sleep(pause)

    async def _connect(self) -> AsyncConnection:
        with anyio.fail_after(ANSWER_S * 3, shield=True):
            return await connect(self._database.dsn, name=self._name)

    async def _hear(self, conn: AsyncConnection) -> None:
        async with aclosing(conn.notifies()) as notes:
            async for note in notes:
                self._take(note)

    def _take(self, note: Notify) -> None:
        if note.channel == self._probe_channel:
            if note.payload == self._nonce:
                self._answered.set()
            return
        try:
            event = parse(note.channel, note.payload, note.pid)
        except Unreadable as wrong:
            self._observe.metrics.rejected.labels(str(wrong)).inc()
            self._observe(Seen.NOTICE_DROPPED, reason=str(wrong), bytes=len(note.payload))
        else:
            self._send(event)

    async def _beat_forever(self) -> None:
        while True:
            listening, ears = self._listening, self._ears
            self._listens_again = anyio.Event()
            try:
                heard = await self.beat()
            except TRANSIENT as wrong:
                self._set_healthy(heard=False)
                self._observe(Seen.LEASE_RENEWAL_FAILED, error=type(wrong).__name__)
            else:
                # Ears that have grown anew meanwhile could not have heard this word.
                if listening and not heard and ears is self._ears:
                    self._observe(Seen.LISTEN_DEAF)
                    ears.cancel()
            with anyio.move_on_after(self._settings.heartbeat_s * random.uniform(0.9, 1.0)):
                await self._listens_again.wait()

    def _set_healthy(self, heard: bool) -> None:  # noqa: FBT001 - a property's setter in all but name
        self.healthy = heard
        self._observe.metrics.listener_up.set(heard)
        if heard:
            self._proven_at = anyio.current_time()


def backoff() -> Iterator[float]:
    """Pauses that double up to a cap, with full jitter so that a farm does not come back in step."""
    pause = FIRST_PAUSE_S
    while True:
        yield random.uniform(pause / 2, pause)
        pause = min(LONGEST_PAUSE_S, pause * 2)
