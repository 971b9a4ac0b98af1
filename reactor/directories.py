"""The directories below the data directory: made at the start, cleared of what was left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.downloads import clear_old
from reactor.errors import BadConfiguration
from reactor.storage.local import clear_leftovers

if TYPE_CHECKING:
    from reactor.settings import Settings

LEFTOVER_S = 24 * 3600
"""After a day nobody is still writing."""


def prepare_directories(settings: Settings) -> None:
    """Make what is missing; BadConfiguration when it cannot be made."""
    for directory in (
        settings.renders_dir,
        settings.library_dir,
        settings.quarantine_dir,
        settings.archive_dir,
        settings.uploads_dir,
    ):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as wrong:
            raise BadConfiguration(
                f"REACTOR_DATA: {directory} cannot be made ({wrong.strerror})"
            ) from None
    for directory in (settings.library_dir, settings.archive_dir, settings.uploads_dir):
        clear_leftovers(directory, older_than_s=LEFTOVER_S)
    clear_old_files(settings)


def clear_old_files(settings: Settings) -> int:
    """Remove material that was brought in long ago; how many files that were."""
    return clear_old(settings.uploads_dir, older_than_s=LEFTOVER_S)
