"""A reactor's row in the registry: that it is here, what it can render, and that it has left."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import reactor
from reactor.db import agents
from reactor.db.pool import TRANSIENT

if TYPE_CHECKING:
    from reactor.context import Context


async def register(context: Context) -> None:
    """Say in the registry that this reactor is here, and what it can render."""
    async with context.database.connection() as conn:
        await agents.register_agent(
            conn,
            context.reactor_id,
            name=context.settings.name,
            kind="reactor",
            status="running",
            pid=os.getpid(),
            host=socket.gethostname(),
            version=reactor.__version__,
            url=f"http://{context.settings.http}",
            capabilities={"renderers": sorted(context.renderers), "slots": own_slots(context)},
        )


def own_slots(context: Context) -> dict[str, int]:
    """What this reactor's plug-ins render at once; the render server says so itself, in its own row."""
    return {n: r.slots for n, r in context.renderers.items() if r.draws and n != "server"}


async def retire(context: Context) -> None:
    """Say goodbye, if the database is there to hear it."""
    try:
        async with context.database.connection() as conn:
            await agents.retire_agents(conn, [context.reactor_id])
    except TRANSIENT:
        pass
