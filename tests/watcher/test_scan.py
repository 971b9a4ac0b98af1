"""What the full scan finds: every file that events have missed, and every file of nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
import psycopg
import pytest

from reactor.events import OutputSeen
from reactor.models import JobId
from reactor.observe import Seen
from tests.fix_reactor import seeing
from tests.watcher.conftest import DEAF, Eyes, Farm, insert, orphans

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from reactor.db.pool import Database
    from tests.fix_reactor import Table

IN_WORK = {"status": "processing", "attempt": 1, "claimed_by": uuid4(), "claim_token": uuid4()}


async def test_every_file_is_found_without_any_event(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    ids = await table.rows(
        "INSERT INTO actp_gen_jobs (niche) SELECT 'x' FROM generate_series(1, 300) RETURNING id"
    )
    names = [f"job-{row[0]}-a0.jpg" for row in ids[:299]] + [f"job-{ids[299][0]}.jpg"]
    async with farm.watching(eyes, **DEAF) as watcher:
        for name in names[:-1]:
            farm.rename_in(name.replace("-a0", ""), still)
        farm.rename_in(names[-1], still)
        watcher.nudge()
        await eyes.until(*(name.replace("-a0", "") for name in names))

    # A scan announces again what an earlier one has found, and the first may have been at it already.
    assert len(set(eyes.names)) == 300


async def test_the_full_scan_comes_by_itself(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    async with farm.watching(eyes, **DEAF, scan_s=0.05):
        job_id = await insert(table)
        farm.rename_in(f"job-{job_id}.jpg", still)
        await eyes.until(f"job-{job_id}.jpg")

    assert eyes.seen[0].job_id == job_id


async def test_files_that_were_there_before_are_found_at_the_start(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    job_id = await insert(table, **IN_WORK, stage="rendering")
    path = farm.rename_in(f"job-{job_id}-a1.jpg", still)
    async with farm.watching(eyes):
        await eyes.until(path.name)

    assert eyes.seen == [OutputSeen(JobId(job_id), 1, path)]


@pytest.mark.parametrize("stage", ["claimed", "rendering"])
async def test_a_file_is_announced_again_while_the_job_lacks_it(
    farm: Farm, eyes: Eyes, still: bytes, table: Table, stage: str
) -> None:
    job_id = await insert(table, **IN_WORK, stage=stage)
    farm.rename_in(f"job-{job_id}-a1.jpg", still)
    watcher = farm.watcher(eyes)
    await watcher.scan()
    await watcher.scan()

    assert eyes.names == [f"job-{job_id}-a1.jpg"] * 2


@pytest.mark.parametrize("stage", ["rendered", "publishing"])
async def test_files_of_a_job_in_good_hands_are_neither_announced_nor_orphans(
    farm: Farm, eyes: Eyes, still: bytes, table: Table, stage: str
) -> None:
    job_id = await insert(table, **IN_WORK, stage=stage)
    for name in (f"job-{job_id}.jpg", f"job-{job_id}-a1.jpg", f"job-{job_id}-a2.jpg"):
        farm.rename_in(name, still)
    await farm.watcher(eyes).scan()

    assert (eyes.seen, await orphans(table)) == ([], {})


class Away:
    """A database that cannot be reached until it is back."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.back = False

    def connection(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection]:
        """A connection, or what psycopg raises when there is none."""
        if not self.back:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return self.database.connection()


async def test_a_scan_without_the_database_is_made_up_for_by_the_next(
    farm: Farm, eyes: Eyes, still: bytes, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await insert(table)
    farm.rename_in(f"job-{job_id}.jpg", still)
    away = Away(farm.database)
    async with seeing(farm.observer, Seen.SWEEP_FAILED, what="files"):
        watcher = farm.watcher(eyes, **DEAF, scan_s=0.05)
        monkeypatch.setattr(watcher, "_database", away)
        async with anyio.create_task_group() as tg:
            await tg.start(watcher.run)
            await farm.observer.until(Seen.SWEEP_FAILED)
            away.back = True
            await eyes.until(f"job-{job_id}.jpg")
            tg.cancel_scope.cancel()

    assert eyes.names[0] == f"job-{job_id}.jpg"
