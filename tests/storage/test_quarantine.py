"""Refused files are kept, with their reason, under names of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reactor.storage.local import quarantine

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = os.urandom(300_000)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A rendered file."""
    path = tmp_path / "renders" / "job-1-a1.mp4"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def names(directory: Path) -> list[str]:
    """Everything in the directory."""
    return sorted(path.name for path in directory.iterdir())


def test_a_quarantined_file_has_its_reason_beside_it(source: Path, tmp_path: Path) -> None:
    target = quarantine(source, tmp_path / "quarantine", "job-1-a1.mp4 is empty (0 bytes)")

    assert target.name == "job-1-a1.mp4"
    assert target.read_bytes() == CONTENT
    assert (
        target.with_name("job-1-a1.mp4.reason.txt").read_text()
        == "job-1-a1.mp4 is empty (0 bytes)\n"
    )
    assert not source.exists()


def test_quarantined_files_of_one_name_are_all_kept(source: Path, tmp_path: Path) -> None:
    first = quarantine(source, tmp_path / "quarantine", "bad")
    source.write_bytes(b"again")
    second = quarantine(source, tmp_path / "quarantine", "bad again")

    assert (first.read_bytes(), second.read_bytes()) == (CONTENT, b"again")
    assert second.name == "job-1-a1.2.mp4"


def test_a_name_taken_without_a_reason_is_passed_over(source: Path, tmp_path: Path) -> None:
    (tmp_path / "quarantine").mkdir()
    (tmp_path / "quarantine" / source.name).write_bytes(b"first")

    target = quarantine(source, tmp_path / "quarantine", "bad")

    assert names(target.parent) == ["job-1-a1.2.mp4", "job-1-a1.2.mp4.reason.txt", "job-1-a1.mp4"]


def test_a_link_is_quarantined_itself(source: Path, tmp_path: Path) -> None:
    link = source.with_name("job-2-a1.mp4")
    link.symlink_to(source)

    target = quarantine(link, tmp_path / "quarantine", "is a symbolic link")

    assert target.is_symlink()
    assert source.exists()
    assert not link.is_symlink()


def test_a_name_as_long_as_can_be_is_quarantined(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".mp4")
    path.write_bytes(b"x")

    assert quarantine(path, tmp_path / "quarantine", "bad").read_bytes() == b"x"


def test_nothing_to_quarantine_leaves_no_reason(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        quarantine(tmp_path / "gone", tmp_path / "quarantine", "bad")

    assert names(tmp_path / "quarantine") == []
