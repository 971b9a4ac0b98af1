"""Soft lights drifting over a dark ground: the animated background of every template without pictures.

The field is computed on a coarse grid in 16 bits and scaled up with dithering: as smooth as at full
size, at a hundredth of the work, and without bands.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from av.filter import Graph

from reactor.renderserver.stage import FILTER_THREADS, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

    from reactor.renderserver.palette import Palette

GRID = 40
"""Points along the longer side."""
WHITE = 65535
LINEAR = 2.2
"""Lights are mixed as light adds up, not as screen values do: no grey between two colours."""


def backdrop(stage: Stage, palette: Palette, seed: int) -> Iterator[VideoFrame]:
    """The background's frames, without end."""
    wide, high = grid(stage)
    graph = Graph()
    graph.threads = FILTER_THREADS
    red, green, blue = expressions(palette, seed, wide / high)
    graph.link_nodes(
        graph.add("color", s=f"{wide}x{high}", r=str(stage.fps)),
        graph.add("setpts", f"N+{stage.first}"),
        graph.add("format", "gbrp16le"),
        graph.add("geq", r=red, g=green, b=blue),
        graph.add(
            "scale",
            w=str(stage.width),
            h=str(stage.height),
            flags="bicubic",
            sws_dither="bayer",
            out_color_matrix="bt709",
            out_range="tv",
        ),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ).configure()
    while True:
        yield graph.vpull()


def grid(stage: Stage) -> tuple[int, int]:
    """The coarse field's size, in the stage's proportions."""
    longer = max(stage.width, stage.height)
    return (
        max(16, round(GRID * stage.width / longer)),
        max(16, round(GRID * stage.height / longer)),
    )


def expressions(palette: Palette, seed: int, aspect: float) -> tuple[str, str, str]:
    """One expression per colour plane: the ground and three lights, weighted by their nearness."""
    # Not for secrets: the same seed has to give the same picture.
    chance = random.Random(seed)
    lights = [light(chance, index, aspect) for index in range(len(palette.lights))]
    weights = "".join(f"st({index},{expression});" for index, expression in enumerate(lights))
    vignette = f"(1-0.42*(pow((X/W-0.5)*{min(aspect, 1.2):.3f},2)+pow(Y/H-0.5,2))*2)"
    planes = []
    for plane in range(3):
        tones = "+".join(
            f"ld({index})*{linear(tone[plane]):.5f}" for index, tone in enumerate(palette.lights)
        )
        mixed = f"({linear(palette.ground[plane]):.5f}+{tones})"
        planes.append(f"{weights}{WHITE}*clip(pow({mixed},{1 / LINEAR:.5f})*{vignette},0,1)")
    return planes[0], planes[1], planes[2]


def light(chance: random.Random, index: int, aspect: float) -> str:
    """A soft round light that wanders on a slow closed curve."""
    across, down = chance.uniform(0.10, 0.20), chance.uniform(0.08, 0.18)
    angle = 2 * math.pi * (index / 3 + chance.uniform(0, 0.25))
    x, y = 0.5 + 0.34 * math.cos(angle), 0.5 + 0.32 * math.sin(angle)
    speed, phase = chance.uniform(0.35, 0.6), chance.uniform(0, 2 * math.pi)
    turn = chance.choice((-1, 1))
    size = chance.uniform(0.08, 0.14)
    stretch = max(aspect, 1 / aspect)
    sx, sy = (stretch, 1.0) if aspect > 1 else (1.0, stretch)
    dx = f"(X/W-{x:.4f}-{across:.4f}*sin({turn * speed:.4f}*T+{phase:.4f}))*{sx**0.5:.4f}"
    dy = f"(Y/H-{y:.4f}-{down:.4f}*cos({speed * 0.8:.4f}*T+{phase:.4f}))*{sy**0.5:.4f}"
    return f"exp(-(pow({dx},2)+pow({dy},2))/{size:.4f})"


def linear(level: int) -> float:
    """A screen value as an amount of light."""
    return float((level / 255) ** LINEAR)
