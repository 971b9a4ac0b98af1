"""Move published videos from the library to `archive/YYYY/MM/`, wherever a crash may fall.

Write down where the file is meant to go, as a name that is nobody else's; then, holding the row, move it
without replacing anything, and let the job's paths follow. Killed in between, the file is still in the
library, or it is where the intention says: the next look goes on from there.
"""

from __future__ import annotations

import errno
import os
import socket
from enum import Enum, auto
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
from anyio import to_thread

from reactor.db import archive
from reactor.observe import Seen
from reactor.storage.inside import find_inside
from reactor.storage.local import MAX_STEM_BYTES, make_directory, place, sha256_of, stage

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.db.archive import Unarchived

AT_ONCE = 100
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
THUMBNAIL = ".thumb"


class Name(Enum):
    """What came of reserving a name; OVER is that somebody else has the video in hand."""

    RESERVED = auto()
    TAKEN = auto()
    OVER = auto()


class Move(NamedTuple):
    """Where a file comes from and where it goes; `staged` is it, or its copy on the archive's file system."""

    source: Path
    staged: Path
    target: Path


async def archive_published(context: Context) -> None:
    """Move every published video of this library; what cannot be moved now is looked at again."""
    library = below(context.settings.library_dir)
    async with context.database.connection() as conn:
        await archive.settle_elsewhere(conn, library)
    beyond = 0
    while True:
        async with context.database.connection() as conn:
            found = await archive.find_unarchived(
                conn, directory=library, host=socket.gethostname(), beyond=beyond, most=AT_ONCE
            )
        for video in found:
            try:
                await archive_one(video, context)
            except OSError as wrong:
                hold(video, wrong.strerror or repr(wrong), context)
                if wrong.errno in FULL:
                    return
        if len(found) < AT_ONCE:
            return
        beyond = found[-1].publish_id


def below(directory: Path) -> str:
    """How every path below the directory begins."""
    return f"{directory}/"


def hold(video: Unarchived, reason: str, context: Context) -> None:
    """Say why a video is not in the archive."""
    context.observe(Seen.ARCHIVE_HELD, job_id=video.job_id, path=video.output_path, reason=reason)


async def archive_one(video: Unarchived, context: Context) -> None:
    """Move one video and its thumbnail, or find out that it was moved, or that there is nothing to move."""
    source = Path(video.output_path)
    if video.archive_path and await is_moved(video, Path(video.archive_path), context):
        target = Path(video.archive_path)
        await finish(video, Move(source, target, target), context)
        return
    if await to_thread.run_sync(find_inside, source, context.settings.library_dir) is None:
        await give_up(video, context)
        return
    await move_to_free_name(video, source, context)


async def is_moved(video: Unarchived, target: Path, context: Context) -> bool:
    """Whether the file got to where it was meant to go before somebody was killed."""
    return await to_thread.run_sync(same_file, video, target, context.settings.archive_dir)


def same_file(video: Unarchived, target: Path, directory: Path) -> bool:
    """Whether the video is there, whole; a job that was completed by hand may not say what its file is."""
    found = find_inside(target, directory)
    if found is None or video.size_bytes not in (None, found.st_size):
        return False
    try:
        expected = video.sha256 or sha256_of(Path(video.output_path))
    except OSError:
        return True  # the name is this video's alone, and its file has left the library
    return sha256_of(target) == expected


async def give_up(video: Unarchived, context: Context) -> None:
    """The file is gone: say so once. Unless the whole library is, or it may be another machine's."""
    if not await anyio.Path(context.settings.library_dir).is_dir():
        hold(video, "the library is not there", context)
        return
    if video.may_be_elsewhere:
        return
    reason = f"not archived: {video.output_path} is not a file of the library any more"
    async with context.database.transaction() as conn:
        if not await archive.lock_for_archiving(conn, video.publish_id, video.archive_path):
            return
        # Somebody may have moved it since we looked, and been killed before the row could say so.
        if video.archive_path:
            is_there = await to_thread.run_sync(os.path.lexists, video.archive_path)
            if is_there:
                return
        await archive.give_up_archiving(conn, video.publish_id, reason)
    hold(video, "the file is gone", context)


