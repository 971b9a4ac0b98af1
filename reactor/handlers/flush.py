"""Everything pending is wanted now, or somebody asked for it: see to it that the renderer runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.observe import Seen
from reactor.renderers.process import runs_here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context
    from reactor.events import FarmFlushed, RendererWanted


async def flush(_events: Sequence[FarmFlushed | RendererWanted], context: Context) -> None:
    """Start the renderer when it is down; many who ask at once are one."""
    supervisor = context.supervisor
    if context.gate.draining or await supervisor.is_running():
        return
    if not runs_here(context.settings):
        return  # it is elsewhere, or not wanted here; the supervisor goes on watching it
    if not await supervisor.start():
        context.observe(
            Seen.RENDERER_NOT_STARTED, url=supervisor.server.url, reason=supervisor.reason
        )
