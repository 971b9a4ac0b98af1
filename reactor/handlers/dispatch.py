"""Jobs are claimed: hand each to its renderer, and write down what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from reactor.attempts import discard_cancelled, persist, record_failure, record_rendered
from reactor.db import attempts
from reactor.drawing import render
from reactor.errors import RenderFailed
from reactor.events import SlotFreed
from reactor.loops.inflight import Entry
from reactor.observe import Seen

if TYPE_CHECKING:
    from uuid import UUID

    from reactor.context import Context
    from reactor.events import JobClaimed
    from reactor.models import JobId


async def dispatch(event: JobClaimed, context: Context) -> None:
    """Work on everything that was claimed together."""
    renderer = context.renderers.get(event.renderer)
    if renderer is not None and not renderer.draws:
        await finish_dry_runs(event, context)
        return
    async with anyio.create_task_group() as tg:
        for job_id in event.ids:
            tg.start_soon(work, job_id, event.token, event.renderer, context)


async def finish_dry_runs(event: JobClaimed, context: Context) -> None:
    """Nothing is drawn, so there is nothing to wait for: the whole claim ends in one statement."""
    try:
        done = await persist(
            context, lambda conn: attempts.complete_dry_runs(conn, event.ids, event.token)
        )
    finally:
        context.inflight.unreserve(event.renderer, len(event.ids))
    context.observe.metrics.attempts.labels("complete").inc(done)
    context.send(SlotFreed())


async def work(job_id: JobId, token: UUID, renderer: str, context: Context) -> None:
    """One attempt, from its claim until its end is in the table."""
    entry = Entry(job_id, token, attempt=0, renderer=renderer)
    try:
        with context.inflight.working(entry):
            context.inflight.unreserve(renderer, 1)
            if context.gate.draining:
                entry.stop("shutdown")
            with entry.scope:
                await attempt(entry, context)
            if entry.scope.cancelled_caught:
                await give_up(entry, context)
            elif entry.stopped_by:  # in the very moment it had ended
                await discard_cancelled(context, [job_id])
    finally:
        context.send(SlotFreed())


async def attempt(entry: Entry, context: Context) -> None:
    """Render, or record why not."""
    job = await persist(
        context, lambda conn: attempts.begin_rendering(conn, entry.job_id, entry.token)
    )
    if job is None:
        return
    entry.attempt = job.attempt
    began = anyio.current_time()
    try:
        rendered = await render(job, entry, context)
    except RenderFailed as failed:
        entry.holds_slot = False
        await record_failure(
            context,
            entry.job_id,
            entry.token,
            failed,
            # A renderer may tell; the protocol does not ask for it.
            version=getattr(context.renderers.get(job.renderer), "version", None),
            frame=entry.progress.rendered_frames if entry.progress else None,
        )
        return
    # The renderer is free from here on; the next job need not wait for our paperwork.
    entry.holds_slot = False
    context.send(SlotFreed())
    took_s = anyio.current_time() - began
    context.observe.metrics.stage_seconds.labels("rendering").observe(took_s)
    context.observe(Seen.RENDER_ENDED, job_id=job.id, attempt=job.attempt, took_s=round(took_s, 3))
    # Before the write, because its notification can be quicker than its answer.
    context.inflight.expect(entry)
    if not await record_rendered(context, entry.job_id, entry.token, rendered, attempt=job.attempt):
        # The watcher was quicker, or somebody has cancelled it.
        await discard_cancelled(context, [entry.job_id])


async def give_up(entry: Entry, context: Context) -> None:
    """The work was stopped: give the lease back if it is still ours, and leave no file behind."""
    context.observe(
        Seen.LEASES_RELEASED, job_id=entry.job_id, attempt=entry.attempt, reason=entry.stopped_by
    )
    await persist(context, lambda conn: attempts.release_jobs(conn, {entry.job_id: entry.token}))
    # Whoever said so first, and whether or not the word of it came through: the table knows.
    await discard_cancelled(context, [entry.job_id])
