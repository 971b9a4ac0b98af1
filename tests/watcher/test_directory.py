"""The render directory itself: deleted, replaced, on a network mount, or where no events come."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from watchfiles._rust_notify import WatchfilesRustInternalError

from reactor.errors import BadConfiguration
from reactor.loops import file_events
from reactor.loops.render_directory import is_network_mount
from reactor.observe import Seen
from tests.fix_reactor import PATIENCE_S, seeing
from tests.watcher.conftest import NEVER_S, Eyes, Farm

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from watchfiles.main import FileChange

    from reactor.observe import Observer

Observed = list[tuple[Seen, dict[str, Any]]]


@asynccontextmanager
async def watching_again(observer: Observer) -> AsyncIterator[None]:
    """What happens within the block makes the watcher begin anew."""
    async with seeing(observer, Seen.WATCH_LOST), seeing(observer, Seen.WATCHING):
        yield


def lost(observed: Observed) -> list[dict[str, Any]]:
    """Every time that the events were lost."""
    return [facts for seen, facts in observed if seen is Seen.WATCH_LOST]


async def appearing(directory: Path) -> None:
    """Wait until the directory is there."""
    with anyio.fail_after(PATIENCE_S):
        while not await anyio.Path(directory).exists():
            await anyio.sleep(0.01)


async def test_a_deleted_directory_is_made_again_and_watched(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    async with farm.watching(eyes):
        async with watching_again(farm.observer):
            shutil.rmtree(farm.directory)
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")


async def test_a_directory_moved_away_is_made_again_and_watched(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    async with farm.watching(eyes):
        async with watching_again(farm.observer):
            farm.directory.rename(farm.directory.with_name("elsewhere"))
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")


async def test_another_directory_of_the_same_name_is_noticed_by_the_full_scan(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    """Nothing happens to the watched directory when a link to it leads elsewhere, so no event says so."""
    first = farm.directory.rename(farm.directory.with_name("first"))
    second = farm.directory.with_name("second")
    second.mkdir()
    farm.directory.symlink_to(first)
    other = farm.directory.with_name("other")
    other.symlink_to(second)
    async with farm.watching(eyes) as watcher:
        async with watching_again(farm.observer):
            # In one step: a scan that finds no directory makes one.
            other.replace(farm.directory)
            watcher.nudge()
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")


async def test_a_missing_directory_is_made_at_the_start(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    farm.directory.rmdir()
    async with farm.watching(eyes):
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")


async def test_a_directory_that_cannot_be_one_is_a_setting_to_change(
    farm: Farm, eyes: Eyes
) -> None:
    farm.directory.rmdir()
    farm.directory.touch()
    with pytest.raises(
        BadConfiguration, match=r"REACTOR_DATA: .*renders cannot be used: File exists"
    ):
        await farm.watcher(eyes).run()


async def test_polling_announces_files_as_well(farm: Farm, eyes: Eyes, still: bytes) -> None:
    async with farm.watching(eyes, poll_files=True) as watcher:
        farm.rename_in("job-1-a1.jpg", still)
        farm.write("job-2.jpg", still)
        await eyes.until("job-1-a1.jpg", "job-2.jpg")

    assert watcher.mode == "poll"
    assert sorted(eyes.names) == ["job-1-a1.jpg", "job-2.jpg"]


async def test_polling_goes_on_in_a_directory_made_again(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    async with farm.watching(eyes, poll_files=True):
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")
        shutil.rmtree(farm.directory)
        await appearing(farm.directory)
        farm.rename_in("job-2-a1.jpg", still)
        await eyes.until("job-2-a1.jpg")


async def test_where_no_events_come_the_watcher_polls_and_says_so(
    farm: Farm, eyes: Eyes, still: bytes, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a mount that the kernel cannot watch: watching works, but there is nothing to hear."""
    monkeypatch.setattr(file_events, "PROBES", 1)
    monkeypatch.setattr(file_events.FileEvents, "_concerns_us", lambda *_: False)
    async with farm.watching(eyes) as watcher:
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")

    assert watcher.mode == "poll"
    assert lost(observed) == [
        {"mode": "poll", "reason": "No event came for a file of our own making."}
    ]


@pytest.mark.parametrize(
    "refusal",
    [
        OSError("OS file watch limit reached."),
        WatchfilesRustInternalError("Error creating recommended watcher: Too many open files"),
    ],
)
async def test_without_a_free_watch_the_watcher_polls_with_one_warning(
    farm: Farm,
    eyes: Eyes,
    still: bytes,
    observed: Observed,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Exception,
) -> None:
    """What watchfiles raised with max_inotify_watches and max_inotify_instances at 0."""

    async def refuse(*_: object, **__: object) -> AsyncGenerator[set[FileChange], None]:
        raise refusal
        yield set()

    monkeypatch.setattr(file_events, "awatch", refuse)
    async with farm.watching(eyes, poll_s=0.02) as watcher:
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")

    assert watcher.mode == "poll"
    assert lost(observed) == [{"mode": "poll", "reason": str(refusal)}]


async def test_an_ordinary_directory_is_watched_without_losing_events(
    farm: Farm, eyes: Eyes, still: bytes, observed: Observed
) -> None:
    async with farm.watching(eyes, poll_s=NEVER_S):
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")

    assert lost(observed) == []


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ("/", False),
        ("/data", False),
        ("/data/renders", False),
        ("/data/shared", True),
        ("/data/shared/renders", True),
        ("/data/shared/scratch/x", False),
        ("/data/shared files/x", True),
        ("/bucket", True),
        ("/covered/x", True),
        ("/uncovered/x", False),
    ],
)
def test_network_mounts_are_known_by_their_kind(
    tmp_path: Path, directory: str, *, expected: bool
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "21 20 0:40 / /data/shared rw,relatime shared:1 master:2 - nfs4 host:/export rw\n"
        "22 21 0:41 / /data/shared/scratch rw - tmpfs tmpfs rw\n"
        "23 20 0:42 / /data/shared\\040files rw - cifs //host/share rw\n"
        "24 20 0:43 / /bucket rw - fuse.gcsfuse bucket rw\n"
        "25 20 0:44 / /covered rw - ext4 /dev/sdb1 rw\n"
        "26 25 0:45 / /covered rw - virtiofs tag rw\n"
        "27 20 0:46 / /uncovered rw - 9p tag rw\n"
        "28 27 0:47 / /uncovered rw - xfs /dev/sdc1 rw\n"
    )

    assert is_network_mount(type(tmp_path)(directory), mounts) is expected


def test_a_system_that_does_not_tell_its_mounts_has_no_network_mount(tmp_path: Path) -> None:
    assert not is_network_mount(tmp_path, tmp_path / "missing")
