"""Every composition in every format, drawn by Remotion at low resolution: size, length, and a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import ImageStat

from tests.renderserver.clips import pictures
from tests.renderserver.conformance import PROPS

if TYPE_CHECKING:
    from tests.renderserver.target import Target

SIZES = {
    "full_16_9": (640, 360),
    "short_9_16": (360, 640),
    "clip_1_1": (360, 360),
    "thumbnail": (640, 360),
}
COMPOSITIONS: dict[str, dict[str, Any]] = {
    "TitleCard": PROPS["title-card"],
    "Slideshow": PROPS["slideshow"],
    "AudioFlame": PROPS["audio-visualizer"],
    "EdlCut": PROPS["edl-cut"],
    "MyVideo": {**PROPS["slideshow"], **PROPS["audio-visualizer"]},
}
FLAT = 3.0
"""How far the grey of a picture spreads that shows next to nothing."""


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_every_composition_draws_every_format(
    remotion: Target, composition: str, shape: str
) -> None:
    props = {**COMPOSITIONS[composition], "title": "Title", "duration_s": 0.6, "fps": 10}

    drawn = pictures(
        remotion.finished(template=composition, format=shape, quality="360p", props=props)
    )

    assert [picture.size for picture in drawn] == [SIZES[shape]] * (
        1 if shape == "thumbnail" else 6
    )
    spread = [ImageStat.Stat(picture.convert("L")).stddev[0] for picture in drawn]
    assert max(spread) > FLAT


def test_my_video_needs_nothing_and_does_not_look_at_what_it_does_not_know(
    remotion: Target,
) -> None:
    props = {"duration_s": 0.5, "fps": 4, "clips": [{"source": "missing.mp4"}], "campaign": 7}

    path = remotion.finished(template="my-video", quality="360p", props=props)

    assert len(pictures(path)) == 2
