"""Files that jobs name: found below the allowed directories, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.media.source import Malformed, Rejected, opened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def find_file(given: str, directories: Sequence[Path]) -> Path | Rejected:
    """The regular, readable file of that path, with every link followed, below one of the directories.

    A relative path is looked for in the first. Of files elsewhere not even their existence is told.
    """
    if not given.isprintable():
        return Rejected("has control characters; allowed: the path of a file")
    try:
        path = (directories[0] / given).resolve()
        roots = [directory.resolve() for directory in directories]
    except (OSError, ValueError, RuntimeError):
        return Rejected("cannot be a path; allowed: the path of a file")
    if not any(path.is_relative_to(root) for root in roots):
        return Rejected(
            f"lies outside the allowed directories ({', '.join(map(str, directories))}); "
            "copy the file there, or add its directory to REACTOR_ASSET_DIRS"
        )
    try:
        with opened(path):
            return path
    except Malformed as wrong:
        return Rejected(str(wrong))
    except OSError as wrong:
        return Rejected(f"cannot be read ({wrong.strerror})")
