"""What file events lead to: finished files are announced at once, others not before they are finished."""

from __future__ import annotations

import math
import os
import signal
from typing import TYPE_CHECKING

import anyio
import pytest

from reactor.events import OutputSeen
from reactor.loops.settled import Patience
from reactor.models import JobId
from tests.watcher.conftest import NEVER_S, Eyes, Farm

if TYPE_CHECKING:
    from pathlib import Path

ENDLESS = Patience(sample_s=0.02, samples=10_000, quiet_s=NEVER_S, broken_s=NEVER_S)


@pytest.mark.parametrize("kind", ["still", "gif", "mp4"])
async def test_a_file_renamed_into_place_is_announced_at_once(
    farm: Farm, eyes: Eyes, kind: str, request: pytest.FixtureRequest
) -> None:
    content: bytes = request.getfixturevalue(kind)
    name = f"job-7-a2.{kind.replace('still', 'jpg')}"
    async with farm.watching(eyes, patience=ENDLESS) as watcher:
        path = farm.rename_in(name, content)
        await eyes.until(name)

    assert eyes.seen == [OutputSeen(JobId(7), 2, path)]
    assert watcher.mode == "inotify"


async def test_a_rename_is_announced_within_a_tenth_of_a_second(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    """The quickest of many: other work on this machine delays some, and what is slow by itself delays all."""
    waited = [math.inf]
    async with farm.watching(eyes):
        while waited[-1] >= 0.1 and len(waited) <= 200:
            number = len(waited)
            part = farm.write(f"job-{number}-a1.jpg.part", still)
            began = anyio.current_time()
            part.rename(farm.directory / f"job-{number}-a1.jpg")
            await eyes.until_count(number)
            waited.append(eyes.at[-1] - began)

    assert min(waited) < 0.1


async def test_a_truncated_render_is_not_announced_at_once(
    farm: Farm, eyes: Eyes, still: bytes, mp4: bytes
) -> None:
    async with farm.watching(eyes, patience=ENDLESS):
        farm.rename_in("job-1-a1.mp4", mp4[:-1])
        farm.rename_in("job-2-a1.jpg", still[:-2])
        farm.rename_in("job-3-a1.jpg", still)
        await eyes.until("job-3-a1.jpg")

    assert eyes.names == ["job-3-a1.jpg"]


async def test_a_broken_file_is_announced_late_so_that_somebody_can_say_what_is_wrong(
    farm: Farm, eyes: Eyes, mp4: bytes
) -> None:
    patience = Patience(sample_s=0.02, samples=3, quiet_s=0.05, broken_s=0.4)
    async with farm.watching(eyes, patience=patience):
        farm.rename_in("job-1-a1.mp4", mp4[:-1])
        began = anyio.current_time()
        await eyes.until("job-1-a1.mp4")

    assert eyes.at[0] - began >= 0.4


async def test_a_file_dropped_by_hand_is_announced_when_it_has_been_quiet(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    async with farm.watching(eyes):
        path = farm.write("job-5.jpg", still)
        began = anyio.current_time()
        await eyes.until("job-5.jpg")

    assert eyes.seen == [OutputSeen(JobId(5), None, path)]
    assert eyes.at[0] - began >= 0.15


async def test_a_file_that_grows_in_place_is_not_announced_before_it_is_all_there(
    farm: Farm, eyes: Eyes, gif: bytes
) -> None:
    announced: list[int] = []
    async with farm.watching(eyes):
        with (farm.directory / "job-5.gif").open("wb", buffering=0) as file:
            for start in range(0, len(gif), len(gif) // 8 + 1):
                file.write(gif[start : start + len(gif) // 8 + 1])
                announced.append(len(eyes.seen))
                await anyio.sleep(0.05)
        await eyes.until("job-5.gif")

    assert announced == [0] * 8
    assert eyes.names == ["job-5.gif"]


async def test_a_quiet_copy_that_is_not_whole_yet_waits_for_its_rest(
    farm: Farm, eyes: Eyes, mp4: bytes, still: bytes
) -> None:
    """The first half stays unchanged for longer than the time of quiet."""
    async with farm.watching(eyes):
        farm.write("job-5.mp4", mp4[:1000])
        farm.write("job-6.jpg", still)
        await eyes.until("job-6.jpg")
        early = list(eyes.names)
        farm.write("job-5.mp4", mp4)
        await eyes.until("job-5.mp4")

    assert early == ["job-6.jpg"]


async def test_a_whole_render_that_replaces_a_broken_one_is_announced_at_once(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    async with farm.watching(eyes, patience=ENDLESS):
        farm.rename_in("job-1-a1.jpg", still[:-2])
        farm.rename_in("job-2-a1.jpg", still)
        await eyes.until("job-2-a1.jpg")
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")

    assert eyes.names == ["job-2-a1.jpg", "job-1-a1.jpg"]


async def test_what_is_no_finished_regular_file_is_ignored(
    farm: Farm, eyes: Eyes, still: bytes, tmp_path: Path
) -> None:
    """In progress, empty, a link, a FIFO, a directory, a name of nobody: none is a finished render."""
    elsewhere = tmp_path / "elsewhere.jpg"
    elsewhere.write_bytes(still)
    async with farm.watching(eyes):
        for name in (
            "job-1-a1.jpg.part",
            ".job-1-a1.jpg",
            "~job-1-a1.jpg",
            "holiday.jpg",
            "job-x.jpg",
        ):
            farm.write(name, still)
        farm.rename_in("job-2-a1.jpg", b"")
        farm.write("job-3.jpg", b"")
        (farm.directory / "job-4-a1.jpg").symlink_to(elsewhere)
        os.mkfifo(farm.directory / "job-5-a1.jpg")
        (farm.directory / "job-6-a1.jpg").mkdir()
        farm.write("job-7.jpg", still)
        await eyes.until("job-7.jpg")

    assert eyes.names == ["job-7.jpg"]


async def test_the_same_file_is_not_announced_twice_by_events(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    async with farm.watching(eyes):
        path = farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")
        path.chmod(0o600)
        path.rename(farm.directory / "aside")
        (farm.directory / "aside").rename(path)
        farm.rename_in("job-2-a1.jpg", still)
        await eyes.until("job-2-a1.jpg")

    assert eyes.names == ["job-1-a1.jpg", "job-2-a1.jpg"]


async def test_another_file_of_the_same_name_is_announced_again(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    async with farm.watching(eyes):
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until_count(1)
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until_count(2)

    assert eyes.names == ["job-1-a1.jpg"] * 2


async def test_a_file_with_a_time_in_the_future_is_announced(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    """Clocks jump: nothing depends on a file's age."""
    async with farm.watching(eyes):
        path = farm.write("job-5.jpg", still)
        os.utime(path, (4e9, 4e9))
        await eyes.until("job-5.jpg")

    assert eyes.names == ["job-5.jpg"]


async def test_two_watchers_of_one_directory_both_announce(
    farm: Farm, eyes: Eyes, still: bytes
) -> None:
    others = Eyes()
    async with farm.watching(eyes), farm.watching(others):
        farm.rename_in("job-1-a1.jpg", still)
        await eyes.until("job-1-a1.jpg")
        await others.until("job-1-a1.jpg")

    assert eyes.names == others.names == ["job-1-a1.jpg"]


async def test_a_storm_of_files_is_announced_whole(farm: Farm, eyes: Eyes, still: bytes) -> None:
    names = [f"job-{number}-a1.jpg" for number in range(1, 501)]
    async with farm.watching(eyes):
        for name in names:
            farm.rename_in(name, still)
        await eyes.until(*names)

    assert sorted(eyes.names) == sorted(names)


async def test_nothing_of_the_watchers_own_stays_in_the_directory(farm: Farm, eyes: Eyes) -> None:
    async with farm.watching(eyes):
        pass

    assert list(farm.directory.iterdir()) == []


@pytest.mark.parametrize("poll_files", [False, True])
async def test_a_cancelled_watcher_returns_promptly(
    farm: Farm, eyes: Eyes, still: bytes, *, poll_files: bool
) -> None:
    """Also while nothing happens, with the watch thread in the kernel and a file that may still grow.

    The quickest of a few: a watch thread that hears of no end stays for its five seconds each time.
    """
    took = [math.inf]
    while took[-1] >= 1 and len(took) <= 10:
        async with farm.watching(eyes, poll_files=poll_files, patience=ENDLESS):
            farm.write("job-1.jpg", still)
            farm.rename_in(f"job-2-a{len(took)}.jpg", still)
            await eyes.until(f"job-2-a{len(took)}.jpg")
            await anyio.wait_all_tasks_blocked()
            began = anyio.current_time()
        took.append(anyio.current_time() - began)

    assert min(took) < 1


async def test_the_watcher_leaves_signals_to_their_owner(farm: Farm, eyes: Eyes) -> None:
    before = signal.getsignal(signal.SIGINT)
    async with farm.watching(eyes):
        during = signal.getsignal(signal.SIGINT)

    assert during == before
