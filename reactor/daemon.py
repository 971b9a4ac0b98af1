"""The composition root: opens what there is, starts the loops in order, and stops them in order.

Stopping has three phases: claim nothing more; let renders finish for `grace_s`; stop the rest and give
their leases back, uncharged. Leases are renewed all the while. A second signal skips the waiting.
"""

from __future__ import annotations

import gc
import os
import signal
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

import reactor
from reactor import content_agent, httpserver, volume
from reactor.api.app import create_app
from reactor.context import Context, Gate
from reactor.db.dsn import open_dsn
from reactor.db.migrate import bring_up_to_date
from reactor.db.pool import open_database
from reactor.directories import clear_old_files, prepare_directories
from reactor.downloads import Downloads
from reactor.draining import drain
from reactor.egress import open_egress
from reactor.events import SlotFreed
from reactor.loops.alarm import Alarm
from reactor.loops.deliver import Deliver
from reactor.loops.housekeeping import Housekeeping
from reactor.loops.inflight import Inflight
from reactor.loops.listener import Listener
from reactor.loops.lookout import Lookout
from reactor.loops.revival import Revival
from reactor.loops.supervisor import Supervisor
from reactor.loops.sweep import Sweep
from reactor.loops.watchdog import Watchdog
from reactor.loops.watcher import Watcher
from reactor.observe import Observer, Seen, open_log
from reactor.registration import register, retire
from reactor.renderers.catalog import build
from reactor.renderers.server import RenderServer
from reactor.router import Router
from reactor.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from uuid import UUID

    from anyio.abc import TaskGroup

    from reactor.db.pool import Database
    from reactor.events import Event
    from reactor.renderers.base import Renderer
    from reactor.settings import Settings

STREAM_SIZE = 10_000
SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Parts:
    """Everything that runs, wired together."""

    context: Context
    watcher: Watcher
    sweep: Sweep
    alarm: Alarm
    router: Router


async def run(settings: Settings, *, observe: Observer | None = None) -> int:
    """Run until a signal; the answer is the exit code: 0, or 128 + signal after a second one."""
    stop = anyio.Event()
    async with anyio.create_task_group() as tg:
        hurry = anyio.Event()
        code = [0]
        tg.start_soon(watch_signals, stop, hurry, code)
        watchdog = Watchdog(os.environ, os.getpid())
        async with running(settings, observe=observe) as context:
            settle_memory()
            await tg.start(watchdog.run, context.in_one_line)
            await stop.wait()
            watchdog.stopping()
            await drain(context, hurry)
        tg.cancel_scope.cancel()
    return code[0]


def settle_memory() -> None:
    """Keep the garbage collector from walking what was made at the start: that would hold everybody up."""
    gc.collect()
    gc.freeze()


async def watch_signals(stop: anyio.Event, hurry: anyio.Event, code: list[int]) -> None:
    """The first signal asks for a drain, the second for an end."""
    with anyio.open_signal_receiver(*SIGNALS) as signals:
        async for number in signals:
            if stop.is_set():
                code[0] = 128 + number
                hurry.set()
            stop.set()


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    observe: Observer | None = None,
    renderers: Mapping[str, Renderer] | None = None,
    api: bool = True,
) -> AsyncIterator[Context]:
    """A whole reactor, running inside the block, for the daemon, the demo, tests and benchmarks.

    `renderers` are added to those of the catalog, by name.
    """
    observe = observe or Observer(open_log(settings.log))
    reactor_id = uuid4()
    async with AsyncExitStack() as stack:
        # Bind first: a taken port must not be found out after work was claimed.
        sock = httpserver.bind(*settings.http_address, setting="REACTOR_HTTP") if api else None
        if sock:
            stack.callback(sock.close)
        prepare_directories(settings)
        dsn = await stack.enter_async_context(open_dsn(settings))
        listen_url = settings.listen_url
        direct = listen_url.get_secret_value() if listen_url else None
        await bring_up_to_date(direct or dsn, settings)
        database = await stack.enter_async_context(
            open_database(dsn, direct=direct, name=f"reactor {reactor_id}")
        )
        await content_agent.keep(database, settings)
        async with database.connection() as conn:
            await volume.configure(conn, settings)
        parts = await stack.enter_async_context(
            wired(settings, database, observe, reactor_id, renderers or {})
        )
        tg = await stack.enter_async_context(anyio.create_task_group())
        await start(parts, tg)
        if sock:
            await tg.start(httpserver.serve, create_app(parts.context), sock)
            observe(Seen.SERVING, url=f"http://{settings.http}")
        observe(Seen.REACTOR_STARTED, reactor_id=str(reactor_id), version=reactor.__version__)
        try:
            yield parts.context
        finally:
            await retire(parts.context)
            tg.cancel_scope.cancel()
    observe(Seen.REACTOR_STOPPED)


@asynccontextmanager
async def wired(
    settings: Settings,
    database: Database,
    observe: Observer,
    reactor_id: UUID,
    renderers: Mapping[str, Renderer],
) -> AsyncIterator[Parts]:
    """Put the parts together; they know one another only by what they are handed here."""
    outlet, inlet = anyio.create_memory_object_stream["Event"](STREAM_SIZE)
    inflight = Inflight(settings, database, observe)

    def send(event: Event) -> None:
        try:
            outlet.send_nowait(event)
        except anyio.WouldBlock:
            observe(Seen.STREAM_FULL, dropped=type(event).__name__)
            sweep.nudge()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the reactor is stopping; the table remembers

    sweep = Sweep(
        settings,
        database,
        observe,
        reactor_id=reactor_id,
        inflight=inflight,
        send=send,
        hearing=lambda: listener.healthy,
    )
    alarm = Alarm(lambda: send(SlotFreed()))
    async with aclosing(RenderServer(settings)) as server, open_egress(settings) as egress:
        supervisor = Supervisor(settings, database, observe, send, server)
        watcher = Watcher(settings, database, observe, send)
        deliver = Deliver(settings, database, observe, egress)

        def reread() -> None:
            sweep.nudge()
            watcher.nudge()
            deliver.nudge()

        listener = Listener(
            settings,
            database,
            observe,
            reactor_id=reactor_id,
            send=send,
            reread=reread,
            agent_ids=lambda: (reactor_id, supervisor.agent_id),
        )
        context = Context(
            reactor_id=reactor_id,
            settings=settings,
            database=database,
            observe=observe,
            inflight=inflight,
            renderers={**build(settings, server), **renderers},
            supervisor=supervisor,
            deliver=deliver,
            downloads=Downloads(settings, egress),
            listener=listener,
            send=send,
            wake_in=alarm.set,
            reread=reread,
            gate=Gate(),
        )
        with outlet, inlet:
            yield Parts(context, watcher, sweep, alarm, Router(ROUTES, context, inlet))


async def start(parts: Parts, tg: TaskGroup) -> None:
    """Start what handles events before what makes them."""
    context = parts.context
    await register(context)
    await tg.start(parts.router.run)
    await tg.start(context.inflight.run)
    await tg.start(parts.alarm.run)
    await tg.start(parts.sweep.run)
    await tg.start(context.supervisor.run)
    await tg.start(context.deliver.run)
    await tg.start(parts.watcher.run)
    await tg.start(context.listener.run)
    await tg.start(Revival(context.settings, lambda: context.listener.healthy).run)
    await tg.start(Lookout(context).run)
    clear_files = partial(clear_old_files, context.settings)
    await tg.start(
        Housekeeping(context.settings, context.database, context.observe, clear_files).run
    )
