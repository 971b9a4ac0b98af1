"""Waiting for a job's end: hear that something happened to it, look, tell."""

from __future__ import annotations

import random
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from reactor import jobs
from reactor.farm.ears import LOOK_S
from reactor.farm.primitives import tell
from reactor.states import is_active

if TYPE_CHECKING:
    from reactor.events import Announced
    from reactor.farm.ears import Ears
    from reactor.farm.primitives import Watcher
    from reactor.models import JobId
    from reactor.records import JobRecord


async def wait_for_end(
    ears: Ears, job_id: JobId, on_progress: Watcher | None, *, deadline: float
) -> JobRecord:
    """Wait until the job is complete, failed or cancelled; TimeoutError says what it is instead."""
    told: JobRecord | None = None
    async with ears:
        while True:
            job = await ears.look(partial(jobs.get_job, job_id=job_id))
            if on_progress is not None and (told is None or has_moved(told, job)):
                await tell(on_progress, job)
                told = job
            if not is_active(job.status):
                return job
            left_s = deadline - monotonic()
            if left_s <= 0:
                raise TimeoutError(f"job {job_id} is still {job.status}")
            pause_s = min(left_s, LOOK_S * random.uniform(0.75, 1.25))
            await ears.hear(pause_s, partial(is_about, job_id))


def has_moved(before: JobRecord, now: JobRecord) -> bool:
    """Whether there is something to tell of; an estimate that changes is not."""
    return (before.status, before.stage, before.attempt, before.progress) != (
        now.status,
        now.stage,
        now.attempt,
        now.progress,
    )


def is_about(job_id: JobId, said: Announced) -> bool:
    """Whether an announcement names the job, or too many jobs to name them."""
    return job_id in said.ids or said.count is not None
