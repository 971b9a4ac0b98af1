"""A job has left the queue: put new ones in, if this reactor keeps the queue full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reactor.filler import count_pending_jobs, fill_queue
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context


async def fill(_events: Sequence[Any], context: Context) -> None:
    """Fill the queue up to the target; nothing to do without one.

    A paused farm is filled as well: the target is the limit, and there is something to go on with.
    What fails here because the database is away is done after the next sweep.
    """
    target = context.settings.fill_target
    if target is None or context.gate.draining:
        return
    async with context.database.connection() as conn:
        # Without the lock, because nearly always there is nothing to do.
        if await count_pending_jobs(conn, most=target) >= target:
            context.filling.short = None
            return
        filled = await fill_queue(conn, target)
    if filled.ids:
        context.observe(Seen.QUEUE_FILLED, made=len(filled.ids))
    if filled.short and filled.short != context.filling.short:
        context.observe(Seen.QUEUE_SHORT, target=target, reason=filled.short)
    context.filling.short = filled.short
