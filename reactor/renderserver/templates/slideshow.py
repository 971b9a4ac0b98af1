"""`slideshow`: pictures with a slow zoom and cross-fades, captions, and optionally a sound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image

from reactor.renderserver import lettering, pictures, script, sound
from reactor.renderserver.frames import as_frame, from_planes, plane_picture
from reactor.renderserver.stage import Layer, Stage, compose
from reactor.renderserver.typefaces import Weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

    from reactor.renderserver.props import SlideshowProps

SECONDS_EACH = 3.5
FADE_S = 0.8
ZOOM = 1.14
"""How much larger a picture ends (or begins) than the frame."""
DARK = 0.54
"""Of the veil behind the topmost word, where white reads well even on snow."""
DARKEST = 0.8
"""Of the veil at the foot."""
WHITE = (255, 255, 255)


class Slideshow:
    """A slideshow, filled in."""

    def __init__(self, props: SlideshowProps) -> None:
        for index, path in enumerate(props.images):
            pictures.look_at(f"props.images[{index}]", path)
        self.props = props
        self.sound = sound.opened("props.audio", props.audio) if props.audio else None
        self.fps = props.fps
        self.duration_s = props.duration_s or max(0.5, SECONDS_EACH * len(props.images))
        self.each_s = self.duration_s / len(props.images)
        self.fade_s = min(FADE_S, self.each_s / 2)
        self.still_s = self.each_s * 0.5

    def frames(self, stage: Stage) -> Iterator[VideoFrame]:
        """The pictures with their captions over them."""
        return compose(stage, self.moving(stage), list(self.captions(stage)))

    def moving(self, stage: Stage) -> Iterator[VideoFrame]:
        """The pictures, zooming and fading into one another."""
        load = lru_cache(maxsize=2)(lambda index: Planes.of(self.props.images[index], stage))
        last = len(self.props.images) - 1
        for number in range(stage.first, stage.first + stage.frames):
            now = number / stage.fps
            index = min(last, int(now / self.each_s))
            planes = load(index).at(self.zoom(index, now))
            into_next = now - ((index + 1) * self.each_s - self.fade_s)
            if index < last and into_next > 0:
                share = eased(into_next / self.fade_s)
                following = load(index + 1).at(self.zoom(index + 1, now))
                planes = [Image.blend(a, b, share) for a, b in zip(planes, following, strict=True)]
            yield from_planes(planes)

    def zoom(self, index: int, now: float) -> float:
        """How far the zoom of one picture is, 0 to 1; every second one zooms out."""
        begins = index * self.each_s - self.fade_s
        share = min(1.0, max(0.0, (now - begins) / (self.each_s + self.fade_s)))
        return share if index % 2 == 0 else 1 - share

    def captions(self, stage: Stage) -> Iterator[Layer]:
        """A caption for each picture that has one; the title and subtitle stand on the first."""
        texts = [*self.props.captions, *[""] * len(self.props.images)][: len(self.props.images)]
        for index, text in enumerate(texts):
            title = self.props.title if index == 0 else ""
            below = text or (self.props.subtitle if index == 0 else "")
            if not (title.strip() or below.strip()):
                continue
            picture = caption(title, below, stage)
            start = index * self.each_s
            hurry = min(1.0, self.each_s / 2.5)
            yield Layer(
                picture,
                0,
                stage.height - picture.height,
                enter_s=start + 0.1 * hurry if index else 0.0,
                leave_s=start + self.each_s - 0.1 * hurry,
                ease_s=0.5 * hurry,
            )


@dataclass(frozen=True)
class Planes:
    """A picture as luma and two half-size chroma planes, a little larger than the frame."""

    planes: tuple[Image.Image, ...]
    stage: Stage

    @classmethod
    def of(cls, path: str, stage: Stage) -> Planes:
        """Load a picture for a stage."""
        size = round(stage.width * ZOOM / 2) * 2, round(stage.height * ZOOM / 2) * 2
        frame = as_frame(pictures.cover(path, *size))
        yuv = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        return cls(tuple(plane_picture(plane) for plane in yuv.planes), stage)

    def at(self, zoom: float) -> list[Image.Image]:
        """The planes as the frame shows them: all of the picture at 0, its middle at 1.

        Resampled from a box with fractional edges, because FFmpeg's zoompan moves by whole pixels,
        and a slow zoom shakes.
        """
        margin = (1 - 1 / ZOOM) / 2 * zoom
        shown = []
        for index, plane in enumerate(self.planes):
            half = 2 if index else 1
            w, h = plane.size
            box = (w * margin, h * margin, w * (1 - margin), h * (1 - margin))
            size = self.stage.width // half, self.stage.height // half
            shown.append(plane.resize(size, Image.Resampling.BICUBIC, box=box))
        return shown


def eased(share: float) -> float:
    """Slow, fast, slow."""
    return share * share * (3 - 2 * share)


def caption(title: str, text: str, stage: Stage, largest: float = 9.5) -> Image.Image:
    """Title and text on a dark veil that fades out upwards; sizes are in the stage's units."""
    unit, side = stage.unit, round(stage.unit * (8 if stage.portrait else 9))
    room = stage.width - 2 * side - (round(unit * 6) if stage.portrait else 0)
    head = lettering.fit(
        title,
        room,
        round(stage.height * 0.3),
        weight=Weight.BOLD,
        largest=round(unit * largest),
        smallest=round(unit * 4.2),
        max_lines=4,
    )
    body = lettering.fit(
        text,
        room,
        round(stage.height * 0.2),
        weight=Weight.MEDIUM,
        largest=round(unit * min(5.2, largest * 0.7)),
        smallest=round(unit * 3.2),
        max_lines=4,
        leading=1.3,
    )
    below = round(stage.height * (0.20 if stage.portrait else 0.09))
    gap = round(unit * 2.4) if head.lines and body.lines else 0
    words = below + head.height + gap + body.height
    # Even, for pictures are laid over one another by whole chroma rows.
    height = min(stage.height, round(words * 0.6 + unit * 10) * 2)
    picture = veil(stage.width, height, max(1, height - words))
    y = picture.height - below - head.height - gap - body.height
    for block in (head, body):
        for line in block.lines:
            write(picture, block, line, side, y, room)
            y += block.line_height
        y += gap
    return picture


def veil(width: int, height: int, fading: int) -> Image.Image:
    """Black that fades in over the first `fading` rows and grows darker towards the foot."""
    above = [DARK * eased(row / fading) for row in range(fading)]
    behind = range(height - fading)
    column = above + [DARK + (DARKEST - DARK) * row / len(behind) for row in behind]
    strip = Image.new("L", (1, height))
    strip.putdata([round(255 * dark) for dark in column])
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    picture.putalpha(strip.resize((width, height)))
    return picture


def write(
    picture: Image.Image, block: lettering.Block, line: str, side: int, y: int, room: int
) -> None:
    """One line onto the picture, from the side it is read from."""
    drawn = lettering.draw_line(block, line, WHITE, shadow=0.5)
    pad = lettering.padding(block)
    rtl = script.base_direction(line) == "rtl"
    x = side + room - drawn.width + pad if rtl else side - pad
    cut = max(0, -(y - pad))
    picture.alpha_composite(
        drawn.crop((max(0, -x), cut, *drawn.size)), (max(0, x), max(0, y - pad))
    )
