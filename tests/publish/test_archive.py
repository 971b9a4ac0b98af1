"""What is published moves to the archive once, wherever somebody is killed, and is served all the while."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from reactor import archive
from reactor.db import archive as rows
from reactor.observe import Seen
from reactor.storage import local
from tests.acceptance.conftest import ROOT
from tests.fix_api import client_of
from tests.fix_reactor import PATIENCE_S, Easel, seeing
from tests.publish.conftest import until_offered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import httpx

    from reactor.context import Context
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Table
    from tests.publish.conftest import Queue

    Start = Callable[..., Awaitable[Context]]

PUBLISH = "UPDATE reactor.mplite_queue SET status = 'published', published_at = %(at)s WHERE job_id = %(job)s"
AT = "2026-01-31 23:30:00+00"
CONTENT = b"a video" * 1000
DIE = """
import os, signal, sys
import anyio
from reactor import archive
from tests.publish.archiver import main
where = sys.argv[3]
whole = archive.move_files

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def move_and_die(*given):
    whole(*given)
    die()

def stage_and_die(source, directory):
    archive.stage(source, directory)
    die()

async def die_async(*_, **__):
    die()

if where == "before the intention":
    archive.reserve = die_async
elif where == "before the move":
    archive.move_files = die
elif where == "after the move":
    archive.move_files = move_and_die
elif where == "between video and thumbnail":
    place = archive.place
    archive.place = lambda source, target: (place(source, target), die())
elif where == "after staging":
    archive.bring_near = stage_and_die
