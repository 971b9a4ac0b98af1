"""A path that comes from a row is believed only as far as the directory it must lie in.

Without a symbolic link on the way: a row that was tampered with opens, serves and moves no other file.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from pathlib import Path


def find_inside(path: Path, directory: Path) -> os.stat_result | None:
    """The file's status, when it is a regular file below the directory, reached without a symbolic link."""
    try:
        inside = path.relative_to(directory)
        if path.resolve(strict=True) != directory.resolve() / inside:
            return None
        found = path.lstat()
    except (ValueError, OSError, RuntimeError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None
