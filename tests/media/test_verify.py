"""What verification accepts and what it refuses, on real files."""

from __future__ import annotations

import hashlib
import os
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import anyio.to_process
import av
import pytest
from PIL import Image

from reactor.media.source import Malformed, Rejected, opened
from reactor.media.verify import Expected, Verified, verify_file
from reactor.models import Container
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    File = Callable[[str], Path]
    Ordered = Callable[[str], Expected]

MP4 = Expected(Container.MP4, 64, 64, duration_s=2.5, fps=10)
WEBM = replace(MP4, container=Container.WEBM)
GIF = replace(MP4, container=Container.GIF)
JPG = Expected(Container.JPG, 64, 64)
GOOD = (
    "mp4",
    "mp4-plain",
    "mp4-b-frames",
    "mp4-30fps",
    "mp4-29.97fps",
    "mp4-wide",
    "mp4-tall",
    "mp4-one-frame",
    "mp4-sound",
    "mp4-fragmented",
    "mp4-big",
    "webm",
    "webm-vp8",
    "webm-av1",
    "webm-live",
    "webm-sound",
    "gif",
    "gif-15fps",
    "gif-60fps",
    "gif-still",
    "gif-big",
    "jpg",
    "jpg-wide",
)


def reason(path: Path, expected: Expected) -> str:
    """Why the file is refused."""
    judged = verify_file(path, expected)
    assert isinstance(judged, Rejected), judged
    assert judged.reason.startswith(path.name)
    assert "\n" not in judged.reason
    return judged.reason


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_accepted(name: str, file: File, ordered: Ordered) -> None:
    judged = verify_file(file(name), ordered(name))

    assert isinstance(judged, Verified), judged


def test_what_is_measured_is_reported(file: File) -> None:
    path = file("mp4-sound")

    judged = verify_file(path, MP4)

    assert isinstance(judged, Verified)
    assert judged.duration_s == pytest.approx(2.5, abs=0.05)
    assert replace(judged, duration_s=None) == Verified(
        size_bytes=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        duration_s=None,
        width=64,
        height=64,
        fps=10.0,
        codec="h264",
        frames=25,
        has_audio=True,
        thumbnail=None,
    )


def test_a_still_has_no_duration(file: File) -> None:
    judged = verify_file(file("jpg"), JPG)

    assert isinstance(judged, Verified)
    assert (judged.duration_s, judged.fps, judged.frames) == (None, None, 1)


@pytest.mark.parametrize("kind", Container)
def test_an_empty_file_is_refused(kind: Container, tmp_path: Path) -> None:
    path = tmp_path / f"job-1-a1.{kind}"
    path.touch()

    assert "is empty (0 bytes)" in reason(path, replace(MP4, container=kind))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert reason(tmp_path / "job-1-a1.mp4", MP4) == "job-1-a1.mp4 does not exist"


