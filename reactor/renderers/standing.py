"""Whether a render server is up, and everybody who must know when that changes.

The log and the counters, this reactor's own stream, the claims (through `RenderServer.health`) and the
row in `actp_agent_registry`.
"""

from __future__ import annotations

import platform
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from reactor.db.agents import register_agent, retire_agents
from reactor.db.pool import TRANSIENT
from reactor.events import RendererDown, RendererUp
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactor.db.pool import Database
    from reactor.events import Event
    from reactor.observe import Observer
    from reactor.renderers.answers import Health
    from reactor.renderers.server import RenderServer

REGISTER_AGAIN_S = 5.0


class Standing:
    """Up, down, or not yet known; changes are announced once."""

    def __init__(
        self,
        server: RenderServer,
        database: Database,
        observe: Observer,
        send: Callable[[Event], None],
    ) -> None:
        self.agent_id = uuid4()
        self.up: bool | None = None
        self.since = 0.0
        """When it came up, on anyio's clock."""
        self.pid: int | None = None
        self._server = server
        self._database = database
        self._observe = observe
        self._send = send
        self._known: Health | None = None
        self.reason = ""
        """Why it is down; empty while it is up."""
        self._changed = anyio.Event()

    def note_up(self, health: Health, pid: int | None) -> None:
        """It answers, and this is what it says of itself."""
        if self._known != health or self.pid != pid or not self.up:
            self._changed.set()
        self._server.health = self._known = health
        self.pid = pid
        if self.up:
            return
        self.up, self.since, self.reason = True, anyio.current_time(), ""
        self._observe.metrics.renderer_up.set(1)
        self._observe(
            Seen.RENDERER_UP, url=self._server.url, name=health.name, version=health.version
        )
        self._send(RendererUp(self._server.url))

    def note_down(self, reason: str) -> None:
        """It does not answer; another reason is worth a line, but only the change is an event."""
        changed = self.up is not False
        self._server.health = self.pid = None
        self.up = False
        if changed or reason != self.reason:
            self.reason = reason
            self._observe(Seen.RENDERER_DOWN, url=self._server.url, reason=reason)
        if changed:
            self._changed.set()
            self._observe.metrics.renderer_up.set(0)
            self._send(RendererDown(self._server.url, reason))

    async def keep_registered(self) -> None:
        """Keep the row in the registry true; a database that is away is told later."""
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            try:
                await self._register()
            except TRANSIENT:
                await anyio.sleep(REGISTER_AGAIN_S)
                self._changed.set()

    async def retire(self) -> None:
        """Gone on purpose, as far as this reactor is concerned."""
        with suppress(*TRANSIENT):
            async with self._database.connection() as conn:
                await retire_agents(conn, [self.agent_id])

    async def _register(self) -> None:
        known = self._known
        kinds = ("templates", "formats", "containers", "capacity")
        async with self._database.connection() as conn:
            await register_agent(
                conn,
                self.agent_id,
                name=known.name if known else "renderer",
                kind="renderer",
                status="running" if self.up else "down",
                pid=self.pid,
                host=platform.node(),
                version=known.version if known else None,
                url=self._server.url,
                capabilities={kind: getattr(known, kind) for kind in kinds} if known else {},
            )
