"""Files enter the library whole, durably and without replacing anything."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reactor.storage import local, rename
from reactor.storage.local import clear_leftovers, free_bytes, place, sha256_of, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = os.urandom(300_000)


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


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory on another device; where there is none, renames into it fail as if it were."""
    shared = Path("/dev/shm")  # noqa: S108
    if (
        shared.is_dir()
        and os.access(shared, os.W_OK)
        and shared.stat().st_dev != tmp_path.stat().st_dev
    ):
        directory = shared / f"reactor-test-{os.getpid()}-{threading.get_ident()}"
        directory.mkdir()
        yield directory
        shutil.rmtree(directory)
        return
    directory = tmp_path / "other-device"
    directory.mkdir()
    rename_here = rename.rename_no_replace

    def across(source: Path, target: Path) -> None:
        if source.parent != target.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename_here(source, target)

    monkeypatch.setattr(local, "rename_no_replace", across)
    yield directory


def names(directory: Path) -> list[str]:
    """Everything in the directory."""
    return sorted(path.name for path in directory.iterdir())


def test_a_placed_file_has_moved(source: Path, library: Path) -> None:
    place(source, library / "a.mp4")

    assert (library / "a.mp4").read_bytes() == CONTENT
    assert names(source.parent) == []


def test_a_taken_name_is_not_replaced(source: Path, library: Path) -> None:
    library.mkdir(parents=True)
    (library / "a.mp4").write_bytes(b"first")

    with pytest.raises(FileExistsError):
        place(source, library / "a.mp4")

    assert (library / "a.mp4").read_bytes() == b"first"
    assert source.read_bytes() == CONTENT


