"""Files of nobody: written down with a reason that people understand."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from reactor.observe import Seen
from tests.watcher.conftest import DEAF, Eyes, Farm, insert, orphans

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import psycopg

    from reactor.db.pool import Database
    from tests.fix_reactor import Table


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


class Meanwhile:
    """A database that something happens in front of."""

    def __init__(self, database: Database, happens: Callable[[], object]) -> None:
        self.database = database
        self.happens = happens

    def connection(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection]:
        """A connection, right after that."""
        self.happens()
        return self.database.connection()


async def test_a_file_taken_by_its_job_during_the_scan_is_no_orphan(
    farm: Farm, eyes: Eyes, still: bytes, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is read, the job publishes its file and ends, then the table is asked."""
    job_id = await insert(table, status="complete", attempt=1)
    path = farm.rename_in(f"job-{job_id}-a1.jpg", still)
    watcher = farm.watcher(eyes)
    meanwhile = Meanwhile(farm.database, lambda: path.unlink(missing_ok=True))
    monkeypatch.setattr(watcher, "_database", meanwhile)
    await watcher.scan()

    assert await orphans(table) == {}
