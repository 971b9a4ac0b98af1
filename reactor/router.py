"""Takes events from the stream and runs their handlers, each in a lane of its own.

A lane either runs events side by side up to a limit, or gathers what came while it was busy and runs
once more for all of it. A handler that raises is observed with its traceback; the table still knows
what is to be done, and the sweep brings it back.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio

from reactor.db.pool import TRANSIENT
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from anyio.abc import TaskStatus
    from anyio.streams.memory import MemoryObjectReceiveStream

    from reactor.context import Context
    from reactor.events import Event


@dataclass(frozen=True)
class Each:
    """Run the handler for every event, at most `limit` side by side."""

    handler: Callable[[Any, Context], Awaitable[None]]
    limit: int = 8


@dataclass(frozen=True)
class Gathered:
    """Run the handler once for all events that have come since it last began; never twice at once."""

    handler: Callable[[Sequence[Any], Context], Awaitable[None]]


Lane = Each | Gathered


class Router:
    """Runs until its stream is closed or it is cancelled."""

    def __init__(
        self,
        routes: Mapping[type[Event], tuple[Lane, ...]],
        context: Context,
        events: MemoryObjectReceiveStream[Event],
    ) -> None:
        self._routes = routes
        self._context = context
        self._events = events
        lanes = {lane for row in routes.values() for lane in row}
        self._limits = {
            lane: anyio.CapacityLimiter(lane.limit) for lane in lanes if isinstance(lane, Each)
        }
        self._waiting: dict[Gathered, list[Event]] = {
            lane: [] for lane in lanes if isinstance(lane, Gathered)
        }
        self._arrived = {lane: anyio.Event() for lane in self._waiting}

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Take events and run handlers."""
        async with anyio.create_task_group() as tg:
            for gathered in self._waiting:
                tg.start_soon(self._run_gathered, gathered)
            task_status.started()
            async with self._events:
                async for event in self._events:
                    for lane in self._routes[type(event)]:
                        if isinstance(lane, Gathered):
                            self._waiting[lane].append(event)
                            self._arrived[lane].set()
                        else:
                            tg.start_soon(self._run_one, lane, event)
            tg.cancel_scope.cancel()

    async def _run_one(self, lane: Each, event: Event) -> None:
        async with self._limits[lane]:
            await self._guard(lane.handler, event)

    async def _run_gathered(self, lane: Gathered) -> None:
        while True:
            await self._arrived[lane].wait()
            self._arrived[lane] = anyio.Event()
            events, self._waiting[lane] = self._waiting[lane], []
            await self._guard(lane.handler, events)

    async def _guard(self, handler: Callable[[Any, Context], Awaitable[None]], what: Any) -> None:
        observe = self._context.observe
        try:
            await handler(what, self._context)
        except TRANSIENT as wrong:
            observe(Seen.SWEEP_FAILED, handler=handler.__name__, error=type(wrong).__name__)
        except Exception as wrong:  # noqa: BLE001 - one bad event must not end the reactor
            observe(
                Seen.HANDLER_FAILED,
                handler=handler.__name__,
                error=repr(wrong),
                traceback=traceback.format_exc(),
            )