anyio.run(main, sys.argv[1], sys.argv[2])
"""


class Versioned(Easel):
    """A renderer whose videos may be taken over."""

    version = "easel 1"


@pytest.fixture
def easel() -> Easel:
    """In place of the usual one."""
    return Versioned()


@pytest.fixture
def library(settings: Settings, context: Context) -> Path:
    """Where finished files lie; made with the context."""
    return settings.library_dir


async def publish(table: Table, job: int, at: str = AT) -> None:
    """As a person with psql does."""
    await table.rows(PUBLISH, job=job, at=at)


async def assert_archived(table: Table, queue: Queue, job: int, path: Path, content: bytes) -> None:
    """The video is there once, with its thumbnail, and everybody knows."""
    thumbnail = path.with_name(f"{path.name}.thumb.jpg")
    assert path.read_bytes() == content
    assert thumbnail.read_bytes() == b"picture"
    assert await table.get(job, "output_path", "thumbnail_path") == (str(path), str(thumbnail))
    payload, at, error = await queue.get(job, "payload", "archived_at", "error_message")
    assert (payload["file"], payload["thumbnail"]) == (str(path), str(thumbnail))
    assert (at is not None, error) == (True, None)


async def test_published_by_sql_it_moves_to_its_month_in_the_configured_time_zone(
    start: Start, table: Table, queue: Queue, settings: Settings, observer: Observer, library: Path
) -> None:
    await table.rows("UPDATE reactor.control SET time_zone = 'Europe/Berlin'")
    job = await queue.video(library / "a.mp4", CONTENT)
    await start(sweep_s=600)

    async with seeing(observer, Seen.VIDEO_ARCHIVED, job_id=job):
        await publish(table, job)

    path = settings.archive_dir / "2026" / "02" / "a.mp4"
    await assert_archived(table, queue, job, path, CONTENT)
    assert list(library.iterdir()) == []


async def test_a_rendered_video_is_served_and_taken_over_out_of_the_archive(
    start: Start, table: Table, settings: Settings
) -> None:
    await table.rows("UPDATE reactor.platforms SET containers = NULL")
    context = await start()
    job = await table.insert(platform="youtube", params='{"title": "A"}')
    await table.until_status(job, "complete")
    await publish(table, job)
    await table.until("archived_at IS NOT NULL FROM reactor.mplite_queue")
    await until_offered(table, job)
    path = Path(await table.get(job, "output_path"))
    assert path.is_relative_to(settings.archive_dir)

    async with client_of(context) as client:
        answers = [await client.get(f"/api/videos/{job}/{what}") for what in ("data", "thumbnail")]
    again = await table.insert(platform="youtube", params='{"title": "A"}')
    await table.until_status(again, "complete")

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == path.read_bytes()
    assert await table.get(again, "cached_from") == job
    second = Path(await table.get(again, "output_path"))
    assert second.parent == settings.library_dir
    assert second.name != path.name


@pytest.mark.parametrize(
    "where",
    ["before the intention", "before the move", "between video and thumbnail", "after the move"],
)
async def test_killed_anywhere_the_next_look_finishes(
    where: str, table: Table, queue: Queue, context: Context, library: Path, dsn: str
) -> None:
    job = await queue.video(library / "a.mp4", CONTENT)
    await publish(table, job)

    await killed(table, dsn, context.settings.data, where)
    assert await queue.get(job, "archived_at") is None
    await archive.archive_published(context)

    path = context.settings.archive_dir / "2026" / "01" / "a.mp4"
    await assert_archived(table, queue, job, path, CONTENT)
    assert list(library.iterdir()) == []
    assert sorted(one.name for one in path.parent.iterdir()) == ["a.mp4", "a.mp4.thumb.jpg"]


async def killed(table: Table, dsn: str, data: Path, where: str) -> None:
    """A process that archives, and is killed by -9 at this place; its sessions let go of their rows a moment later."""
    done = await to_thread.run_sync(
        lambda: subprocess.run(
            [sys.executable, "-c", DIE, dsn, str(data), where],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=PATIENCE_S * 2,
            check=False,
        )
    )
    assert done.returncode == -signal.SIGKILL
    await table.until(
        "count(*) = 0 FROM pg_stat_activity"
        " WHERE application_name = 'archiver' AND datname = current_database()"
    )


@pytest.fixture
def elsewhere(context: Context) -> Iterator[Path]:
    """The archive on another file system, where there is one; else what looks like it."""
    shared = Path("/dev/shm")  # noqa: S108
    place = shared if shared.is_dir() and os.access(shared, os.W_OK) else context.settings.data
    directory = place / f"reactor-archive-{os.getpid()}-{threading.get_ident()}"
    directory.mkdir()
    context.settings.archive_dir.rmdir()
    context.settings.archive_dir.symlink_to(directory)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize(
    "where", ["nowhere", "after staging", "after the move", "between video and thumbnail"]
)
async def test_the_archive_may_be_another_file_system(
    where: str,
    table: Table,
    queue: Queue,
    context: Context,
    library: Path,
    elsewhere: Path,
    dsn: str,
) -> None:
    job = await queue.video(library / "a.mp4", CONTENT)
    await publish(table, job)
    if where != "nowhere":
        await killed(table, dsn, context.settings.data, where)

    await archive.archive_published(context)

    path = context.settings.archive_dir / "2026" / "01" / "a.mp4"
    await assert_archived(table, queue, job, path, CONTENT)
    assert list(library.iterdir()) == []
    names = sorted(one.name for one in path.parent.iterdir())
    assert names == ["a.mp4", "a.mp4.thumb.jpg"]
    async with client_of(context) as client:
        assert (await client.get(f"/api/videos/{job}/data")).content == CONTENT


async def test_a_name_that_is_taken_leads_to_another(
    table: Table, queue: Queue, context: Context, library: Path
) -> None:
    month = context.settings.archive_dir / "2026" / "01"
    month.mkdir(parents=True)
    (month / "a.mp4").write_bytes(b"somebody else's")
    (month / "b.mp4").symlink_to("nowhere")
    jobs = [await queue.video(library / f"{name}.mp4", CONTENT) for name in "ab"]
    for job in jobs:
        await publish(table, job)

    await archive.archive_published(context)

    assert (month / "a.mp4").read_bytes() == b"somebody else's"
    for job, name in zip(jobs, "ab", strict=True):
        path = month / f"{name}.job-{job}.mp4"
        await assert_archived(table, queue, job, path, CONTENT)


async def test_the_same_name_and_content_again_stays_two_files(
    table: Table, queue: Queue, context: Context, library: Path
) -> None:
    """The second has not moved when it looks as if it had."""
    paths = []
    for _ in range(2):
        job = await queue.video(library / "a.mp4", CONTENT)
        await publish(table, job)
        await archive.archive_published(context)
        paths.append(await table.get(job, "output_path"))

    assert len(set(paths)) == 2
    assert all(Path(path).read_bytes() == CONTENT for path in paths)


async def test_a_file_that_is_gone_is_said_once_and_holds_up_nobody(
    table: Table, queue: Queue, context: Context, library: Path, observer: Observer
) -> None:
    gone, there = [await queue.video(library / f"{name}.mp4", CONTENT) for name in "ab"]
    (library / "a.mp4").unlink()
    for job in (gone, there):
        await publish(table, job)
    held: list[Any] = []
    observer.subscribe(
        lambda seen, facts: held.append(facts) if seen is Seen.ARCHIVE_HELD else None
    )

    for _ in range(2):
        await archive.archive_published(context)

    assert [(facts["job_id"], facts["reason"]) for facts in held] == [(gone, "the file is gone")]
    at, error = await queue.get(gone, "archived_at", "error_message")
    assert at is not None
    assert error == f"not archived: {library / 'a.mp4'} is not a file of the library any more"
    assert await queue.get(there, "archived_at") is not None


async def test_what_somebody_moved_and_could_not_say_is_not_given_up(
    table: Table, queue: Queue, context: Context, library: Path, dsn: str
) -> None:
    """Looked at before the move, and again after it: the first look is out of date."""
    job = await queue.video(library / "a.mp4", CONTENT)
    await publish(table, job)
    looks = []
    for where in ("before the move", "after the move"):
        async with context.database.connection() as conn:
            directory = f"{library}/"
            looks += await rows.find_unarchived(
                conn, directory=directory, host="h", beyond=0, most=9
            )
        await killed(table, dsn, context.settings.data, where)

    for look in looks:
        await archive.give_up(look, context)
    assert await queue.get(job, "archived_at") is None
    await archive.archive_published(context)

    path = context.settings.archive_dir / "2026" / "01" / "a.mp4"
    await assert_archived(table, queue, job, path, CONTENT)


async def test_a_missing_library_is_no_reason_to_give_up(
    table: Table, queue: Queue, context: Context, library: Path, observer: Observer
) -> None:
    job = await queue.video(library / "a.mp4", CONTENT)
    await publish(table, job)
    library.rename(library.with_name("unmounted"))

    async with seeing(observer, Seen.ARCHIVE_HELD, reason="the library is not there"):
        await archive.archive_published(context)
    library.with_name("unmounted").rename(library)
    await archive.archive_published(context)

    assert (await table.get(job, "output_path")).endswith("archive/2026/01/a.mp4")


async def test_another_machine_that_does_not_see_the_file_concludes_nothing(
    table: Table, queue: Queue, context: Context, library: Path
) -> None:
    job = await queue.video(library / "a.mp4", CONTENT)
    await publish(table, job, "now")
    (library / "a.mp4").rename(library / "hidden")
    await table.rows(
        "INSERT INTO actp_agent_registry (kind, host, heartbeat_at, status) VALUES ('reactor', 'another', now(), 'running')"
    )

    await archive.archive_published(context)
    assert await queue.get(job, "archived_at") is None
    await table.rows("UPDATE actp_agent_registry SET heartbeat_at = now() - interval '1 hour'")
    await archive.archive_published(context)

    assert await queue.get(job, "archived_at") is not None


async def test_files_of_another_library_are_let_alone_and_those_of_nobody_settled(
    table: Table, queue: Queue, context: Context
) -> None:
    theirs = await queue.complete({"output_path": "/their/library/a.mp4"})
    nobodys = await queue.complete({"output_path": "/elsewhere/b.mp4"})
    await table.rows(
        "INSERT INTO reactor.publications (path, job_id, sha256, size_bytes, width, height)"
        " VALUES ('/their/library/a.mp4', %(job)s, '', 1, 1, 1)",
        job=theirs,
    )
    for job in (theirs, nobodys):
        await publish(table, job)

    await archive.archive_published(context)

    assert await queue.get(theirs, "archived_at") is None
    assert await queue.get(nobodys, "archived_at", "error_message") != (None, None)
    assert await table.get(nobodys, "output_path") == "/elsewhere/b.mp4"


@pytest.mark.parametrize("trick", ["dots", "link"])
async def test_a_row_that_was_tampered_with_moves_no_other_file(
    table: Table, queue: Queue, context: Context, library: Path, trick: str
) -> None:
    secret = context.settings.data / "secret.mp4"
    secret.write_bytes(b"secret")
    path = f"{library}/../secret.mp4"
    if trick == "link":
        (library / "a.mp4").symlink_to(secret)
        path = f"{library}/a.mp4"
    job = await queue.complete({"output_path": path})
    await publish(table, job)

    await archive.archive_published(context)

    assert secret.read_bytes() == b"secret"
    assert await table.get(job, "output_path") == path
    assert await queue.get(job, "archived_at") is not None


async def test_a_full_disk_holds_and_the_next_sweep_tries_again(
    table: Table,
    queue: Queue,
    start: Start,
    library: Path,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = await queue.video(library / "a.mp4", CONTENT)
    full = True

    def place(source: Path, target: Path) -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        local.place(source, target)

    monkeypatch.setattr(archive, "place", place)
    await start()
    async with seeing(observer, Seen.ARCHIVE_HELD, job_id=job, reason="No space left on device"):
        await publish(table, job)
    assert (library / "a.mp4").read_bytes() == CONTENT

    async with seeing(observer, Seen.VIDEO_ARCHIVED, job_id=job):
        full = False

    assert not (library / "a.mp4").exists()


async def test_two_reactors_and_a_reader_disturb_one_another_not(
    table: Table, queue: Queue, start: Start, library: Path, client: httpx.AsyncClient
) -> None:
    jobs = [await queue.video(library / f"{n}.mp4", CONTENT + bytes([n])) for n in range(20)]
    for _ in range(2):
        await start()
    answers: set[tuple[int, bool]] = set()
    over = anyio.Event()

    async def read() -> None:
        while not over.is_set():
            for n, job in enumerate(jobs):
                answer = await client.get(f"/api/videos/{job}/data")
                answers.add((answer.status_code, answer.content == CONTENT + bytes([n])))

    async with anyio.create_task_group() as tg:
        tg.start_soon(read)
        await table.rows("UPDATE reactor.mplite_queue SET status = 'published'")
        await table.until("count(*) = 20 FROM reactor.mplite_queue WHERE archived_at IS NOT NULL")
        over.set()

    assert answers == {(200, True)}
    for n, job in enumerate(jobs):
        path = Path(await table.get(job, "output_path"))
        assert (path.name, path.read_bytes()) == (f"{n}.mp4", CONTENT + bytes([n]))
    assert await table.rows(
        "SELECT count(*) FROM reactor.mplite_queue WHERE error_message IS NOT NULL"
    ) == [(0,)]


async def test_while_it_moves_it_is_served_from_wherever_it_is(
    table: Table,
    queue: Queue,
    context: Context,
    client: httpx.AsyncClient,
    library: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the move and the commit the row still says the library."""
    job = await queue.video(library / "a.mp4", CONTENT)
    await publish(table, job)
    seen: list[tuple[int, bytes]] = []
    confirm = rows.confirm_archived

    async def look_and_confirm(*given: Any, **named: Any) -> None:
        for what in ("data", "thumbnail"):
            answer = await client.get(f"/api/videos/{job}/{what}")
            seen.append((answer.status_code, answer.content))
        await confirm(*given, **named)

    monkeypatch.setattr(rows, "confirm_archived", look_and_confirm)
    await archive.archive_published(context)

    assert seen == [(200, CONTENT), (200, b"picture")]


async def test_a_thumbnail_whose_name_would_be_too_long_holds_up_nothing(
    start: Start, table: Table, queue: Queue, settings: Settings, observer: Observer, library: Path
) -> None:
    path, thumbnail = library / f"{'v' * 250}.mp4", library / "t.jpg"
    path.write_bytes(CONTENT)
    thumbnail.write_bytes(b"picture")
    made = {"output_path": str(path), "thumbnail_path": str(thumbnail), "file_size_bytes": None}
    job = await queue.complete(made)
    await start(sweep_s=600)

    async with seeing(observer, Seen.VIDEO_ARCHIVED, job_id=job):
        await publish(table, job)

    there = settings.archive_dir / "2026" / "01" / path.name
    assert await table.get(job, "output_path", "thumbnail_path") == (str(there), str(thumbnail))
    assert there.read_bytes() == CONTENT
