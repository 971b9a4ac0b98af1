"""The one rename that fails when the target exists, on each system by the best means it has.

Linux has renameat2; elsewhere, and on file systems that do not know it, a hard link does the same
in two steps, and where there are no links either the name is reserved before it is renamed over.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AT_FDCWD = -100
RENAME_NOREPLACE = 1
NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
NO_HARD_LINKS = (*NOT_SUPPORTED, errno.EPERM, errno.EMLINK)


def rename_no_replace(source: Path, target: Path) -> None:
    """Rename atomically; FileExistsError when the target exists, even as a dangling link."""
    try:
        rename_by_kernel(source, target)
    except OSError as wrong:
        if wrong.errno not in NOT_SUPPORTED:
            raise
    else:
        return
    try:
        rename_by_link(source, target)
    except OSError as wrong:
        if wrong.errno not in NO_HARD_LINKS:
            raise
        rename_over_reservation(source, target)


def rename_by_kernel(source: Path, target: Path) -> None:
    """One system call, or ENOSYS where there is none such."""
    call = renameat2()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    paths = os.fsencode(source), os.fsencode(target)
    if call(AT_FDCWD, paths[0], AT_FDCWD, paths[1], RENAME_NOREPLACE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(source), None, str(target))


@cache
def renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    """The C library's function, if it has it."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        call.argtypes = (
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_uint,
        )
    return call


def rename_by_link(source: Path, target: Path) -> None:
    """A second name, which must be free, then the first one goes."""
    os.link(source, target, follow_symlinks=False)
    source.unlink()


def rename_over_reservation(source: Path, target: Path) -> None:
    """Make the target empty and ours, then rename over it; a crash between leaves it empty."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    try:
        source.rename(target)
    except BaseException:
        target.unlink()
        raise
