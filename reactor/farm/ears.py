"""A connection that LISTENs and looks, made anew when it is lost.

LISTEN comes first and the look after it, on every connect. What is heard only says when to look again;
behind a transaction pooler nothing is heard, so whoever waits looks now and then all the same.
"""

from __future__ import annotations

import random
from contextlib import aclosing
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

import psycopg
from psycopg import sql

from reactor.errors import Unreadable
from reactor.events import EVENTS, Announced, parse
from reactor.farm.connections import connect
from reactor.farm.primitives import sleep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from threading import Semaphore
    from types import TracebackType

    from psycopg import AsyncConnection, Notify
    from psycopg_pool import AsyncConnectionPool

LOOK_S = 2.0
"""How long, about, between two looks when nothing is heard."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
T = TypeVar("T")


class Ears:
    """Looks over one connection that LISTENs; when too many do already, only looks, over the pool.

    `deadline` is a time of `time.monotonic()`; TimeoutError when the database is away beyond it.
    """

    def __init__(
        self,
        dsn: str,
        pool: AsyncConnectionPool[AsyncConnection],
        places: Semaphore,
        *,
        deadline: float = float("inf"),
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self._places = places
        self._deadline = deadline
        self._listens = False
        self._own: AsyncConnection | None = None

    async def __aenter__(self) -> Ears:
        self._listens = self._places.acquire(blocking=False)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._listens:
            self._places.release()
        await self._hang_up()

    async def look(self, ask: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Ask the database, again and again while it is away."""
        pauses = backoff()
        while True:
            try:
                if self._listens:
                    return await ask(await self._listening())
                async with self._pool.connection() as conn:
                    return await ask(conn)
            except psycopg.OperationalError:
                await self._hang_up()
                if monotonic() >= self._deadline:
                    raise TimeoutError("the database could not be reached in time") from None
            await sleep(min(next(pauses), max(0.0, self._deadline - monotonic())))

    async def hear(self, timeout_s: float, matters: Callable[[Announced], bool]) -> bool:
        """Wait for an announcement that matters; False when none came in time."""
        if self._own is None:
            await sleep(timeout_s)
            return False
        try:
            async with aclosing(self._own.notifies(timeout=timeout_s)) as notes:
                async for note in notes:
                    said = understood(note)
                    if said is not None and matters(said):
                        return True
        except psycopg.OperationalError:
            # Whatever was said meanwhile is found by the next look, over a new connection.
            await self._hang_up()
        return False

    async def _listening(self) -> AsyncConnection:
        if self._own is None:
            self._own = await connect(self._dsn)
            await self._own.execute(sql.SQL("LISTEN {}").format(sql.Identifier(EVENTS)))
        return self._own

    async def _hang_up(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            await own.close()


def understood(note: Notify) -> Announced | None:
    """What was announced; None for a stranger's words, which anybody may send."""
    try:
        said = parse(note.channel, note.payload, note.pid)
    except Unreadable:
        return None
    return said if isinstance(said, Announced) else None


def backoff() -> Iterator[float]:
    """Pauses that double up to a cap, with jitter so that clients do not come back in step."""
    pause = FIRST_PAUSE_S
    while True:
        yield random.uniform(pause / 2, pause)
        pause = min(LONGEST_PAUSE_S, pause * 2)
