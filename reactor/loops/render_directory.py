"""What lies in the render directory, and which of it is whose; and on what kind of disk that is.

Nothing here waits or writes, except that a directory which is gone is made again.
"""

from __future__ import annotations

import os
import re
import stat
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reactor.db.orphans import KnownJob, Orphan
from reactor.loops.settled import Render, Signature, signature_of
from reactor.media.naming import RenderName, in_progress, parse_render_name
from reactor.media.source import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reactor.models import JobId

UNFINISHED_AFTER_S = 24 * 3600
# Year 9999: what a datetime can hold.
LATEST_S = 253_370_764_800
# inotify hears nothing of what other machines write there.
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "gcsfuse", "ceph", "glusterfs", "fuse"}
)
MOUNTS = Path("/proc/self/mountinfo")

ENDED = {"complete": "is complete", "failed": "has failed", "cancelled": "is cancelled"}
IN_GOOD_HANDS = frozenset({"rendered", "publishing"})


class File(NamedTuple):
    """Anything in the directory that is not a directory."""

    path: Path
    name: RenderName | None
    mode: int
    signature: Signature


class Stray(NamedTuple):
    """A file that belongs to nobody, and why."""

    file: File
    reason: str


def read_directory(directory: Path) -> list[File]:
    """Every file in it, no link followed, in an order that stays the same."""
    files = []
    with os.scandir(existing(directory)) as entries:
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISDIR(found.st_mode):
                path, name = directory / entry.name, parse_render_name(entry.name)
                files.append(File(path, name, found.st_mode, signature_of(found)))
    return sorted(files, key=lambda file: file.path.name)


def render_names(directory: Path) -> set[str]:
    """The names in it that a finished render would have."""
    with os.scandir(existing(directory)) as entries:
        return {entry.name for entry in entries if parse_render_name(entry.name)}


def existing(directory: Path) -> Path:
    """The directory, made again when it is gone."""
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def identify(directory: Path) -> tuple[int, int] | None:
    """Which directory has that name now; None when there is none."""
    try:
        found = directory.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def sort_files(
    files: Iterable[File], jobs: Mapping[JobId, KnownJob]
) -> tuple[list[Render], list[Stray]]:
    """Files that may finish their jobs, and files of nobody, by what the table says of the jobs."""
    renders, strays = [], []
    for file in files:
        reason = why_stray(file, jobs)
        if reason:
            strays.append(Stray(file, reason))
        elif file.name and jobs[file.name.job_id].stage not in IN_GOOD_HANDS:
            renders.append(Render(file.path, file.name, file.signature))
    return renders, strays


def why_stray(file: File, jobs: Mapping[JobId, KnownJob]) -> str | None:
    """Why a file belongs to nobody, for people; None while it does or may."""
    name = file.name
    left_alone = time.time() - file.signature.modified_ns / 1e9 > UNFINISHED_AFTER_S
    if name is None:
        unfinished = "unfinished" if left_alone else None
        return unfinished if in_progress(file.path.name) else "not a render file name"
    if not stat.S_ISREG(file.mode):
        return f"{kind_of(file.mode)}, not a regular file"
    job = jobs.get(name.job_id)
    if job is None:
        return f"no job {name.job_id}"
    if job.status in ENDED:
        return f"job {job.id} {ENDED[job.status]}"
    if job.stage in IN_GOOD_HANDS:
        return None
    if name.attempt is not None and name.attempt != job.attempt:
        return f"job {job.id} is at attempt {job.attempt}, this is attempt {name.attempt}"
    return "unfinished" if left_alone and not file.signature.size_bytes else None


def still_there(strays: Iterable[Stray]) -> list[Stray]:
    """Those that nobody has taken away or changed since the directory was read."""
    return [stray for stray in strays if signature_now(stray.file.path) == stray.file.signature]


def signature_now(path: Path) -> Signature | None:
    """The state of whatever has that name, no link followed; None when nothing has."""
    try:
        return signature_of(path.lstat())
    except OSError:
        return None


def orphan(stray: Stray) -> Orphan:
    """The file as it is written down."""
    modified_s = min(max(stray.file.signature.modified_ns / 1e9, 0), LATEST_S)
    size_bytes = stray.file.signature.size_bytes
    return Orphan(
        spelled(stray.file.path), size_bytes, datetime.fromtimestamp(modified_s, UTC), stray.reason
    )


def spelled(path: Path) -> str:
    """The path as Postgres can hold it, also when it is no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def is_network_mount(directory: Path, mounts: Path = MOUNTS) -> bool:
    """Whether other machines may write there; False where the system does not say."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
        where = directory.resolve()
    except OSError:
        return False
    deepest, kind = Path(), ""
    for line in lines:
        fields, _, rest = line.partition(" - ")
        mounted_at = Path(unescaped(fields.split()[4]))
        # A later line of the same depth lies over the earlier one.
        if where.is_relative_to(mounted_at) and len(mounted_at.parts) >= len(deepest.parts):
            deepest, kind = mounted_at, rest.split()[0]
    return kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse.")


def unescaped(text: str) -> str:
    """A path of mountinfo, where blanks are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
