"""Fire fed by a spectrum: heat rises, spreads, flickers and cools on a coarse field, then gets its colours.

The field is a twenty-fifth of the picture, so that Pillow's C loops take about a millisecond a frame.
"""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING

from av.filter import Graph
from PIL import Image, ImageChops, ImageFilter

from reactor.renderserver import spectrum
from reactor.renderserver.frames import as_frame
from reactor.renderserver.stage import FILTER_THREADS, Stage, buffer, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from av.filter.context import FilterContext
    from av.video.frame import VideoFrame

SHORT_SIDE = 180
"""Points along the field's shorter side."""
TICKS_PER_S = 30
"""Steps of the fire, whatever the frame rate."""
GRADIENT = (
    (0, (7, 4, 12)),
    (26, (26, 6, 20)),
    (70, (92, 10, 22)),
    (118, (196, 42, 12)),
    (164, (246, 116, 14)),
    (206, (255, 190, 52)),
    (240, (255, 236, 150)),
    (255, (255, 250, 226)),
)
EMBERS = 0.3
"""Heat along the floor when nothing is heard."""
EMBERS_HIGH = 0.2
REACH = 0.62
"""How high the loudest pitch burns by itself."""
FOOT = 0.07
SLOWER = [round(level * 0.86) for level in range(256)]
"""Loudness goes down more slowly than up."""


def flame(sound: Iterable[Image.Image], stage: Stage, lead_in: int) -> Iterator[VideoFrame]:
    """Frames of fire; the first `lead_in` only warm it up and are not shown."""
    fire = Fire(stage)
    ticks = max(1, round(TICKS_PER_S / stage.fps))
    graph, entry = enlarger(stage, fire.shown)
    for index, bars in enumerate(sound):
        for _ in range(ticks):
            fire.burn(bars)
        if index >= lead_in:
            entry.push(timed(as_frame(fire.colored()), stage, index))
            yield graph.vpull()


def enlarger(stage: Stage, size: tuple[int, int]) -> tuple[Graph, FilterContext]:
    """A graph from the field's size to the stage's."""
    graph = Graph()
    graph.threads = FILTER_THREADS
    entry = buffer(graph, stage, *size, "rgb24")
    graph.link_nodes(
        entry,
        graph.add(
            "scale",
            w=str(stage.width),
            h=str(stage.height),
            flags="bicubic",
            out_color_matrix="bt709",
            out_range="tv",
        ),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ).configure()
    return graph, entry


class Fire:
    """A field of heat, one step after the other."""

    def __init__(self, stage: Stage) -> None:
        scale = SHORT_SIDE / min(stage.width, stage.height)
        self.shown = round(stage.width * scale), round(stage.height * scale)
        # The fire's foot, where new fuel meets what has risen, lies below the picture.
        self.size = self.shown[0], round(self.shown[1] * (1 + FOOT))
        self.heat = Image.new("L", self.size)
        self.chance = random.Random(7)
        self.turbulence = noise(self.chance, self.size)
        self.fade = self.column(lambda height: 3 + 9 * height**1.5)
        self.embers = self.column(lambda height: 255 * EMBERS * max(0.0, 1 - height / EMBERS_HIGH))
        self.level = Image.new("L", (spectrum.WIDTH, spectrum.HEIGHT))
        self.time = 0

    def burn(self, bars: Image.Image) -> None:
        """One step: what burns rises, sways and cools; the sound brings new fuel."""
        self.time += 1
        high = self.size[1]
        rise = high / 30
        sway = self.chance.uniform(-0.5, 0.5)
        risen = self.heat.transform(
            self.size, Image.Transform.AFFINE, (1, 0, sway, 0, 1, rise), Image.Resampling.BILINEAR
        )
        cooled = ImageChops.multiply(
            risen.filter(ImageFilter.BoxBlur((1, high / 60))), self.drifting()
        )
        fuel = self.fuel(bars)
        self.heat = ImageChops.lighter(ImageChops.subtract(cooled, self.fade), fuel)

    def fuel(self, bars: Image.Image) -> Image.Image:
        """What the sound burns: the bars, mirrored with the bass in the middle, over glowing embers."""
        wide, high = self.size
        self.level = ImageChops.lighter(bars, self.level.point(SLOWER))
        half = self.level.resize((wide - wide // 2, round(high * REACH)), Image.Resampling.BILINEAR)
        both = Image.new("L", self.size)
        both.paste(half, (wide // 2, high - half.height))
        both.paste(half.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (0, high - half.height))
        soft = ImageChops.lighter(
            both.filter(ImageFilter.GaussianBlur(min(wide, high) / 50)), self.embers
        )
        return ImageChops.multiply(ImageChops.add(soft, soft), self.drifting())

    def drifting(self) -> Image.Image:
        """A window of the turbulence that moves upwards."""
        wide, high = self.size
        top = round(self.time * high / 34) % high
        left = self.chance.randrange(3)
        return self.turbulence.crop((left, top, left + wide, top + high))

    def column(self, value: Callable[[float], float]) -> Image.Image:
        """A field that depends on the height above the floor, 0 to 1."""
        high = self.size[1]
        strip = Image.new("L", (1, high))
        strip.putdata([round(value(1 - row / high)) for row in range(high)])
        return strip.resize(self.size)

    def colored(self) -> Image.Image:
        """The heat in the colours of fire, with a glow around it."""
        wide, high = self.shown
        heat = self.heat.crop((0, 0, wide, high))
        glow = heat.resize((wide // 8, high // 8), Image.Resampling.BOX)
        glow = glow.filter(ImageFilter.GaussianBlur(4)).resize(
            (wide, high), Image.Resampling.BICUBIC
        )
        lit = ImageChops.add(heat, glow.point([level // 3 for level in range(256)]))
        return Image.merge("RGB", [lit.point(table) for table in TABLES])


def noise(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    """Cloudy noise, twice as high as the field and seamless, from 62 % to full."""
    wide, high = size
    layers = []
    for cell in (26, 10):
        columns, rows = wide // cell + 2, max(2, high // cell)
        tile = [chance.randrange(256) for _ in range(columns * rows)]
        small = Image.new("L", (columns, rows * 2))
        small.putdata(tile * 2)
        layers.append(small.resize((wide + 4, high * 2), Image.Resampling.BICUBIC))
    cloud = Image.blend(layers[0], layers[1], 0.45)
    return cloud.point([round(150 + (255 - 150) * min(1.0, level / 165)) for level in range(256)])


def tables() -> list[list[int]]:
    """Heat to red, green and blue."""
    found: list[list[int]] = [[], [], []]
    for (low, dark), (high, bright) in pairwise(GRADIENT):
        for level in range(low, high):
            share = (level - low) / (high - low)
            for plane in range(3):
                found[plane].append(round(dark[plane] + (bright[plane] - dark[plane]) * share))
    for plane in range(3):
        found[plane].append(GRADIENT[-1][1][plane])
    return found


TABLES = tables()
