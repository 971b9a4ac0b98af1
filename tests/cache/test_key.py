"""What makes two orders the same: everything the picture depends on, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from reactor import cache
from reactor.cache import key_of, link_or_copy, make_key
from reactor.models import Container, Format, Quality, RenderSpec

if TYPE_CHECKING:
    from pathlib import Path

SAME: dict[str, Any] = {
    "template": "slideshow",
    "format": Format.FULL_16_9,
    "quality": Quality.P720,
    "container": Container.MP4,
    "props": {"title": "A", "images": ["a.png"], "deep": [{"audio": "b.mp3"}]},
}


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """A directory with two inputs."""
    (tmp_path / "a.png").write_bytes(b"picture")
    (tmp_path / "b.mp3").write_bytes(b"sound")
    return tmp_path


def key(uploads: Path, identity: str = "embedded 1", **changes: Any) -> str:
    """The key of the usual order with some changes."""
    made = make_key(RenderSpec(**{**SAME, **changes}), identity, [uploads])
    assert made is not None
    return made.text


def test_the_same_order_has_the_same_key(uploads: Path) -> None:
    shuffled = {"deep": [{"audio": "b.mp3"}], "images": ["a.png"], "title": "A"}

    assert key(uploads) == key(uploads) == key(uploads, props=shuffled)


@pytest.mark.parametrize(
    "changes",
    [
        {"template": "title-card"},
        {"format": Format.CLIP_1_1},
        {"quality": Quality.P1080},
        {"container": Container.WEBM},
        {"props": {**SAME["props"], "title": "a"}},
        {"props": {**SAME["props"], "seed": 1}},
        {"identity": "embedded 2"},
    ],
)
def test_any_other_order_has_another(uploads: Path, changes: dict[str, Any]) -> None:
    assert key(uploads, **changes) != key(uploads)


@pytest.mark.parametrize("name", ["a.png", "b.mp3"])
def test_another_content_of_an_input_is_another_order(uploads: Path, name: str) -> None:
    before = key(uploads)

    (uploads / name).write_bytes(b"something else")

    assert key(uploads) != before


def test_an_input_rewritten_with_the_same_time_and_size_is_noticed(uploads: Path) -> None:
    before, path = key(uploads), uploads / "a.png"
    times = path.stat()

    path.write_bytes(b"PICTURE")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert key(uploads) != before


@pytest.mark.parametrize(("rest_ns", "is_noticed"), [(2**62, True), (0, False)])
def test_only_a_file_at_rest_is_known_by_its_times(
    uploads: Path, monkeypatch: pytest.MonkeyPatch, rest_ns: int, *, is_noticed: bool
) -> None:
    """Two contents within one tick of the file system's clock look the same from outside."""
    seen = cache.fingerprint(uploads / "a.png")
    monkeypatch.setattr(cache, "AT_REST_NS", rest_ns)
    monkeypatch.setattr(cache, "fingerprint", lambda _path: seen)
    before = key(uploads)

    (uploads / "a.png").write_bytes(b"PICTURE")

    assert (key(uploads) != before) is is_noticed


async def test_a_key_knows_when_an_input_changed_after_it_was_made(uploads: Path) -> None:
    made = await key_of(RenderSpec(**SAME), "embedded 1", [uploads])
    assert made
    assert await made.still_true()

    (uploads / "b.mp3").write_bytes(b"changed while it was drawn")

    assert not await made.still_true()


def test_files_outside_of_the_directories_are_words(uploads: Path, tmp_path: Path) -> None:
    inside = uploads / "inside"
    inside.mkdir()
    props = {"images": ["../a.png"], "title": str(uploads / "a.png")}
    made = make_key(RenderSpec(**{**SAME, "props": props}), "x", [inside])

    assert made
    assert made.inputs == {}


@pytest.mark.parametrize("text", ["", "\0", "x" * 5000, ".", "/", "\ud800", "a/../../b"])
def test_odd_texts_are_no_files(uploads: Path, text: str) -> None:
    made = make_key(RenderSpec(**{**SAME, "props": {"title": text}}), "x", [uploads])

    assert made
    assert made.inputs == {}


def test_a_second_name_is_complete_when_it_appears(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mp4", tmp_path / "job-1-a1.mp4"
    source.write_bytes(b"film")
    (tmp_path / "job-1-a1.mp4.part").write_bytes(b"left by somebody killed")

    assert link_or_copy(source, target)

    assert target.read_bytes() == b"film"
    assert target.stat().st_ino == source.stat().st_ino
    assert not (tmp_path / "job-1-a1.mp4.part").exists()


def test_a_file_that_is_gone_is_not_taken_over(tmp_path: Path) -> None:
    assert not link_or_copy(tmp_path / "gone.mp4", tmp_path / "target.mp4")
    assert list(tmp_path.iterdir()) == []