@pytest.mark.parametrize("kind", Container)
def test_an_html_page_is_called_one(kind: Container, tmp_path: Path) -> None:
    path = tmp_path / f"job-1-a1.{kind}"
    path.write_bytes(b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>")

    assert f"is an HTML page, not {kind}" in reason(path, replace(MP4, container=kind))


@pytest.mark.parametrize("kind", Container)
def test_a_png_by_another_name_is_called_one(kind: Container, tmp_path: Path) -> None:
    path = tmp_path / f"job-1-a1.{kind}"
    Image.new("RGB", (64, 64)).save(path, "PNG")

    assert f"is a PNG image, not {kind}" in reason(path, replace(MP4, container=kind))


@pytest.mark.parametrize(("name", "kind"), [("gif", "mp4"), ("mp4", "webm"), ("webm", "gif")])
def test_another_container_is_refused(name: str, kind: str, file: File) -> None:
    assert f", not {kind}" in reason(file(name), replace(MP4, container=Container(kind)))


def test_matroska_is_not_webm(file: File) -> None:
    assert "is a Matroska file, not webm" in reason(file("mkv"), WEBM)


def test_another_codec_is_refused(file: File) -> None:
    assert "has video codec mpeg4; for mp4 it is h264" in reason(file("mp4-mpeg4"), MP4)


@pytest.mark.parametrize("name", ["mp4", "webm", "gif", "jpg"])
def test_another_size_is_refused(name: str, file: File, ordered: Ordered) -> None:
    wider = replace(ordered(name), width=66)

    assert "is 64x64 pixels; 66x64 were ordered" in reason(file(name), wider)


@pytest.mark.parametrize("name", ["mp4", "webm", "gif"])
def test_a_render_stopped_half_way_is_refused_by_its_duration(
    name: str, file: File, ordered: Ordered
) -> None:
    longer = replace(ordered(name), duration_s=5.0, fps=None)

    assert "lasts 2.50 s (picture); 5.00 s were ordered" in reason(file(name), longer)


@pytest.mark.parametrize("duration_s", [2.45, 2.55])
def test_a_tenth_of_a_second_is_tolerated(duration_s: float, file: File) -> None:
    judged = verify_file(file("mp4"), replace(MP4, duration_s=duration_s))

    assert isinstance(judged, Verified), judged


@pytest.mark.parametrize("frames", [24, 26])
def test_one_frame_is_tolerated(frames: int, file: File) -> None:
    judged = verify_file(file("mp4"), replace(MP4, frames=frames))

    assert isinstance(judged, Verified), judged


@pytest.mark.parametrize("frames", [23, 27])
def test_two_frames_are_not_tolerated(frames: int, file: File) -> None:
    assert f"has 25 frames; {frames} were ordered" in reason(
        file("mp4"), replace(MP4, frames=frames)
    )


def test_missing_sound_is_refused(file: File) -> None:
    assert "has no sound; sound was ordered" in reason(file("mp4"), replace(MP4, has_audio=True))


def test_a_huge_picture_is_refused_before_it_is_decoded(file: File) -> None:
    path = file("gif")
    content = bytearray(path.read_bytes())
    content[6:10] = b"\x00\x10\x00\x10"  # 4096 x 4096 pixels
    path.write_bytes(content)

    assert "max pixel count" in reason(path, GIF)


def test_a_symbolic_link_is_refused(file: File, tmp_path: Path) -> None:
    link = tmp_path / "job-2-a1.mp4"
    link.symlink_to(file("mp4"))

    assert "is a symbolic link, not a regular file" in reason(link, MP4)


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    fifo = tmp_path / "job-1-a1.mp4"
    os.mkfifo(fifo)

    assert "is a FIFO, not a regular file" in reason(fifo, MP4)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "job-1-a1.mp4"
    directory.mkdir()

    assert "is a directory, not a regular file" in reason(directory, MP4)


def test_a_file_that_grows_while_it_is_judged_is_refused(file: File) -> None:
    path = file("mp4")

    with (
        pytest.raises(Malformed, match="is still being written"),
        opened(path),
        path.open("ab") as f,
    ):
        f.write(b"more")


async def test_judgement_comes_back_from_another_process(file: File) -> None:
    path = file("mp4")
    with anyio.fail_after(PATIENCE_S):
        good = await anyio.to_process.run_sync(verify_file, path, MP4, cancellable=True)
        bad = await anyio.to_process.run_sync(verify_file, path, GIF, cancellable=True)

    assert (good, bad) == (verify_file(path, MP4), verify_file(path, GIF))
    assert pickle.loads(pickle.dumps(bad)) == bad  # noqa: S301


def test_pictures_that_are_never_shown_are_not_counted(file: File, tmp_path: Path) -> None:
    """VP8 has packets that others only refer to: the fifth bit of their first byte is clear."""
    hidden = tmp_path / "hidden.webm"
    with av.open(str(file("webm-vp8"))) as given, av.open(str(hidden), "w") as out:
        video = out.add_stream_from_template(given.streams.video[0])
        for number, packet in enumerate(given.demux(video=0)):
            if packet.size:
                content = bytearray(bytes(packet))
                content[0] &= 0xEF if number in (5, 10) else 0xFF
                packet.update(bytes(content))
                packet.stream = video
                out.mux(packet)

    judged = verify_file(hidden, replace(WEBM, frames=23))

    assert isinstance(judged, Verified), judged
    assert judged.frames == 23


def test_a_gif_stopped_half_way_is_refused_by_its_frames(file: File) -> None:
    """The clock alone is too coarse to tell."""
    assert "has 25 frames; 50 were ordered" in reason(
        file("gif"), replace(GIF, duration_s=2.6, frames=50)
    )


def test_the_coarse_clock_of_a_gif_is_allowed_for(tmp_path: Path) -> None:
    """Each of 40 frames lasts 0.06 s instead of a fifteenth of a second."""
    path = tmp_path / "job-1-a1.gif"
    first, *others = [Image.new("L", (64, 64), number * 6) for number in range(40)]
    first.save(path, save_all=True, append_images=others, duration=60)

    judged = verify_file(path, replace(GIF, duration_s=40 / 15, fps=15))

    assert isinstance(judged, Verified), judged


def test_the_shortest_delays_of_a_gif_are_read_as_they_are(tmp_path: Path) -> None:
    """A hundredth of a second; browsers and some demuxers make a tenth of it."""
    path = tmp_path / "job-1-a1.gif"
    first, *others = [Image.new("L", (64, 64), number * 6) for number in range(40)]
    first.save(path, save_all=True, append_images=others, duration=10)

    judged = verify_file(path, Expected(Container.GIF, 64, 64))

    assert isinstance(judged, Verified)
    assert judged.duration_s == pytest.approx(0.4)
