"""A finished file, opened so that nothing but a regular file is ever read.

Everything that judges the file reads through the one descriptor opened here: what is checked is
what is hashed, whatever happens to the name meanwhile.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reactor.errors import ReactorError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

# O_NONBLOCK: opening a FIFO must not wait for somebody to write into it.
READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Malformed(ReactorError):
    """The file is not what was ordered."""


@dataclass(frozen=True)
class Rejected:
    """The file is not what was ordered; the reason is one sentence for people."""

    reason: str


@contextmanager
def opened(path: Path) -> Iterator[FileIO]:
    """Open for reading, unbuffered; Malformed when it is missing, empty, special or still growing."""
    refuse_special(path)
    with os.fdopen(os.open(path, READ_FLAGS), "rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise Malformed(f"is {kind_of(before.st_mode)}, not a regular file")
        if before.st_size == 0:
            raise Malformed("is empty (0 bytes)")
        yield file
        after = os.fstat(file.fileno())
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise Malformed(
                f"is still being written: {before.st_size} bytes at first, {after.st_size} later"
            )


def refuse_special(path: Path) -> None:
    """Malformed unless the name itself, no link followed, is a regular file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        raise Malformed("does not exist") from None
    if not stat.S_ISREG(mode):
        raise Malformed(f"is {kind_of(mode)}, not a regular file")


def kind_of(mode: int) -> str:
    """What a special file is called."""
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a directory", stat.S_IFIFO: "a FIFO"}
    return kinds.get(stat.S_IFMT(mode), "a special file")
