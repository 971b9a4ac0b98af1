"""Jobs are due, or a slot is free: take as many as can be worked on, and not one more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from uuid import uuid4

from reactor.db import attempts
from reactor.events import JobClaimed, JobPending
from reactor.observe import Seen
from reactor.storage.local import free_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context
    from reactor.db.attempts import Claim
    from reactor.events import Event

BATCH = 500
"""Larger claims drain a little quicker, and hold up whoever asks for a page meanwhile."""
UNROUTABLE_AT_ONCE = 50
DISK_RECHECK_S = 10.0


async def claim(events: Sequence[Event], context: Context) -> None:
    """Claim until the slots or the jobs run out."""
    if context.gate.draining or short_of_disk(context):
        return
    hinted = sum(len(event.ids) for event in events if isinstance(event, JobPending))
    # A single insert that was claimed is the common case, and has told everything.
    if hinted and await take_due(context) == hinted:
        return
    # Look first and claim then: what becomes due in between is seen by one of the two.
    await take_unroutable(context)
    await take_due(context)


async def take_due(context: Context) -> int:
    """Take what is due until the slots or the jobs run out; how many that were."""
    taken = 0
    slots = free_slots(context)
    while slots and not short_of_disk(context):
        claims = await take(slots, context)
        taken += len(claims)
        got = Counter(claimed.renderer for claimed in claims)
        # Who got less than it asked for has no more due jobs.
        more = free_slots(context)
        slots = {n: more[n] for n in more if n in slots and got[n] >= slots[n]}
    return taken


async def take(slots: dict[str, int], context: Context) -> list[Claim]:
    """One claim statement; what it took goes to dispatch."""
    with context.inflight.claiming():
        async with context.database.connection() as conn:
            claims = await attempts.claim_next_jobs(
                conn,
                slots,
                reactor_id=context.reactor_id,
                token=uuid4(),
                lease_s=context.settings.lease_s,
                project_max_rendering=context.settings.project_max_rendering,
            )
        hand_over(claims, context)
    return claims


def hand_over(claims: Sequence[Claim], context: Context) -> None:
    """Reserve the slots, then tell dispatch."""
    if not claims:
        return
    by_renderer: dict[str, list[Claim]] = {}
    for taken in claims:
        by_renderer.setdefault(taken.renderer, []).append(taken)
    for renderer, rows in by_renderer.items():
        context.inflight.reserve(renderer, len(rows))
        context.send(JobClaimed(renderer, tuple(row.id for row in rows), rows[0].token))
    context.observe(Seen.JOBS_CLAIMED, count=len(claims))


async def take_unroutable(context: Context) -> None:
    """Take jobs for renderers nobody has, so that dispatch can say so; and see when the next is due."""
    async with context.database.connection() as conn:
        ahead = await attempts.look_ahead(conn, list(context.renderers))
    if ahead.unroutable and not context.gate.draining:
        await take(dict.fromkeys(ahead.unroutable, UNROUTABLE_AT_ONCE), context)
    if ahead.next_due_s is not None:
        context.wake_in(ahead.next_due_s)


def free_slots(context: Context) -> dict[str, int]:
    """Per renderer, how many more jobs may be claimed now."""
    if context.gate.draining:
        return {}
    free = {
        name: min(BATCH, renderer.slots - context.inflight.used_slots(name))
        for name, renderer in context.renderers.items()
    }
    return {name: slots for name, slots in free.items() if slots > 0}


def short_of_disk(context: Context) -> bool:
    """Whether another video might not fit; then nothing is claimed until there is room."""
    free = free_bytes(context.settings.renders_dir)
    if free >= context.settings.min_free_mb * 2**20:
        return False
    context.observe(Seen.CLAIM_HELD, reason="disk", free_mb=free // 2**20)
    context.wake_in(DISK_RECHECK_S)
    return True
