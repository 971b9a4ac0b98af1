"""The end of a reactor's work: claim no more, let renders finish, give the rest back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context

LAST_WORDS_S = 10.0


async def drain(context: Context, hurry: anyio.Event) -> None:
    """Claim no more, let renders finish, then give the rest back."""
    context.gate.draining = True
    context.observe(Seen.REACTOR_DRAINING, in_work=len(context.inflight.ids()))
    await wait_idle(context, hurry, context.settings.grace_s)
    for entry in context.inflight.entries():
        if entry.holds_slot:
            entry.stop("shutdown")
    await wait_idle(context, anyio.Event(), LAST_WORDS_S)


async def wait_idle(context: Context, hurry: anyio.Event, limit_s: float) -> None:
    """Wait until nothing is in work, the time is up, or somebody is in a hurry."""
    with anyio.move_on_after(limit_s):
        async with anyio.create_task_group() as tg:

            async def first(wait: Callable[[], Awaitable[None]]) -> None:
                await wait()
                tg.cancel_scope.cancel()

            tg.start_soon(first, hurry.wait)
            tg.start_soon(first, context.inflight.idle)