@pytest.mark.parametrize("pointing_to", ["precious", "nothing"])
def test_a_link_at_the_target_is_not_followed(
    pointing_to: str, source: Path, library: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("keep me")
    library.mkdir(parents=True)
    (library / "a.mp4").symlink_to(tmp_path / pointing_to)

    with pytest.raises(FileExistsError):
        place(source, library / "a.mp4")

    assert (tmp_path / "precious").read_text() == "keep me"
    assert not (tmp_path / "nothing").exists()


def test_a_source_that_is_gone_is_missing(library: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        place(tmp_path / "gone.mp4", library / "a.mp4")


def test_a_link_as_source_is_refused(source: Path, library: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(source)

    with pytest.raises(OSError, match="symbolic links"):
        place(link, library / "a.mp4")


def test_a_fifo_as_source_is_refused_at_once(library: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mp4")

    with pytest.raises(OSError, match="not a regular file"):
        place(tmp_path / "fifo.mp4", library / "a.mp4")


def test_a_file_placed_where_it_is_stays(source: Path) -> None:
    os.link(source, source.with_name("another name"))

    with pytest.raises(FileExistsError):
        place(source, source)

    assert source.read_bytes() == CONTENT


def test_a_move_by_link_that_was_cut_short_is_finished(source: Path, library: Path) -> None:
    library.mkdir(parents=True)
    os.link(source, library / "a.mp4")

    place(source, library / "a.mp4")

    assert (library / "a.mp4").read_bytes() == CONTENT
    assert not source.exists()


def test_a_file_moves_to_another_file_system(source: Path, elsewhere: Path) -> None:
    place(source, elsewhere / "deep" / "a.mp4")

    assert (elsewhere / "deep" / "a.mp4").read_bytes() == CONTENT
    assert names(elsewhere / "deep") == ["a.mp4"]
    assert not source.exists()


def test_a_taken_name_on_another_file_system_is_not_replaced(source: Path, elsewhere: Path) -> None:
    (elsewhere / "a.mp4").write_bytes(b"first")

    with pytest.raises(FileExistsError):
        place(source, elsewhere / "a.mp4")

    assert (elsewhere / "a.mp4").read_bytes() == b"first"
    assert names(elsewhere) == ["a.mp4"]
    assert source.exists()


def test_a_name_taken_while_copying_leaves_no_copy(
    source: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_stage(source: Path, target_dir: Path) -> Path:
        staged = stage(source, target_dir)
        (elsewhere / "a.mp4").write_bytes(b"faster")
        return staged

    monkeypatch.setattr(local, "stage", slow_stage)

    with pytest.raises(FileExistsError):
        place(source, elsewhere / "a.mp4")

    assert names(elsewhere) == ["a.mp4"]
    assert source.exists()


def test_the_source_goes_last(
    source: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fails between rename and the directory's sync, the source is still there."""

    def failing(directory: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(local, "sync_directory", failing)

    with pytest.raises(OSError, match="Input/output"):
        place(source, elsewhere / "a.mp4")

    assert source.read_bytes() == CONTENT


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EINVAL, errno.ENOSYS])
def test_copying_goes_on_by_hand_where_the_kernel_cannot(
    code: int, source: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also half-way, after some of it was copied."""
    kernel_copy, calls = os.copy_file_range, list[int]()

    def once(reader: int, writer: int, count: int) -> int:
        calls.append(count)
        if len(calls) > 1:
            raise OSError(code, os.strerror(code))
        return kernel_copy(reader, writer, 1000)

    monkeypatch.setattr(os, "copy_file_range", once)

    staged = stage(source, source.parent)

    assert len(calls) == 2
    assert staged.read_bytes() == CONTENT


def test_a_full_disk_leaves_no_partial_file(
    source: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(reader: int, writer: int, count: int) -> int:
        os.write(writer, b"some of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "copy_file_range", full)

    with pytest.raises(OSError, match="No space left") as caught:
        place(source, elsewhere / "a.mp4")

    assert caught.value.errno == errno.ENOSPC
    assert names(elsewhere) == []
    assert source.read_bytes() == CONTENT


def test_a_file_beyond_the_size_limit_leaves_no_partial_file(source: Path, tmp_path: Path) -> None:
    """A limit that the kernel itself enforces, in a process of its own."""
    code = (
        "import resource, sys; from pathlib import Path; from reactor.storage.local import stage\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: stage(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except OSError as wrong: sys.stdout.write(str(wrong.errno))\n"
    )
    target = tmp_path / "target"
    target.mkdir()

    root = Path(local.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(source), str(target)],
        capture_output=True, text=True, timeout=120, check=True, cwd=root,
    )  # fmt: skip

    assert done.stdout == str(errno.EFBIG)
    assert names(target) == []


def test_a_copy_that_is_too_short_is_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "copy", lambda reader, writer: os.write(writer, b"short"))

    with pytest.raises(OSError, match="copied 5 of 300000 bytes"):
        stage(source, tmp_path)

    assert names(tmp_path) == ["renders"]


def test_a_failing_disk_passes_through(
    source: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "fsync", failing)

    with pytest.raises(OSError, match="Read-only") as caught:
        place(source, library / "a.mp4")

    assert caught.value.errno == errno.EROFS
    assert source.exists()


def test_the_hash_is_sha256(source: Path) -> None:
    assert sha256_of(source) == hashlib.sha256(CONTENT).hexdigest()


def test_a_link_is_not_hashed(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source)

    with pytest.raises(OSError, match="symbolic links"):
        sha256_of(tmp_path / "link")


def test_free_space_is_known_before_the_directory_is_made(tmp_path: Path) -> None:
    there, here = free_bytes(tmp_path / "not" / "yet"), shutil.disk_usage(tmp_path).free

    assert there == pytest.approx(here, rel=0.2)


def test_only_old_hidden_parts_are_cleared(tmp_path: Path) -> None:
    old, young, video, named = (
        tmp_path / name for name in (".a.part", ".b.part", "v.mp4", "c.part")
    )
    for file in (old, young, video, named):
        file.touch()
    for file in (old, video, named):
        os.utime(file, (0, 0))

    clear_leftovers(tmp_path, older_than_s=60)

    assert sorted(tmp_path.iterdir()) == sorted([young, video, named])
