"""Waiting for a job's end: heard at once, found without hearing, given up in time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor import Farm, JobRecord
from reactor.errors import Missing
from reactor.farm.client import MOST_LISTENERS
from tests.farm.conftest import finish, hang_up, until_listening
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from tests.fix_reactor import Easel, Table

    Start = Callable[..., Awaitable[Context]]


class Ended:
    """A wait of its own task, and what came of it."""

    def __init__(self) -> None:
        self.jobs: list[JobRecord] = []
        self.told: list[JobRecord] = []

    async def wait(self, farm: Any, job: Any) -> None:
        """Wait for the job."""
        self.jobs.append(await farm.wait(job, self.told.append, timeout_s=PATIENCE_S))


@pytest.mark.parametrize("status", ["complete", "failed"])
async def test_the_end_is_heard_and_every_change_told(farm: Any, table: Table, status: str) -> None:
    job, ended = await farm.create_job("t"), Ended()
    async with anyio.create_task_group() as tg:
        tg.start_soon(ended.wait, farm, job)
        await until_listening(table)
        await finish(table, job.id, status)

    assert [job.status for job in ended.jobs] == [status]
    assert ended.told[0].status == "pending"
    assert ended.told[-1] == ended.jobs[0]


async def test_a_job_that_has_ended_is_there_at_once(farm: Any, table: Table) -> None:
    job = await farm.create_job("t")
    await farm.cancel(job)

    # With no time at all there is only the first look.
    assert (await farm.wait(job, timeout_s=0)).status == "cancelled"


async def test_a_wait_ends_in_time_and_says_how_the_job_is(farm: Any) -> None:
    job = await farm.create_job("t")

    with pytest.raises(TimeoutError, match=f"job {job.id} is still pending"):
        await farm.wait(job, timeout_s=0.2)


async def test_there_is_no_waiting_for_nothing(farm: Any) -> None:
    with pytest.raises(Missing):
        await farm.wait(4711)


async def test_an_end_that_nobody_announced_is_found(farm: Any, table: Table) -> None:
    job, ended = await farm.create_job("t"), Ended()
    async with anyio.create_task_group() as tg:
        tg.start_soon(ended.wait, farm, job)
        await until_listening(table)
        await table.rows("ALTER TABLE actp_gen_jobs DISABLE TRIGGER USER")
        await table.rows("UPDATE actp_gen_jobs SET status = 'cancelled'")

    assert [job.status for job in ended.jobs] == ["cancelled"]


async def test_a_wait_outlives_its_connection(farm: Any, table: Table) -> None:
    job, ended = await farm.create_job("t"), Ended()
    async with anyio.create_task_group() as tg:
        tg.start_soon(ended.wait, farm, job)
        await until_listening(table)
        await hang_up(table)
        await finish(table, job.id)

    assert [job.status for job in ended.jobs] == ["complete"]


async def test_more_may_wait_than_may_listen(farm: Any, table: Table) -> None:
    number = MOST_LISTENERS + 4
    jobs = [await farm.create_job("t") for _ in range(number)]
    ended = Ended()
    async with anyio.create_task_group() as tg:
        for job in jobs:
            tg.start_soon(ended.wait, farm, job)
        await until_listening(table)
        for job in jobs:
            await farm.cancel(job)

    assert sorted(job.id for job in ended.jobs) == [job.id for job in jobs]


async def test_a_watcher_may_be_a_coroutine_function(dsn: str) -> None:
    told: list[str] = []

    async def note(job: JobRecord) -> None:
        await anyio.lowlevel.checkpoint()
        told.append(job.status)

    async with Farm(dsn) as farm:
        job = await farm.create_job("t")
        await farm.cancel(job)
        await farm.wait(job, on_progress=note)

    assert told == ["cancelled"]


async def test_a_render_is_followed_to_its_file(
    farm: Any, start: Start, easel: Easel, table: Table
) -> None:
    await start()
    easel.gate = anyio.Event()
    job, ended = (
        await farm.create_job("still", renderer="easel", format="thumbnail", quality="720p"),
        Ended(),
    )
    async with anyio.create_task_group() as tg:
        tg.start_soon(ended.wait, farm, job)
        await table.until("bool_or(fraction = 0.5) FROM reactor.progress")
        with anyio.fail_after(PATIENCE_S):
            while not any(told.progress == 50 for told in ended.told):
                await anyio.sleep(0.02)
        easel.gate.set()

    assert ended.jobs[0].status == "complete"
    assert await anyio.Path(ended.jobs[0].output_path or "").is_file()
    progress = [told.progress for told in ended.told]
    assert progress == sorted(progress)


async def test_a_cancelled_wait_leaves_no_session(dsn: str, table: Table) -> None:
    async with Farm(dsn) as farm:
        job = await farm.create_job("t")
        async with anyio.create_task_group() as tg:
            tg.start_soon(partial(farm.wait, job))
            await until_listening(table)
            tg.cancel_scope.cancel()
    await table.until(
        "count(*) = 0 FROM pg_stat_activity WHERE application_name = 'reactor farm'"
        " AND datname = current_database()"
    )
