"""Everything a handler may touch, handed to it; nothing is global."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID

    from reactor.db.pool import Database
    from reactor.downloads import Downloads
    from reactor.events import Event
    from reactor.loops.deliver import Deliver
    from reactor.loops.inflight import Inflight
    from reactor.loops.listener import Listener
    from reactor.loops.supervisor import Supervisor
    from reactor.observe import Observer
    from reactor.renderers.base import Renderer
    from reactor.settings import Settings


@dataclass
class Gate:
    """Whether this reactor takes on new work; closed for good when a drain begins."""

    draining: bool = False


@dataclass
class Filling:
    """Why the queue could not be filled the last time; said once, and again when it changes."""

    short: str | None = None


@dataclass(frozen=True)
class Context:
    """One per daemon."""

    reactor_id: UUID
    settings: Settings
    database: Database
    observe: Observer
    inflight: Inflight
    renderers: Mapping[str, Renderer]
    supervisor: Supervisor
    deliver: Deliver
    downloads: Downloads
    listener: Listener
    send: Callable[[Event], None]
    """Put an event into this reactor's own stream; never blocks."""
    wake_in: Callable[[float], None]
    """Look for due jobs again in so many seconds."""
    reread: Callable[[], None]
    """Let the sweep compare the table with what runs here."""
    gate: Gate = field(default_factory=Gate)
    filling: Filling = field(default_factory=Filling)

    def in_one_line(self) -> str:
        """What this reactor is doing, for `systemctl status`."""
        doing = "draining" if self.gate.draining else f"serving http://{self.settings.http}"
        renderer = "up" if self.supervisor.server.health else "down"
        return f"{doing}; {len(self.inflight.ids())} in work; renderer {renderer}"
