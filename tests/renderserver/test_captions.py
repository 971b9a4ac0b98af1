"""The words over pictures and plates: read on snow too, and names as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from reactor.renderserver import templates
from reactor.renderserver.frames import as_picture
from reactor.renderserver.stage import Stage
from reactor.renderserver.templates.title_card import spoken

if TYPE_CHECKING:
    from pathlib import Path

SNOW = 245
READABLE = 4.5
"""The contrast that WCAG asks for text."""


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (360, 360), (366, 366)], ids=str)
def test_captions_are_read_on_snow_down_to_the_last_row(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    picture = Image.new("RGB", (640, 640), (SNOW, SNOW, SNOW))
    picture.save(tmp_path / "snow.png")
    words = {"title": "Winter", "captions": ["Snow as far as one can see, and then some"]}
    scene = templates.scene("slideshow", {"images": [str(tmp_path / "snow.png")], **words})

    frame = next(iter(scene.frames(Stage(*size, 10, 1, first=15))))

    shown = as_picture(frame.reformat(format="rgb24"), "RGB").convert("L")
    # The margin at the left, where no word is: the picture as it is, and the veil over it.
    margin = [row_of(shown, y)[1] for y in range(size[1])]
    assert margin[0] > SNOW - 8
    written = [
        y for y in range(size[1]) if max(row_of(shown, y)) - min(row_of(shown, y)) > SNOW / 3
    ]
    assert written
    assert contrast(margin[written[0]]) > READABLE
    assert margin[-1] == min(margin)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("youtube_shorts", "YouTube Shorts"),
        ("tiktok", "TikTok"),
        ("x", "X"),
        ("our_own app", "our own app"),
        ("", ""),
    ],
)
def test_a_platform_is_named_as_it_names_itself(name: str, written: str) -> None:
    assert spoken(name) == written


def row_of(picture: Image.Image, y: int) -> bytes:
    return picture.crop((0, y, picture.width, y + 1)).tobytes()


def contrast(level: int) -> float:
    """Of white over that grey."""
    return 1.05 / (float((level / 255) ** 2.2) + 0.05)
