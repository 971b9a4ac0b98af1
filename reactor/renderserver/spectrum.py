"""How loud each pitch of a sound is, frame by frame, as small grey pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
from av.filter import Graph
from av.video.frame import VideoFrame

from reactor.renderserver import sound
from reactor.renderserver.frames import as_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

    from reactor.renderserver.sound import Sound

WIDTH, HEIGHT = 128, 64


def bars(source: Sound, duration_s: float, fps: int) -> Iterator[Image.Image]:
    """Bars from low to high pitch, WIDTH × HEIGHT, white on black, one picture per frame."""
    graph = Graph()
    entry = graph.add_abuffer(sample_rate=sound.RATE, format="flt", layout="stereo")
    graph.link_nodes(
        entry,
        graph.add(
            "showcqt",
            size=f"{WIDTH}x{HEIGHT}",
            rate=str(fps),
            axis="0",
            axis_h="0",
            sono_h="0",
            bar_g="3.2",
            bar_v="12",
            cscheme="1|1|1|1|1|1",
            count="1",
            basefreq="40",
            endfreq="12000",
        ),
        graph.add("format", "gray"),
        graph.add("buffersink"),
    ).configure()
    for samples in source.samples(duration_s + 1, "flt"):
        entry.push(samples)
        yield from ready(graph)
    entry.push(None)
    yield from ready(graph)


def ready(graph: Graph) -> Iterator[Image.Image]:
    """The pictures that can be had now."""
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        if isinstance(frame, VideoFrame):
            yield as_picture(frame, "L")
