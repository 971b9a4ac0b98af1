"""The library on a local or mounted file system: files get in by an atomic rename that replaces nothing.

All functions block: call them in a thread. An OSError passes through with its errno, and its class is
the caller's to tell: ENOSPC, EDQUOT and EFBIG are FailureClass.RESOURCE, the others INFRASTRUCTURE.
FileExistsError means the name is taken, FileNotFoundError that the source is gone; in both cases
look whether the target already is the file (`sha256_of`), for a crash may have come after the rename.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from reactor.storage.rename import rename_no_replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# O_NONBLOCK: opening a FIFO must not wait for somebody to write into it.
READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
NEW_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Leaves room for a number and `.reason.txt` in the 255 bytes of a name.
MAX_STEM_BYTES = 180
COPY_BYTES = 8 * 1024 * 1024
# Errors by which a file system says that it cannot copy within the kernel.
NO_KERNEL_COPY = (
    errno.EXDEV,
    errno.EINVAL,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.EPERM,
    errno.EBADF,
)


def place(source: Path, target: Path) -> None:
    """Move the file to a name that must be free, durably, across file systems if need be."""
    make_directory(target.parent)
    sync_file(source)
    if half_moved(source, target):
        source.unlink()
    else:
        move(source, target)
    sync_directory(target.parent)
    sync_directory(source.parent)


def half_moved(source: Path, target: Path) -> bool:
    """Whether two names are one file: a move by hard link that was cut short."""
    try:
        there, here = target.lstat(), source.lstat()
    except FileNotFoundError:
        return False
    same_file = (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
    same_name = source.name == target.name and source.parent.samefile(target.parent)
    return same_file and there.st_nlink > 1 and not same_name


def move(source: Path, target: Path) -> None:
    """Rename, or copy beside the target and rename that; the source goes last."""
    try:
        rename_no_replace(source, target)
    except OSError as wrong:
        if wrong.errno != errno.EXDEV:
            raise
    else:
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    staged = stage(source, target.parent)
    try:
        rename_no_replace(staged, target)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)
    source.unlink()


def stage(source: Path, target_dir: Path) -> Path:
    """Copy into the directory as a hidden `.part`, synced and of the same size; nothing stays on failure."""
    staged = target_dir / f".staged-{secrets.token_hex(8)}.part"
    with reading(source) as reader, removed_on_failure(staged):
        writer = os.open(staged, NEW_FLAGS, 0o644)
        try:
            copy(reader, writer)
            os.fsync(writer)
            expected, written = os.fstat(reader).st_size, os.fstat(writer).st_size
        finally:
            os.close(writer)
        if written != expected:
            raise OSError(errno.EIO, f"copied {written} of {expected} bytes", str(source))
    return staged


@contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """Leave no partial file behind, whatever happened."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def copy(reader: int, writer: int) -> None:
    """Let the kernel copy, which shares blocks or copies on the server where it can; else by hand."""
    try:
        while hasattr(os, "copy_file_range") and os.copy_file_range(reader, writer, COPY_BYTES):
            pass
    except OSError as wrong:
        if wrong.errno not in NO_KERNEL_COPY:
            raise
    # Both offsets stand where the kernel left off, so at the end there is nothing left to read.
    while data := os.read(reader, COPY_BYTES):
        view = memoryview(data)
        while view:
            view = view[os.write(writer, view) :]


def quarantine(path: Path, directory: Path, reason: str) -> Path:
    """Put the file aside under a name of its own, its reason beside it in `<name>.reason.txt`.

    The reason is written first and holds the name. Special files are moved as they are, never read.
    """
    make_directory(directory)
    regular = stat.S_ISREG(path.lstat().st_mode)
    stem = os.fsdecode(os.fsencode(path.stem)[:MAX_STEM_BYTES])
    number = 1
    while True:
        suffix = "" if number == 1 else f".{number}"
        target = directory / f"{stem}{suffix}{path.suffix}"
        note = directory / f"{target.name}.reason.txt"
        try:
            write_new(note, reason)
            with removed_on_failure(note):
                (place if regular else rename_no_replace)(path, target)
        except FileExistsError:
            number += 1
        else:
            return target


def write_new(path: Path, text: str) -> None:
    """Write and sync a text under a name that must be free."""
    descriptor = os.open(path, NEW_FLAGS, 0o644)
    with removed_on_failure(path), os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n")
        file.flush()
        os.fsync(file.fileno())


def clear_leftovers(directory: Path, *, older_than_s: float) -> None:
    """Remove what killed processes left half-written here: hidden `.part` files that nobody touches."""
    oldest = time.time() - older_than_s
    for part in directory.glob(".*.part"):
        with suppress(FileNotFoundError):
            if stat.S_ISREG(part.lstat().st_mode) and part.lstat().st_mtime < oldest:
                part.unlink()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a regular file as 64 hexadecimal digits."""
    with reading(path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def free_bytes(directory: Path) -> int:
    """How much may still be written there; of a directory yet to be made, where it would be made."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


@contextmanager
def reading(path: Path) -> Iterator[int]:
    """A descriptor of a regular file; a link is refused with ELOOP, anything else with EINVAL."""
    descriptor = os.open(path, READ_FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        yield descriptor
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Make the directory and those above it, each entered durably into its parent."""
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Bring the file's bytes to the disk."""
    with reading(path) as descriptor:
        os.fsync(descriptor)


def sync_directory(directory: Path) -> None:
    """Bring the directory's names to the disk, where the file system knows how to."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as wrong:
        if wrong.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
