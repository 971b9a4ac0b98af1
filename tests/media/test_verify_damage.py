"""Files that were good once: cut off, overwritten, added to."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactor.media.source import Rejected
from reactor.media.verify import Expected, Verified, verify_file
from reactor.models import Container

if TYPE_CHECKING:
    from collections.abc import Callable

    File = Callable[[str], Path]
    Ordered = Callable[[str], Expected]

MP4 = Expected(Container.MP4, 64, 64, duration_s=2.5, fps=10)
WEBM = replace(MP4, container=Container.WEBM)
JPG = Expected(Container.JPG, 64, 64)
KINDS = ("mp4", "mp4-plain", "mp4-fragmented", "webm", "webm-live", "gif", "jpg")


def reason(path: Path, expected: Expected) -> str:
    """Why the file is refused."""
    judged = verify_file(path, expected)
    assert isinstance(judged, Rejected), judged
    assert judged.reason.startswith(path.name)
    assert "\n" not in judged.reason
    return judged.reason


@pytest.mark.parametrize("part", [0.05, 0.3, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("name", KINDS)
def test_a_truncated_file_is_refused(name: str, part: float, file: File, ordered: Ordered) -> None:
    path = file(name)
    os.truncate(path, int(part * (path.stat().st_size - 1)))

    assert reason(path, ordered(name))


def test_a_fragmented_file_cut_between_fragments_is_refused_by_its_frames(
    file: File,
) -> None:
    path = file("mp4-fragmented")
    os.truncate(path, path.read_bytes().rindex(b"moof") - 4)

    assert "has 20 frames; 25 were ordered" in reason(
        path, replace(MP4, duration_s=None, frames=25)
    )


def test_a_live_webm_cut_between_clusters_is_refused_by_its_length(
    file: File,
) -> None:
    path = file("webm-live")
    os.truncate(path, path.read_bytes().rindex(b"\x1f\x43\xb6\x75"))

    assert "2.50 s were ordered" in reason(path, WEBM)


@pytest.mark.parametrize("name", KINDS)
def test_zeros_in_the_middle_are_found(name: str, file: File, ordered: Ordered) -> None:
    path = file(name)
    size = path.stat().st_size
    with path.open("r+b") as damaged:
        damaged.seek(size * 35 // 100)
        damaged.write(bytes(size * 30 // 100))

    assert reason(path, ordered(name))


def test_zeros_within_coded_pictures_are_found(file: File) -> None:
    """The structure stays intact: only decoding tells."""
    path = file("mp4")
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    length = (len(content) - start) * 30 // 100
    path.write_bytes(content[: start + length] + bytes(length) + content[start + 2 * length :])

    assert "is damaged" in reason(path, MP4)


def test_damage_in_the_last_two_seconds_of_a_big_file_is_found(
    file: File, ordered: Ordered
) -> None:
    path = file("mp4-big")
    content = path.read_bytes()
    last = content.rindex(b"\x65\x88")  # the last IDR picture
    path.write_bytes(content[: last + 100] + b"\xff" * 4000 + content[last + 4100 :])

    assert "is damaged" in reason(path, ordered("mp4-big"))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("garbage", [b"garbage!" * 64, bytes(4096), b"\xff"])
def test_something_appended_is_refused(
    name: str, garbage: bytes, file: File, ordered: Ordered
) -> None:
    path = file(name)
    with path.open("ab") as appended:
        appended.write(garbage)

    assert reason(path, ordered(name))


@pytest.mark.parametrize("name", KINDS)
def test_something_prepended_is_refused(name: str, file: File, ordered: Ordered) -> None:
    path = file(name)
    path.write_bytes(b"garbage!" + path.read_bytes())

    assert "no known media" in reason(path, ordered(name))


def test_the_same_damage_is_found_in_one_file_after_another(file: File) -> None:
    """libav leaves out a complaint that repeats the one before."""
    path = file("jpg")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 500] = bytes(500)
    path.write_bytes(content)

    assert reason(path, JPG) == reason(path, JPG)


def test_a_webm_without_its_last_part_is_refused_though_every_frame_is_there(file: File) -> None:
    path = file("webm")
    os.truncate(path, path.read_bytes().rindex(b"\x1c\x53\xbb\x6b"))  # the index

    assert "is cut off: its segment ends" in reason(path, WEBM)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_whatever_the_bytes_are_there_is_a_judgement(
    data: st.DataObject, kind: str, sample: Callable[[str], bytes], ordered: Ordered
) -> None:
    """Metadata that is no text, lengths that lie: never an exception."""
    content = bytearray(sample(kind))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 4))
        content[at : at + 4] = data.draw(st.binary(max_size=6))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "job-1-a1"
        path.write_bytes(content)

        assert isinstance(verify_file(path, ordered(kind)), Verified | Rejected)


@pytest.mark.parametrize("name", ["mp4", "webm-sound"])
def test_metadata_that_is_no_text_does_no_harm(name: str, file: File, ordered: Ordered) -> None:
    path = file(name)
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"\xff\xfe\xfd\xfc"))

    assert isinstance(verify_file(path, ordered(name)), Verified)
