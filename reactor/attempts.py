"""How an attempt ends: its evidence, what each failure class costs, and what is left behind."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio

from reactor.db import attempts
from reactor.db.pool import TRANSIENT
from reactor.errors import FailureClass
from reactor.media.naming import dropped_file_name, parse_render_name
from reactor.observe import Seen
from reactor.renderers.answers import NAME_LENGTH, count, text
from reactor.renderers.base import log_tail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from uuid import UUID

    from psycopg import AsyncConnection

    from reactor.context import Context
    from reactor.db.attempts import Ended
    from reactor.errors import RenderFailed
    from reactor.models import JobId
    from reactor.renderers.base import Rendered

T = TypeVar("T")

INFRASTRUCTURE_WAIT_S = 5.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class Cost:
    """What a failure means for its job."""

    charged: bool
    """Whether it counts against `max_attempts`."""
    may_retry: bool
    wait_s: float | None
    """Before the next attempt; None for the setting's base, which grows threefold per charged failure."""


COSTS = {
    FailureClass.INPUT: Cost(charged=True, may_retry=False, wait_s=None),
    FailureClass.CRASH: Cost(charged=True, may_retry=True, wait_s=None),
    FailureClass.STALL: Cost(charged=True, may_retry=True, wait_s=None),
    FailureClass.BAD_OUTPUT: Cost(charged=True, may_retry=True, wait_s=None),
    FailureClass.CANCELLED: Cost(charged=True, may_retry=True, wait_s=None),
    FailureClass.RESOURCE: Cost(charged=False, may_retry=True, wait_s=None),
    FailureClass.INFRASTRUCTURE: Cost(charged=False, may_retry=True, wait_s=INFRASTRUCTURE_WAIT_S),
    FailureClass.POISON: Cost(charged=True, may_retry=False, wait_s=None),
}


async def record_rendered(
    context: Context, job_id: JobId, token: UUID, rendered: Rendered, *, attempt: int
) -> bool:
    """Write down that the file is there, and what its renderer said of it; whether we were the first."""
    return await persist(
        context,
        lambda conn: attempts.mark_rendered(
            conn,
            job_id,
            token,
            output_path=str(rendered.path),
            attempt=attempt,
            version=text(rendered.version, NAME_LENGTH) or None,
            frames=count(rendered.frames),
            log=log_tail(rendered.log),
        ),
    )


async def record_failure(
    context: Context,
    job_id: JobId,
    token: UUID,
    failed: RenderFailed,
    *,
    version: str | None = None,
    frame: int | None = None,
) -> Ended | None:
    """Write the failure down, and set the alarm for the next attempt if there is to be one.

    `frame` is how far the render was as far as we know, when the renderer did not say.
    """
    cost = COSTS[failed.failure]
    ended = await persist(
        context,
        lambda conn: attempts.fail_attempt(
            conn,
            job_id,
            token,
            error_class=failed.failure.value,
            error_message=str(failed),
            charged=cost.charged,
            may_retry=cost.may_retry,
            delay_s=context.settings.retry_base_s if cost.wait_s is None else cost.wait_s,
            version=text(version, NAME_LENGTH) or None,
            frame=count(frame if failed.frame is None else failed.frame),
            log=log_tail(failed.log),
        ),
    )
    if ended is None:
        return None
    context.observe.metrics.attempts.labels(failed.failure.value).inc()
    context.observe(
        Seen.ATTEMPT_FAILED,
        job_id=job_id,
        failure=failed.failure.value,
        message=str(failed),
        status=ended.status.value,
    )
    if ended.status == "pending":
        context.wake_in(ended.wait_s)
    if failed.failure is FailureClass.INFRASTRUCTURE:
        context.supervisor.nudge()
    return ended


async def discard_cancelled(context: Context, ids: Sequence[JobId]) -> None:
    """Remove what renders of cancelled jobs have left, whole or half; the table says which are cancelled."""
    cancelled = await persist(context, lambda conn: attempts.find_cancelled_jobs(conn, ids))
    if cancelled:
        await anyio.to_thread.run_sync(
            remove_renders, context.settings.renders_dir, dict(cancelled)
        )


def remove_renders(renders_dir: Path, outputs: Mapping[JobId, str | None]) -> None:
    """Remove the files of these jobs' attempts, and where a renderer put one under a name of its own.

    A file that somebody dropped by hand stays theirs.
    """
    with suppress(FileNotFoundError):
        for path in renders_dir.iterdir():
            name = parse_render_name(path.name.removesuffix(".part"))
            if name and name.attempt is not None and name.job_id in outputs:
                path.unlink(missing_ok=True)
    for job_id, output in outputs.items():
        named = Path(output or "")
        dropped = dropped_file_name(job_id, named.suffix[1:])
        if named.parent == renders_dir and named.name != dropped:
            named.unlink(missing_ok=True)


async def persist(context: Context, write: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Make a guarded write, however long the database is away; its token makes repeating it harmless.

    A database that comes back finds the lease still ours, or the guard says otherwise.
    """
    pause = FIRST_PAUSE_S
    while True:
        try:
            async with context.database.connection() as conn:
                return await write(conn)
        except TRANSIENT as wrong:
            context.observe(Seen.LEASE_RENEWAL_FAILED, error=type(wrong).__name__)
            await anyio.sleep(random.uniform(pause / 2, pause))
            pause = min(LONGEST_PAUSE_S, pause * 2)
