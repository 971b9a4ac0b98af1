"""A file is rendered: verify it, name it, and get it into the library."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import anyio

from reactor.attempts import discard_cancelled, persist, record_failure
from reactor.db import attempts
from reactor.db.pool import TRANSIENT
from reactor.errors import FailureClass, RenderFailed
from reactor.events import OutputReady
from reactor.loops.inflight import Entry
from reactor.observe import Seen
from reactor.publication import publish

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.events import JobRendered
    from reactor.models import Job, JobId
    from reactor.publication import Published

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


async def postprocess(event: OutputReady | JobRendered, context: Context) -> None:
    """Finish every job of the event that is this reactor's."""
    if isinstance(event, OutputReady):
        await finish(event.job_id, context)
        return
    if event.count is not None:  # too many to name: the sweep asks the table
        context.reread()
    async with anyio.create_task_group() as tg:
        for job_id in event.ids:
            tg.start_soon(finish, job_id, context)


async def finish(job_id: JobId, context: Context) -> None:
    """Take the job into hand, if it is ours, and end it."""
    job = await persist(
        context, lambda conn: attempts.begin_publishing(conn, job_id, context.reactor_id)
    )
    if job is None or job.claim_token is None:
        ours = job_id in context.inflight.held()
        context.inflight.arrived(job_id)
        if ours:  # and cancelled in between, perhaps without our hearing of it
            await discard_cancelled(context, [job_id])
        return
    entry = Entry(job.id, job.claim_token, job.attempt, job.renderer, holds_slot=False)
    began = anyio.current_time()
    with context.inflight.working(entry), entry.scope:
        context.inflight.arrived(job_id)
        try:
            published = await publish_patiently(job, entry, context)
        except RenderFailed as failed:
            await record_failure(context, job.id, entry.token, failed)
            return
        if published:
            took_s = anyio.current_time() - began
            context.observe.metrics.attempts.labels("complete").inc()
            context.observe.metrics.stage_seconds.labels("publishing").observe(took_s)
            context.observe(
                Seen.JOB_REPAIRED if published.repaired else Seen.JOB_COMPLETE,
                job_id=job.id,
                attempt=job.attempt,
                file=published.path.name,
                took_s=round(took_s, 3),
            )


async def publish_patiently(job: Job, entry: Entry, context: Context) -> Published | None:
    """Try again while the disk is full or the database away: the video is there, only its place is not."""
    pause = FIRST_PAUSE_S
    give_up_at = anyio.current_time() + context.settings.render_timeout_s
    while True:
        try:
            return await publish(job, entry.token, context)
        except (OSError, *TRANSIENT) as wrong:
            # What is missing may also be the library, which comes back.
            if isinstance(wrong, FileNotFoundError) and not await is_there(job):
                raise RenderFailed(FailureClass.BAD_OUTPUT, f"the file is gone: {wrong}") from None
            if anyio.current_time() > give_up_at:
                full = isinstance(wrong, OSError) and wrong.errno in FULL
                kind = FailureClass.RESOURCE if full else FailureClass.INFRASTRUCTURE
                raise RenderFailed(kind, f"could not be published: {wrong}") from None
            context.observe(
                Seen.CLAIM_HELD,
                reason="publishing",
                job_id=job.id,
                error=str(wrong),
                retry_in_s=pause,
            )
        await anyio.sleep(pause)
        pause = min(LONGEST_PAUSE_S, pause * 2)


async def is_there(job: Job) -> bool:
    """Whether the rendered file still lies where the renderer left it."""
    return bool(job.output_path) and await anyio.Path(str(job.output_path)).exists()
