"""Keeps a render server running: looks after it, starts it, replaces it when it is down or hangs.

Works with whoever answers properly at the address, also when another reactor started it, and never
touches a process that is not its own. A renderer on another machine is only watched.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import anyio

from reactor.observe import Seen
from reactor.renderers.process import command_line, last_words, log_path, open_renderer, rotate
from reactor.renderers.server import NoAnswer
from reactor.renderers.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from anyio import CancelScope
    from anyio.abc import TaskStatus

    from reactor.db.pool import Database
    from reactor.events import Event
    from reactor.observe import Observer
    from reactor.renderers.answers import Health
    from reactor.renderers.process import RendererProcess
    from reactor.renderers.server import RenderServer
    from reactor.settings import Settings

RESTART_DELAY_S = 5.0
HEALTH_TIMEOUT_S = 5.0
LOOKS = 2
"""So often a health check must run out of time before the renderer counts as hanging."""
START_S = 120.0
"""How long a renderer may take until it answers; Remotion bundles its project first."""
FIRST_POLL_S, LONGEST_POLL_S = 0.02, 0.25
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 60.0
STEADY_S = 60.0
"""After so much health earlier failures are forgotten."""
NUDGE_SPACING_S = 0.5
STOP_GRACE_S = 2.5
END_S = 5.0


class Supervisor:
    """One renderer's keeper."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        observe: Observer,
        send: Callable[[Event], None],
        server: RenderServer,
        *,
        restart_delay_s: float = RESTART_DELAY_S,
        health_timeout_s: float = HEALTH_TIMEOUT_S,
    ) -> None:
        self._settings = settings
        self._observe = observe
        self.server = server
        self._restart_delay_s = restart_delay_s
        self._health_timeout_s = health_timeout_s
        self._argv = command_line(settings)
        self.wanted = self._argv is not None
        self._process: RendererProcess | None = None
        self._lock = anyio.Lock()
        self._failures = 0
        self.looked_at = 0.0
        self._nudged = anyio.Event()
        self._asked = anyio.Event()
        self._standing = Standing(server, database, observe, send)
        server.on_trouble = self.nudge

    @property
    def agent_id(self) -> UUID:
        """Who the renderer is in `actp_agent_registry`."""
        return self._standing.agent_id

    @property
    def pid(self) -> int | None:
        """The renderer's process, as far as it is known."""
        if self._process and self._process.exit_code is None:
            return self._process.pid
        return self.server.health.pid if self.server.health else None

    @property
    def reason(self) -> str:
        """Why the renderer is down; empty while it is up."""
        return self._standing.reason

    def nudge(self) -> None:
        """Look at once: a request to the renderer has failed."""
        self._nudged.set()

    async def is_running(self) -> bool:
        """Whether the render server answers and is well."""
        try:
            await self.server.fetch_health(within_s=self._health_timeout_s)
        except NoAnswer:
            return False
        return True

    async def start(self) -> bool:
        """See to it that the renderer runs, from now on; whether it does."""
        self.wanted, self._failures = self._argv is not None, 0
        # The first look may only clear away what hangs or has ended.
        for _ in range(2):
            async with self._lock:
                await self._look()
            if self._standing.up:
                break
        self._asked.set()
        return bool(self._standing.up)

    async def stop(self) -> None:
        """End our renderer and leave it ended: politely, then by force. Others' is let alone."""
        self.wanted = False
        async with self._lock:
            if await self._end():
                self._standing.note_down("it was stopped on request")
        self._asked.set()

    async def restart(self) -> bool:
        """Stop, let go of everything for a moment, start; whether it runs."""
        await self.stop()
        try:
            await anyio.sleep(self._restart_delay_s)
        finally:
            # Whoever asked may be gone by now; the renderer is wanted all the same.
            self.wanted = self._argv is not None
            self._asked.set()
        return await self.start()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Look after the renderer until cancelled; then end it."""
        try:
            async with anyio.create_task_group() as tg:
                tg.start_soon(self._standing.keep_registered)
                task_status.started()
                while True:
                    async with self._lock:
                        pause_s = await self._look()
                    await self._rest(pause_s)
        finally:
            self.wanted, self.server.health = False, None
            with anyio.move_on_after(END_S, shield=True):
                async with self._lock:
                    await self._end()
            await self._standing.retire()

    async def _look(self) -> float:
        """Look once and do what is needed; how long it can rest then."""
        self._nudged = anyio.Event()
        reason = await self._probe()
        if reason is None:
            await self._tidy()
            return self._settings.supervise_s * random.uniform(0.9, 1.1)
        if process := self._take():
            self._standing.note_down(ended(process, self._settings) or f"it hangs: {reason}")
            await process.kill()
            return self._backoff()
        if self._standing.up or not self._argv:
            self._standing.note_down(str(reason))
        if not self.wanted:
            again_s = self._settings.supervise_s
            return again_s if self._argv else min(again_s, self._backoff())
        if await self._port_is_taken():
            self._standing.note_down(
                f"{self.server.url} is taken by something that does not answer as a render server;"
                " stop it, or set REACTOR_RENDERER_URL to another port"
            )
        elif await self._launch():
            return self._settings.supervise_s
        return self._backoff()

    async def _probe(self) -> NoAnswer | None:
        """Note that the renderer is up, or answer why it is not; running out of time counts twice."""
        for look in range(LOOKS):
            try:
                self._note_up(await self.server.fetch_health(within_s=self._health_timeout_s))
            except NoAnswer as wrong:
                if not wrong.reached or look == LOOKS - 1:
                    return wrong
            else:
                return None
        raise AssertionError("unreachable")

    async def _tidy(self) -> None:
        """While all is well: forget our process if another's renderer answers, keep the log short."""
        if self._process and self._process.exit_code is not None and (gone := self._take()):
            await gone.kill()
        await anyio.to_thread.run_sync(rotate, log_path(self._settings))

    async def _port_is_taken(self) -> bool:
        """Whether somebody listens at the renderer's address."""
        with anyio.move_on_after(1):
            try:
                await (await anyio.connect_tcp(*self._settings.renderer_address)).aclose()
            except OSError:
                return False
        return True

    async def _launch(self) -> bool:
        """Start our renderer and wait for its first answer."""
        try:
            process = await open_renderer(self._argv or [], self._settings, grace_s=STOP_GRACE_S)
        except OSError as wrong:
            self._standing.note_down(f"it cannot be started: {wrong}")
            return False
        self._process = process
        self._observe(Seen.RENDERER_STARTED, pid=process.pid, url=self.server.url)
        reason = f"it did not answer within {START_S:g} s of its start"
        with anyio.move_on_after(START_S):
            reason = await self._first_answer(process)
        if not reason:
            return True
        self._standing.note_down(reason)
        self._process = None
        await process.kill()
        return False

    async def _first_answer(self, process: RendererProcess) -> str:
        """Ask until it answers; else, why it never will."""
        pause_s = FIRST_POLL_S
        while self.wanted:
            # Looked up before asking: another's renderer may answer while ours gives up the port.
            why_ended = ended(process, self._settings)
            try:
                self._note_up(await self.server.fetch_health(within_s=self._health_timeout_s))
            except NoAnswer:
                if why_ended:
                    return why_ended
            else:
                return ""
            await anyio.sleep(pause_s)
            pause_s = min(LONGEST_POLL_S, pause_s * 1.1)
        return "it was stopped on request"

    async def _end(self) -> bool:
        """End our renderer, if there is one, and be sure of it whoever loses patience."""
        process = self._take()
        if process:
            with anyio.CancelScope(shield=True):
                await process.stop(STOP_GRACE_S)
            self._observe(Seen.RENDERER_STOPPED, pid=process.pid)
        return process is not None

    def _take(self) -> RendererProcess | None:
        process, self._process = self._process, None
        return process

    def _backoff(self) -> float:
        """How long to wait before the next try; longer each time."""
        pause_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(self._failures, 20))
        self._failures += 1
        return random.uniform(pause_s / 2, pause_s)

    def _note_up(self, health: Health) -> None:
        ours = self._process is not None and self._process.exit_code is None
        self._standing.note_up(health, self._process.pid if self._process and ours else health.pid)
        if anyio.current_time() - self._standing.since > STEADY_S:
            self._failures = 0

    async def _rest(self, pause_s: float) -> None:
        """Wait for the next look, the end of our process, a nudge, or somebody who asks."""
        self.looked_at = anyio.current_time()
        async with anyio.create_task_group() as tg:
            tg.start_soon(end_after, tg.cancel_scope, self._asked.wait)
            if self._standing.up is not False:
                tg.start_soon(end_after, tg.cancel_scope, self._nudge_in_time)
            if self._process:
                tg.start_soon(end_after, tg.cancel_scope, self._process.wait)
            await anyio.sleep(pause_s)
            tg.cancel_scope.cancel()
        if self._asked.is_set():
            self._asked = anyio.Event()

    async def _nudge_in_time(self) -> None:
        """Wait for a nudge, but not for every one of many."""
        await self._nudged.wait()
        await anyio.sleep_until(self.looked_at + NUDGE_SPACING_S)


def ended(process: RendererProcess, settings: Settings) -> str:
    """How our renderer ended, with its last words; empty while it runs."""
    if process.exit_code is None:
        return ""
    return f"it ended with exit code {process.exit_code}: {last_words(settings)}".rstrip(": ")


async def end_after(scope: CancelScope, wait: Callable[[], Awaitable[object]]) -> None:
    """Cancel the scope when that is over."""
    await wait()
    scope.cancel()
