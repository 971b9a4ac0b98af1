"""The rename that replaces nothing, by each means there is."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from reactor.storage import rename
from reactor.storage.local import place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTENT = os.urandom(300_000)
RENAMES = [rename.rename_by_kernel, rename.rename_by_link, rename.rename_over_reservation]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A rendered file."""
    path = tmp_path / "renders" / "job-1-a1.mp4"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library yet to be made."""
    return tmp_path / "library" / "2026"


@pytest.mark.parametrize("how", RENAMES)
def test_every_way_of_renaming_moves(
    how: Callable[[Path, Path], None], source: Path, tmp_path: Path
) -> None:
    how(source, tmp_path / "a.mp4")

    assert (tmp_path / "a.mp4").read_bytes() == CONTENT
    assert not source.exists()


@pytest.mark.parametrize("how", RENAMES)
def test_every_way_of_renaming_lets_exactly_one_win(
    how: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    """Thirty races of two threads."""
    for number in range(30):
        target = tmp_path / f"target-{number}"
        sources = [tmp_path / f"{number}-{side}" for side in "ab"]
        start = threading.Barrier(2)
        for path in sources:
            path.write_text(path.name)

        def attempt(
            path: Path, *, target: Path = target, start: threading.Barrier = start
        ) -> str | None:
            start.wait(60)
            try:
                how(path, target)
            except FileExistsError:
                return None
            return path.name

        with ThreadPoolExecutor(2) as threads:
            winners = [name for name in threads.map(attempt, sources) if name]

        assert winners == [target.read_text()]


@pytest.mark.parametrize("supported", [1, 2])
def test_a_way_that_the_file_system_lacks_is_followed_by_the_next(
    supported: int, source: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(source: Path, target: Path) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    for way in RENAMES[:supported]:
        monkeypatch.setattr(rename, way.__name__, lacking)

    place(source, library / "a.mp4")

    assert (library / "a.mp4").read_bytes() == CONTENT
    assert not source.exists()


def test_a_system_without_renameat2_uses_links(
    source: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rename, "renameat2", lambda: None)
    place(source, library / "a.mp4")
    source.write_bytes(b"second")

    with pytest.raises(FileExistsError):
        place(source, library / "a.mp4")

    assert (library / "a.mp4").read_bytes() == CONTENT
