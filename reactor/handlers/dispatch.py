"""Jobs are claimed: hand each to its renderer, and write down what came of it."""

from __future__ import annotations

import random
import traceback
from typing import TYPE_CHECKING

import anyio

from reactor.attempts import persist, record_failure
from reactor.db import jobs
from reactor.errors import FailureClass, RenderFailed, bad_input
from reactor.events import SlotFreed
from reactor.loops.inflight import Entry
from reactor.media.naming import attempt_file_name
from reactor.observe import Seen
from reactor.renderers.base import Busy, Order

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from reactor.context import Context
    from reactor.events import JobClaimed
    from reactor.models import Job, JobId
    from reactor.renderers.base import Progress, Rendered, Renderer

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0
"""Between two tries at a renderer that is full."""


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
            context, lambda conn: jobs.complete_dry_runs(conn, event.ids, event.token)
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
    finally:
        context.send(SlotFreed())


async def attempt(entry: Entry, context: Context) -> None:
    """Render, or record why not."""
    job = await persist(context, lambda conn: jobs.begin_rendering(conn, entry.job_id, entry.token))
    if job is None:
        return
    entry.attempt = job.attempt
    began = anyio.current_time()
    try:
        rendered = await render(job, entry, context)
    except RenderFailed as failed:
        entry.holds_slot = False
        await record_failure(context, entry.job_id, entry.token, failed)
        return
    # The renderer is free from here on; the next job need not wait for our paperwork.
    entry.holds_slot = False
    context.send(SlotFreed())
    took_s = anyio.current_time() - began
    context.observe.metrics.stage_seconds.labels("rendering").observe(took_s)
    context.observe(Seen.RENDER_ENDED, job_id=job.id, attempt=job.attempt, took_s=round(took_s, 3))
    # Before the write, because its notification can be quicker than its answer.
    context.inflight.expect(entry)
    await persist(
        context,
        lambda conn: jobs.mark_rendered(
            conn,
            entry.job_id,
            entry.token,
            output_path=str(rendered.path),
            version=rendered.version,
            frames=rendered.frames,
        ),
    )


async def render(job: Job, entry: Entry, context: Context) -> Rendered:
    """Check the job's words and let its renderer draw."""
    renderer = find_renderer(job, context)
    spec = job.spec()
    name = attempt_file_name(job.id, job.attempt, spec.container.value)
    path = context.settings.renders_dir / name
    order = Order(job.id, job.attempt, spec, path, claim=entry.token.hex[:8])
    context.observe(Seen.RENDER_STARTED, job_id=job.id, attempt=job.attempt, template=spec.template)

    def report(progress: Progress) -> None:
        entry.progress = progress

    try:
        # Somebody may have cleared it away since the start; that is not this job's fault.
        await anyio.Path(path.parent).mkdir(parents=True, exist_ok=True)
        return await draw(renderer, order, report, entry, context)
    except (RenderFailed, anyio.get_cancelled_exc_class()):
        raise
    except Exception as bug:  # a plug-in may raise anything, and the job must end all the same
        context.observe(
            Seen.HANDLER_FAILED,
            handler=job.renderer,
            job_id=job.id,
            error=repr(bug),
            traceback=traceback.format_exc(),
        )
        raise RenderFailed(FailureClass.CRASH, f"{type(bug).__name__}: {bug}") from bug


async def draw(
    renderer: Renderer,
    order: Order,
    report: Callable[[Progress], None],
    entry: Entry,
    context: Context,
) -> Rendered:
    """Let the renderer draw, and wait while another reactor's renders fill it.

    Failing the attempt would free the slot here, and one job after another would run into the same.
    """
    give_up_at = anyio.current_time() + context.settings.render_timeout_s
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return await renderer.render(order, report)
        except Busy:
            if anyio.current_time() > give_up_at:
                raise
        if context.gate.draining:
            entry.stop("shutdown")
        await anyio.sleep(random.uniform(pause_s / 2, pause_s))
        pause_s = min(LONGEST_PAUSE_S, pause_s * 2)


def find_renderer(job: Job, context: Context) -> Renderer:
    """The renderer a job asks for; RenderFailed(input) with the ones there are."""
    try:
        return context.renderers[job.renderer]
    except KeyError:
        allowed = ", ".join(sorted(context.renderers))
        raise bad_input("renderer", f"'{job.renderer}' is unknown", allowed=allowed) from None


async def give_up(entry: Entry, context: Context) -> None:
    """The work was stopped: give the lease back if it is still ours, and leave no file behind."""
    context.observe(
        Seen.LEASES_RELEASED, job_id=entry.job_id, attempt=entry.attempt, reason=entry.stopped_by
    )
    await persist(context, lambda conn: jobs.release_jobs(conn, {entry.job_id: entry.token}))
    if entry.stopped_by == "cancelled" and entry.attempt:
        pattern = attempt_file_name(entry.job_id, entry.attempt, "*")
        for leftover in context.settings.renders_dir.glob(pattern):
            leftover.unlink(missing_ok=True)
