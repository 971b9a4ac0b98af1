"""Thumbnails of real files: which picture, which shape, and nothing left behind on failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from reactor.media.source import Rejected
from reactor.media.thumbnail import Thumbnail, make_thumbnail
from reactor.media.verify import Expected, Verified, verify_file
from reactor.models import Container

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("name", ["mp4", "mp4-big", "webm", "gif", "gif-big", "jpg"])
def test_every_kind_of_file_has_a_thumbnail(
    name: str, file: Callable[[str], Path], tmp_path: Path
) -> None:
    part = tmp_path / "thumbnail.part"

    made = make_thumbnail(file(name), part)

    with Image.open(part) as picture:
        picture.load()
        found = picture.format, picture.width, picture.height, picture.info.get("progressive")
    assert isinstance(made, Thumbnail)
    assert found == ("JPEG", made.width, made.height, 1)
    assert made.size_bytes == part.stat().st_size


@pytest.mark.parametrize(("frames", "shown"), [(30, 10), (8, 4), (1, 0)])
def test_it_shows_the_first_second_or_the_middle_of_a_shorter_video(
    frames: int, shown: int, tmp_path: Path
) -> None:
    """Each frame is a grey of its own: 20, 28, 36, …"""
    video, part = tmp_path / "v.mp4", tmp_path / "t.part"
    encode_greys(video, frames)

    make_thumbnail(video, part)

    with Image.open(part) as picture:
        grey = ImageStat.Stat(picture.convert("L")).mean[0]
    assert grey == pytest.approx(20 + 8 * shown, abs=3)


def test_verification_writes_the_same_thumbnail(
    file: Callable[[str], Path], tmp_path: Path
) -> None:
    path, alone, along = file("mp4-wide"), tmp_path / "a.part", tmp_path / "b.part"

    judged = verify_file(path, Expected(Container.MP4, 320, 180), thumbnail_part=along)
    made = make_thumbnail(path, alone)

    assert isinstance(judged, Verified)
    assert judged.thumbnail == made
    assert along.read_bytes() == alone.read_bytes()


def test_it_fits_into_its_longest_side(file: Callable[[str], Path], tmp_path: Path) -> None:
    made = make_thumbnail(file("mp4-tall"), tmp_path / "t.part", max_side=160)

    assert isinstance(made, Thumbnail)
    assert (made.width, made.height) == (90, 160)


def test_a_small_video_is_not_made_bigger(file: Callable[[str], Path], tmp_path: Path) -> None:
    made = make_thumbnail(file("mp4"), tmp_path / "t.part")

    assert isinstance(made, Thumbnail)
    assert (made.width, made.height) == (64, 64)


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    video = tmp_path / "v.mp4"
    encode_greys(video, 5, pixel_shape="2/1")

    made = make_thumbnail(video, tmp_path / "t.part")

    assert isinstance(made, Thumbnail)
    assert (made.width, made.height) == (128, 64)


def test_a_video_marked_to_be_turned_is_turned(file: Callable[[str], Path], tmp_path: Path) -> None:
    lying, turned = file("mp4-wide"), tmp_path / "turned.mp4"
    remux_turned(lying, turned, degrees=90)

    make_thumbnail(lying, tmp_path / "lying.part")
    made = make_thumbnail(turned, tmp_path / "turned.part")

    with (
        Image.open(tmp_path / "lying.part") as before,
        Image.open(tmp_path / "turned.part") as after,
    ):
        apart = ImageStat.Stat(ImageChops.difference(before.rotate(90, expand=True), after)).mean
    assert made == Thumbnail(180, 320, (tmp_path / "turned.part").stat().st_size)
    assert max(apart) < 8


def test_a_video_marked_to_be_turned_is_not_what_was_ordered(
    file: Callable[[str], Path], tmp_path: Path
) -> None:
    turned = tmp_path / "turned.mp4"
    remux_turned(file("mp4-wide"), turned, degrees=90)

    judged = verify_file(turned, Expected(Container.MP4, 320, 180))

    assert isinstance(judged, Rejected)
    assert "turned by 90 degrees" in judged.reason


def test_a_damaged_video_has_none(file: Callable[[str], Path], tmp_path: Path) -> None:
    video, part = file("mp4"), tmp_path / "t.part"
    video.write_bytes(video.read_bytes()[:2000])

    assert isinstance(make_thumbnail(video, part), Rejected)
    assert not part.exists()


def test_an_unknown_extension_is_named(tmp_path: Path) -> None:
    assert make_thumbnail(tmp_path / "v.avi", tmp_path / "t.part") == Rejected(
        "v.avi has no known extension (allowed: mp4, webm, gif, jpg)"
    )


def test_a_link_in_the_place_of_the_thumbnail_is_not_followed(
    file: Callable[[str], Path], tmp_path: Path
) -> None:
    precious, part = tmp_path / "precious", tmp_path / "t.part"
    precious.write_text("keep me")
    part.symlink_to(precious)

    with pytest.raises(OSError, match="symbolic links"):
        make_thumbnail(file("mp4"), part)

    assert precious.read_text() == "keep me"


def encode_greys(path: Path, frames: int, *, pixel_shape: str = "1/1") -> None:
    """Ten frames a second, each one grey."""
    options = {"preset": "ultrafast", "aspect": pixel_shape}
    with av.open(str(path), "w", format="mp4") as out:
        video = out.add_stream("libx264", rate=10, options=options)
        assert isinstance(video, av.VideoStream)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        for number in range(frames):
            level = 20 + 8 * number
            grey = bytes([level, level, level, 255]) * (64 * 64)
            out.mux(video.encode(av.VideoFrame.from_bytes(grey, 64, 64)))
        out.mux(video.encode())


def remux_turned(source: Path, target: Path, *, degrees: int) -> None:
    """The same packets with a display matrix."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        video = out.add_stream_from_template(given.streams.video[0])
        video.set_display_rotation(degrees)
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = video
                out.mux(packet)
