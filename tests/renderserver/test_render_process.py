"""What a render process does with its order, without a server around it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import av
import pytest
from PIL import Image

from reactor.errors import FailureClass, RenderFailed
from reactor.models import Container, Format, Quality
from reactor.renderserver import encode, pictures, templates
from reactor.renderserver.props import MODELS, checked
from reactor.renderserver.render import draw
from reactor.renderserver.request import Order
from reactor.renderserver.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.video.frame import VideoFrame


class BrokenScene:
    """A scene that cannot be drawn, because the system says no."""

    duration_s, fps, still_s, sound = 1.0, 5, 0.5, None

    def __init__(self, number: int) -> None:
        self.number = number

    def frames(self, stage: Stage) -> Iterator[VideoFrame]:
        """No frame at all."""
        raise OSError(self.number, os.strerror(self.number))


def order(path: Path) -> Order:
    """A small order."""
    return Order(
        id="1-1",
        template="title-card",
        format=Format.CLIP_1_1,
        quality=Quality.P720,
        container=Container.MP4,
        props={"fps": 5},
        output_path=str(path),
    )


def told(path: Path, number: int) -> list[dict[str, Any]]:
    """What is told of a render that meets this error."""
    said: list[dict[str, Any]] = []
    draw(order(path), BrokenScene(number), lambda **fields: said.append(fields))
    return said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.ENOMEM])
def test_a_full_disk_is_a_lack_of_resources(tmp_path: Path, number: int) -> None:
    last = told(tmp_path / "film.mp4", number)[-1]

    assert (last["event"], last["failure"]) == ("failed", FailureClass.RESOURCE)
    assert str(tmp_path) in last["message"]


def test_another_error_is_a_crash(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output"):
        told(tmp_path / "film.mp4", errno.EIO)


def test_a_link_in_the_way_of_the_unfinished_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "film.gif.part").symlink_to(victim)
    scene = templates.scene("title-card", {"duration_s": 0.5, "fps": 2})

    encode.encode(scene, Container.GIF, (64, 64), 2, tmp_path / "film.gif", lambda _: None)

    assert victim.read_text() == "precious"
    assert (tmp_path / "film.gif").read_bytes()[:6] == b"GIF89a"


def test_a_name_that_was_taken_meanwhile_is_not_taken_again(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_text("first")
    (tmp_path / "film.mp4.part").write_text("second")

    with pytest.raises(RenderFailed, match=r"output_path: .* exists already"):
        encode.publish(tmp_path / "film.mp4.part", tmp_path / "film.mp4")

    assert (tmp_path / "film.mp4").read_text() == "first"


def test_a_picture_is_shown_the_way_up_it_was_taken(tmp_path: Path) -> None:
    upright = Image.new("RGB", (40, 80), "blue")
    upright.paste("red", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)

    shown = pictures.cover(str(tmp_path / "turned.png"), 40, 80)

    assert shown.getpixel((20, 10)) == (255, 0, 0)
    assert shown.getpixel((20, 70)) == (0, 0, 255)


@pytest.mark.parametrize("size", [(10, 400), (400, 10), (64, 64)])
def test_a_picture_of_any_shape_fills_the_frame(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size, "lime").save(tmp_path / "picture.png")

    shown = pictures.cover(str(tmp_path / "picture.png"), 64, 36)

    assert shown.size == (64, 36)
    assert shown.getextrema() == ((0, 0), (255, 255), (0, 0))


def test_the_catalogue_knows_every_template_that_can_be_ordered() -> None:
    given = {"images": ["x"], "audio": "y", "clips": [{"source": "z"}]}
    for name, model in MODELS.items():
        assert type(checked(name, given)) is model


def test_a_slide_zooms_without_jumping(tmp_path: Path) -> None:
    Image.effect_noise((640, 640), 80).convert("RGB").save(tmp_path / "noise.png")
    scene = templates.scene(
        "slideshow", {"images": [str(tmp_path / "noise.png")], "duration_s": 4.0}
    )

    frames = [bytes(frame.planes[0]) for frame in scene.frames(Stage(96, 96, 30, 12))]

    assert len(set(frames)) == 12


@pytest.mark.parametrize("container", [Container.GIF, Container.JPG, Container.MP4])
def test_colours_come_out_as_they_went_in(tmp_path: Path, container: Container) -> None:
    Image.new("RGB", (64, 64), (30, 90, 75)).save(tmp_path / "green.png")
    given = {"images": [str(tmp_path / "green.png")], "duration_s": 0.5, "fps": 4}
    target = tmp_path / f"film.{container}"

    scene = templates.scene("slideshow", given)
    encode.encode(scene, container, (64, 64), 4, target, lambda _: None)

    with av.open(str(target)) as file:
        frame = next(file.decode(video=0))
        pixels = bytes(frame.reformat(format="rgb24").planes[0])
    assert pixels[:3] == pytest.approx((30, 90, 75), abs=4)


def test_a_film_is_not_made_of_key_frames_alone(tmp_path: Path) -> None:
    scene = templates.scene("title-card", {"title": "Small", "duration_s": 1.0})

    encode.encode(scene, Container.MP4, (320, 180), 30, tmp_path / "film.mp4", lambda _: None)

    with av.open(str(tmp_path / "film.mp4")) as file:
        assert sum(packet.is_keyframe for packet in file.demux(video=0) if packet.size) == 1
