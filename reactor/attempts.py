"""How an attempt ends without a video: what each failure class costs, and how long a job waits."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import anyio

from reactor.db import jobs
from reactor.db.pool import TRANSIENT
from reactor.errors import FailureClass
from reactor.observe import Seen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from psycopg import AsyncConnection

    from reactor.context import Context
    from reactor.db.jobs import Ended
    from reactor.errors import RenderFailed
    from reactor.models import JobId

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


async def record_failure(
    context: Context, job_id: JobId, token: UUID, failed: RenderFailed
) -> Ended | None:
    """Write the failure down, and set the alarm for the next attempt if there is to be one."""
    cost = COSTS[failed.failure]
    ended = await persist(
        context,
        lambda conn: jobs.fail_attempt(
            conn,
            job_id,
            token,
            error_class=failed.failure.value,
            error_message=str(failed),
            charged=cost.charged,
            may_retry=cost.may_retry,
            delay_s=context.settings.retry_base_s if cost.wait_s is None else cost.wait_s,
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
