"""When a reactor has nothing in work: a drain must end neither too early nor at the end of its grace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio

from reactor.db import attempts
from reactor.events import SlotFreed
from reactor.handlers.claim import claim
from reactor.loops.inflight import Entry
from reactor.models import JobId
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from reactor.context import Context
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]

NOBODY = JobId(404)


async def test_a_publication_that_began_before_the_renders_end_was_answered_is_not_waited_for(
    start: Start,
) -> None:
    inflight = (await start(heartbeat_s=60)).inflight
    rendering = Entry(NOBODY, uuid4(), 1, "easel")
    publishing = Entry(NOBODY, rendering.token, 1, "easel", holds_slot=False)

    with inflight.working(rendering), inflight.working(publishing):
        inflight.arrived(NOBODY)
        inflight.expect(rendering)

    with anyio.fail_after(PATIENCE_S):
        await inflight.idle()


async def test_a_publication_that_is_to_follow_is_waited_for(start: Start) -> None:
    inflight = (await start(heartbeat_s=60)).inflight
    rendering = Entry(NOBODY, uuid4(), 1, "easel")

    with inflight.working(rendering):
        inflight.expect(rendering)

    assert inflight.held() == {NOBODY: rendering.token}
    with anyio.move_on_after(0.05) as waited:
        await inflight.idle()
    assert waited.cancelled_caught


async def test_a_publication_that_somebody_else_took_is_waited_for_no_longer(start: Start) -> None:
    inflight = (await start(heartbeat_s=60)).inflight
    rendering = Entry(NOBODY, uuid4(), 1, "easel")
    with inflight.working(rendering):
        inflight.expect(rendering)

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg:
            tg.start_soon(inflight.idle)
            await anyio.lowlevel.checkpoint()
            await inflight.renew()


async def test_a_claim_that_is_under_way_is_waited_for(
    context: Context, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs are taken, and we have not been told yet: whoever left now would leave them claimed."""
    taken, told = anyio.Event(), anyio.Event()
    claim_next_jobs = attempts.claim_next_jobs

    async def answer_late(*args: Any, **how: Any) -> list[attempts.Claim]:
        claims = await claim_next_jobs(*args, **how)
        taken.set()
        await told.wait()
        return claims

    monkeypatch.setattr(attempts, "claim_next_jobs", answer_late)
    await table.insert(renderer="dry_run")
    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg:
            tg.start_soon(claim, [SlotFreed()], context)
            await taken.wait()
            with anyio.move_on_after(0.05) as waited:
                await context.inflight.idle()
            told.set()

    assert waited.cancelled_caught
    assert context.inflight.used_slots("dry_run") == 1
