"""What the full scan finds: every file that events have missed, and every file of nobody."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import psycopg
import pytest

from reactor.events import OutputSeen
from reactor.models import JobId
from reactor.observe import Seen
from tests.fix_reactor import seeing
from tests.watcher.conftest import NEVER_S, Eyes, Farm

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from reactor.db.pool import Database
    from tests.fix_reactor import Table

DEAF: dict[str, Any] = {"poll_files": True, "poll_s": NEVER_S}
IN_WORK = {"status": "processing", "attempt": 1, "claimed_by": uuid4(), "claim_token": uuid4()}


async def insert(table: Table, **columns: Any) -> int:
    """A job in any state, as if it had got there."""
    async with table.database.transaction() as conn:
        await conn.execute("SET LOCAL session_replication_role = replica")
        names = ", ".join(columns) or "niche"
        values = ", ".join(f"%({name})s" for name in columns) or "NULL"
        row = await conn.execute(
            f"INSERT INTO actp_gen_jobs ({names}) VALUES ({values}) RETURNING id".encode(), columns
        )
        return int((await row.fetchall())[0][0])


async def orphans(table: Table) -> dict[str, str]:
    """What is written down: file name and reason."""
    rows = await table.rows("SELECT path, reason FROM reactor.orphans")
    return {path.rpartition("/")[2]: reason for path, reason in rows}


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

    assert len(eyes.seen) == 300


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
async def test_a_file_in_good_hands_is_neither_announced_nor_an_orphan(
    farm: Farm, eyes: Eyes, still: bytes, table: Table, stage: str
) -> None:
    job_id = await insert(table, **IN_WORK, stage=stage)
    farm.rename_in(f"job-{job_id}-a1.jpg", still)
    await farm.watcher(eyes).scan()

    assert (eyes.seen, await orphans(table)) == ([], {})


@pytest.mark.parametrize(
    ("status", "words"),
    [("complete", "is complete"), ("failed", "has failed"), ("cancelled", "is cancelled")],
)
async def test_the_file_of_a_job_that_has_ended_is_an_orphan(
    farm: Farm, eyes: Eyes, still: bytes, table: Table, status: str, words: str
) -> None:
    job_id = await insert(table, status=status, attempt=1)
    farm.rename_in(f"job-{job_id}-a1.jpg", still)
    await farm.watcher(eyes).scan()

    assert await orphans(table) == {f"job-{job_id}-a1.jpg": f"job {job_id} {words}"}
    assert eyes.seen == []


async def test_the_file_of_another_attempt_is_an_orphan(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    job_id = await insert(table, attempt=3)
    farm.rename_in(f"job-{job_id}-a2.jpg", still)
    await farm.watcher(eyes).scan()

    expected = f"job {job_id} is at attempt 3, this is attempt 2"
    assert await orphans(table) == {f"job-{job_id}-a2.jpg": expected}
    assert eyes.seen == []


async def test_files_of_no_job_are_orphans(
    farm: Farm, eyes: Eyes, still: bytes, table: Table, tmp_path: Path
) -> None:
    farm.write("job-999.jpg", still)
    farm.write("holiday.jpg", still)
    farm.write("job-12.exe", still)
    (farm.directory / "job-5-a1.jpg").symlink_to(tmp_path)
    os.mkfifo(farm.directory / "job-6-a1.jpg")
    (farm.directory / "a directory").mkdir()
    await farm.watcher(eyes).scan()

    assert await orphans(table) == {
        "job-999.jpg": "no job 999",
        "holiday.jpg": "not a render file name",
        "job-12.exe": "not a render file name",
        "job-5-a1.jpg": "a symbolic link, not a regular file",
        "job-6-a1.jpg": "a FIFO, not a regular file",
    }


async def test_what_was_left_unfinished_for_a_day_is_an_orphan(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    job_id = await insert(table)
    old = time.time() - 25 * 3600
    farm.write("job-2-a1.jpg.part", still)
    os.utime(farm.write("job-3-a1.jpg.part", still), (old, old))
    os.utime(farm.write(f"job-{job_id}.jpg", b""), (old, old))
    await farm.watcher(eyes).scan()

    assert await orphans(table) == {
        "job-3-a1.jpg.part": "unfinished",
        f"job-{job_id}.jpg": "unfinished",
    }


async def test_an_orphan_has_its_size_and_time(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    path = farm.write("holiday.jpg", still)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    await farm.watcher(eyes).scan()

    rows = await table.rows(
        "SELECT path, size_bytes, extract(epoch FROM modified_at)::int FROM reactor.orphans"
    )
    assert rows == [(str(path), len(still), 1_700_000_000)]


async def test_an_orphan_is_told_of_once(
    farm: Farm, eyes: Eyes, still: bytes, observed: list[tuple[Seen, dict[str, Any]]]
) -> None:
    path = farm.write("job-999.jpg", still)
    watcher = farm.watcher(eyes)
    for _ in range(2):
        await watcher.scan()
        farm.write("job-998.jpg", still)

    told = [facts for seen, facts in observed if seen is Seen.FILE_ORPHANED]
    assert told == [
        {"path": str(path), "reason": "no job 999"},
        {"path": str(farm.directory / "job-998.jpg"), "reason": "no job 998"},
    ]


async def test_an_orphan_that_was_taken_away_is_forgotten(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    path = farm.write("job-999.jpg", still)
    watcher = farm.watcher(eyes)
    await watcher.scan()
    path.unlink()
    await watcher.scan()

    assert await orphans(table) == {}


async def test_orphans_of_an_earlier_run_are_forgotten_at_the_first_scan(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    path = farm.write("job-999.jpg", still)
    await farm.watcher(eyes).scan()
    path.unlink()
    await farm.watcher(eyes).scan()

    assert await orphans(table) == {}


async def test_orphans_that_stay_the_same_are_not_written_again(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    farm.write("job-999.jpg", still)
    watcher = farm.watcher(eyes)
    await watcher.scan()
    before = await table.rows("SELECT xmin::text FROM reactor.orphans")
    await watcher.scan()

    assert await table.rows("SELECT xmin::text FROM reactor.orphans") == before


async def test_an_orphan_becomes_a_render_when_its_job_is_there(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    farm.rename_in("job-999-a0.jpg", still)
    farm.rename_in("job-999.jpg", still)
    async with farm.watching(eyes, **DEAF) as watcher:
        await table.until("count(*) = 2 FROM reactor.orphans")
        await insert(table, id=999)
        watcher.nudge()
        await eyes.until("job-999.jpg")
        await table.until("count(*) = 1 FROM reactor.orphans")


async def test_names_that_are_no_utf8_are_orphans_and_stop_nothing(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    strange = os.fsdecode(b"job-\xff\xfe.jpg")
    async with farm.watching(eyes) as watcher:
        farm.write(strange, still)
        watcher.nudge()
        await table.until("count(*) = 1 FROM reactor.orphans")
        job_id = await insert(table)
        farm.rename_in(f"job-{job_id}.jpg", still)
        await eyes.until(f"job-{job_id}.jpg")

    assert await orphans(table) == {r"job-\xff\xfe.jpg": "not a render file name"}
    assert watcher.mode == "inotify"


async def test_impossible_times_of_files_stop_nothing(
    farm: Farm, eyes: Eyes, still: bytes, table: Table
) -> None:
    for number, modified_s in enumerate((-5_000_000_000, 9_000_000_000)):
        os.utime(farm.write(f"holiday-{number}.jpg", still), (modified_s, modified_s))
    await farm.watcher(eyes).scan()

    assert len(await orphans(table)) == 2


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
