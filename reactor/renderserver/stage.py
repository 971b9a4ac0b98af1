"""What a template draws on: a size, a frame rate and a span of time, and layers put over a background.

Filter graphs are built node by node; every option in them is a number of ours or a constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import PictureType

from reactor.renderserver.frames import as_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.filter.context import FilterContext
    from av.video.frame import VideoFrame
    from PIL import Image

    from reactor.renderserver.sound import Heard

FILTER_THREADS = 2
EASE_S = 0.7


@dataclass(frozen=True)
class Stage:
    """Frames `first` to `first + frames` of a film of this size and rate."""

    width: int
    height: int
    fps: int
    frames: int
    first: int = 0

    @property
    def time_base(self) -> Fraction:
        """One frame, in seconds."""
        return Fraction(1, self.fps)

    @property
    def unit(self) -> float:
        """The measure all sizes derive from: a hundredth of the shorter side."""
        return min(self.width, self.height) / 100

    @property
    def portrait(self) -> bool:
        """Whether it is higher than wide."""
        return self.height > self.width


class Scene(Protocol):
    """A template filled in: how long it is, what it sounds like, and its frames."""

    @property
    def duration_s(self) -> float:
        """The length of the film."""
        ...

    @property
    def fps(self) -> int:
        """Frames per second, as ordered or as its sources have them."""
        ...

    @property
    def still_s(self) -> float:
        """The moment that represents it."""
        ...

    @property
    def sound(self) -> Heard | None:
        """What is heard."""
        ...

    def frames(self, stage: Stage) -> Iterator[VideoFrame]:
        """At least the stage's frames, yuv420p in BT.709."""
        ...


@dataclass(frozen=True)
class Layer:
    """A picture over the background: it rises and fades in at `enter_s`, and fades out by `leave_s`."""

    picture: Image.Image
    x: int
    y: int
    enter_s: float = 0.0
    leave_s: float | None = None
    ease_s: float = EASE_S
    rise: int = 0


def compose(
    stage: Stage, background: Iterable[VideoFrame], layers: list[Layer]
) -> Iterator[VideoFrame]:
    """The background with the layers over it, frame by frame."""
    graph = Graph()
    graph.threads = FILTER_THREADS
    source = buffer(graph, stage, stage.width, stage.height, "yuv420p")
    node = source
    entries = []
    for layer in layers:
        entry, node = overlay(graph, node, layer, stage)
        entries.append(entry)
    node.link_to(graph.add("buffersink"))
    graph.configure()
    for layer, entry in zip(layers, entries, strict=True):
        entry.push(timed(as_frame(layer.picture), stage, stage.first))
    for index, frame in enumerate(background):
        source.push(timed(frame, stage, stage.first + index))
        yield graph.vpull()


def buffer(graph: Graph, stage: Stage, width: int, height: int, pixels: str) -> FilterContext:
    """Where frames of that size enter a graph."""
    return graph.add_buffer(
        width=width, height=height, format=VideoFormat(pixels), time_base=stage.time_base
    )


def overlay(
    graph: Graph, under: FilterContext, layer: Layer, stage: Stage
) -> tuple[FilterContext, FilterContext]:
    """Put one layer over a node; return where its picture enters and the combined node."""
    start, ease = layer.enter_s, layer.ease_s
    entry = buffer(graph, stage, layer.picture.width, layer.picture.height, "rgba")
    chain = [
        entry,
        graph.add("scale", out_color_matrix="bt709", out_range="tv"),
        graph.add("format", "yuva420p"),
        graph.add("loop", loop="-1", size="1"),
        graph.add("setpts", f"N+{stage.first}"),
        graph.add("fade", type="in", start_time=f"{start:.4f}", duration=f"{ease:.4f}", alpha="1"),
    ]
    shown = f"gte(t,{start:.4f})"
    if layer.leave_s is not None:
        gone = f"{layer.leave_s - ease:.4f}"
        chain.append(
            graph.add("fade", type="out", start_time=gone, duration=f"{ease:.4f}", alpha="1")
        )
        shown = f"between(t,{start:.4f},{layer.leave_s:.4f})"
    graph.link_nodes(*chain)
    eased = f"{layer.rise}*pow(1-clip((t-{start:.4f})/{ease:.4f},0,1),3)"
    both = graph.add(
        "overlay",
        x=str(layer.x),
        y=f"{layer.y}+{eased}",
        eval="frame",
        format="yuv420",
        enable=shown,
    )
    under.link_to(both, 0, 0)
    chain[-1].link_to(both, 0, 1)
    return entry, both


def timed(frame: VideoFrame, stage: Stage, index: int) -> VideoFrame:
    """The frame with its place in the film."""
    frame.pts = index
    frame.time_base = stage.time_base
    # FFmpeg's sources call every frame a key frame, and encoders obey: five times the size.
    frame.pict_type = PictureType.NONE
    return frame
