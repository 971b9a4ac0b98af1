"""A film's pictures as the stage's: upright, square pixels, cropped to fill it or whole over a dark blur.

One filter graph per shape of incoming frame; it crops first, because what is cut off need not be scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from av.filter import Graph
from av.video.format import VideoFormat

from reactor.renderserver.stage import FILTER_THREADS

if TYPE_CHECKING:
    from av.filter.context import FilterContext
    from av.video.frame import VideoFrame

    from reactor.renderserver.stage import Stage

HD_LINES = 720
"""From that height on colours that are not labelled are BT.709."""
MATRICES = {1: "bt709", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
FULL_RANGE = 2
BLUR_SHRINK = 12
BLUR_SIGMA = "2.5"
DARKER = "16+(val-16)*0.42"
PALER = "128+(val-128)*0.7"
ALMOST = 0.01
"""A picture that leaves so little uncovered is cropped."""
TURNS = {0: (), 90: ("cclock",), 180: ("clock", "clock"), 270: ("clock",)}


@dataclass(frozen=True)
class Look:
    """All that a graph depends on."""

    width: int
    height: int
    pixels: str
    rotation: int
    matrix: str
    full_range: bool

    @classmethod
    def of(cls, frame: VideoFrame) -> Look:
        """A frame's look; a turn that is not a quarter's multiple is not made."""
        matrix = MATRICES.get(frame.colorspace, "bt709" if frame.height >= HD_LINES else "bt601")
        full = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
        turn = frame.rotation % 360
        turn = turn if turn in TURNS else 0
        return cls(frame.width, frame.height, frame.format.name, turn, matrix, full)


class Framing:
    """Puts the frames of one film on a stage."""

    def __init__(self, stage: Stage, fit: str, pixel_shape: Fraction) -> None:
        self.stage, self.fit, self.pixel_shape = stage, fit, pixel_shape
        self.look: Look | None = None
        self.latest: tuple[VideoFrame, VideoFrame] | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """The frame as the stage shows it, yuv420p in BT.709."""
        if self.latest and self.latest[0] is frame:
            return self.latest[1]
        look = Look.of(frame)
        if look != self.look:
            self.look, self.graph = look, Graph()
            self.graph.threads = FILTER_THREADS
            self.entry = self.built(self.graph, look)
        frame.pts, frame.time_base = None, self.stage.time_base
        self.entry.push(frame)
        self.latest = frame, self.graph.vpull()
        return self.latest[1]

    def built(self, graph: Graph, look: Look) -> FilterContext:
        """The graph for such frames; return where they enter."""
        entry = graph.add_buffer(
            width=look.width,
            height=look.height,
            format=VideoFormat(look.pixels),
            time_base=self.stage.time_base,
        )
        turned = look.rotation % 180 == 90
        room = self.stage.width, self.stage.height
        room = (room[1], room[0]) if turned else room
        last = self.over_blur(graph, entry, look, room) if self.fit == "contain" else None
        if last is None:
            last = self.filled(graph, entry, look, room, "bicubic")
        for direction in TURNS[look.rotation]:
            last = linked(last, graph.add("transpose", dir=direction))
        linked(linked(last, graph.add("format", "yuv420p")), graph.add("buffersink"))
        graph.configure()
        return entry

    def filled(
        self, graph: Graph, node: FilterContext, look: Look, room: tuple[int, int], flags: str
    ) -> FilterContext:
        """The middle of the picture, filling the room."""
        shape = Fraction(*room) / self.pixel_shape
        width = min(Fraction(look.width), look.height * shape)
        height = width / shape
        size = {"w": str(max(1, round(width))), "h": str(max(1, round(height)))}
        node = linked(node, graph.add("crop", **size))
        return scaled(graph, node, look, room, flags)

    def over_blur(
        self, graph: Graph, node: FilterContext, look: Look, room: tuple[int, int]
    ) -> FilterContext | None:
        """The whole picture over a dark blur of itself; None when it fills the room anyhow."""
        shape = Fraction(look.width, look.height) * self.pixel_shape
        scale = min(room[0] / shape, Fraction(room[1]))
        inner = even(scale * shape), even(scale)
        if inner[0] * inner[1] >= (1 - ALMOST) * room[0] * room[1]:
            return None
        both = linked(node, graph.add("split"))
        small = even(Fraction(room[0], BLUR_SHRINK)), even(Fraction(room[1], BLUR_SHRINK))
        ground = self.filled(graph, both, look, small, "area")
        for step in (
            graph.add("format", "yuv420p"),
            graph.add("gblur", sigma=BLUR_SIGMA),
            graph.add("lutyuv", y=DARKER, u=PALER, v=PALER),
            graph.add("scale", w=str(room[0]), h=str(room[1]), flags="bicubic"),
        ):
            ground = linked(ground, step)
        over = graph.add("overlay", x="(W-w)/2", y="(H-h)/2", format="yuv420")
        ground.link_to(over, 0, 0)
        whole = graph.add("scale", **scaling(look, inner, "bicubic"))
        both.link_to(whole, 1, 0)
        linked(whole, graph.add("format", "yuv420p")).link_to(over, 0, 1)
        return over


def scaled(
    graph: Graph, node: FilterContext, look: Look, size: tuple[int, int], flags: str
) -> FilterContext:
    """The picture in another size, its colours in BT.709."""
    return linked(node, graph.add("scale", **scaling(look, size, flags)))


def scaling(look: Look, size: tuple[int, int], flags: str) -> dict[str, str]:
    """What the scale filter is told."""
    return {
        "w": str(size[0]),
        "h": str(size[1]),
        "flags": flags,
        "in_color_matrix": look.matrix,
        "in_range": "pc" if look.full_range else "tv",
        "out_color_matrix": "bt709",
        "out_range": "tv",
    }


def linked(node: FilterContext, following: FilterContext) -> FilterContext:
    """The second after the first."""
    node.link_to(following)
    return following


def even(length: Fraction) -> int:
    """The nearest even number of pixels."""
    return max(2, round(length / 2) * 2)