async def move_to_free_name(video: Unarchived, source: Path, context: Context) -> None:
    """Move it under the first of its names that is free on the disk and in the table."""
    settings = context.settings
    directory = settings.archive_dir / video.month
    await to_thread.run_sync(make_directory, directory)
    staged = await to_thread.run_sync(bring_near, source, settings.archive_dir)
    try:
        for version in count():
            target = directory / name_of(source, video.job_id, version)
            match await reserve(video, target, context):
                case Name.TAKEN:
                    continue
                case Name.OVER:
                    return
            video = video._replace(archive_path=str(target))
            try:
                await finish(video, Move(source, staged, target), context)
            except FileExistsError:
                continue
            return
    finally:
        if staged != source:
            with anyio.CancelScope(shield=True):
                await anyio.Path(staged).unlink(missing_ok=True)


def bring_near(source: Path, directory: Path) -> Path:
    """The file itself, or a copy of it on the directory's file system, so that no lock waits for one."""
    if source.stat().st_dev == directory.stat().st_dev:
        return source
    return stage(source, directory)


def name_of(source: Path, job_id: int, version: int) -> str:
    """Its own name, then one with the job's id, then more of those."""
    if version == 0:
        return source.name
    more = f"-{version}" if version > 1 else ""
    stem = os.fsdecode(os.fsencode(source.stem)[:MAX_STEM_BYTES])
    return f"{stem}.job-{job_id}{more}{source.suffix}"


async def reserve(video: Unarchived, target: Path, context: Context) -> Name:
    """Mean the file to go there, if the name is free.

    Only with the row in hand, and as long as the file is where it was: an intention that somebody has
    acted upon must stay.
    """
    async with context.database.transaction() as conn:
        if not await archive.lock_for_archiving(conn, video.publish_id, video.archive_path):
            return Name.OVER
        source = Path(video.output_path)
        if not await to_thread.run_sync(find_inside, source, context.settings.library_dir):
            return Name.OVER
        if await to_thread.run_sync(os.path.lexists, target):
            return Name.TAKEN
        reserved = await archive.intend_archiving(conn, video.publish_id, str(target))
        return Name.RESERVED if reserved else Name.TAKEN


async def finish(video: Unarchived, move: Move, context: Context) -> None:
    """Move what is not there yet while holding the row, and let the job's paths follow."""
    async with context.database.transaction() as conn:
        if not await archive.lock_for_archiving(conn, video.publish_id, str(move.target)):
            return
        thumbnail = await to_thread.run_sync(
            move_files, move, video.thumbnail_path, context.settings.library_dir
        )
        await archive.confirm_archived(
            conn, video, output_path=str(move.target), thumbnail_path=thumbnail
        )
    context.observe(Seen.VIDEO_ARCHIVED, job_id=video.job_id, path=str(move.target))


def move_files(move: Move, thumbnail: str | None, library: Path) -> str | None:
    """Move the video, and its thumbnail beside it; where the thumbnail is then."""
    if move.staged != move.target:
        place(move.staged, move.target)
    if find_inside(move.source, library):
        # What a copy has left, or a move by hard link that was cut short.
        move.source.unlink()
    if thumbnail is None or Path(thumbnail) == move.source:
        return thumbnail and str(move.target)
    here = Path(thumbnail)
    there = move.target.with_name(f"{move.target.name}{THUMBNAIL}{here.suffix}")
    if find_inside(here, library):
        try:
            place(here, there)
        except OSError as wrong:
            # The video is there already, and must not wait for its picture.
            if wrong.errno not in (errno.EEXIST, errno.ENAMETOOLONG):
                raise
            return thumbnail
        return str(there)
    return str(there) if there.is_file() else thumbnail
