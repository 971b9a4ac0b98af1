"""Audio files: recognised by their first bytes, opened by one forced demuxer, never followed elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

from reactor.errors import bad_input
from reactor.media.audio import ALLOWED as KINDS
from reactor.media.audio import SIGNATURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container.input import InputContainer

RATE = 48_000
FADE_IN_S = 0.02
FADE_OUT_S = 1.2


class Heard(Protocol):
    """What a film sounds like."""

    def samples(self, duration_s: float, pixels: str = "fltp") -> Iterator[AudioFrame]:
        """Exactly that long, stereo at RATE."""
        ...


@dataclass(frozen=True)
class Sound:
    """An audio file that was opened once and found good."""

    path: str
    demuxer: str
    duration_s: float

    def samples(self, duration_s: float, pixels: str = "fltp") -> Iterator[AudioFrame]:
        """Exactly that long, stereo at RATE: cut with a fade or filled with silence."""
        with container(self.path, self.demuxer) as source:
            stream = source.streams.audio[0]
            graph = Graph()
            entry = graph.add_abuffer(template=stream)
            length = f"{duration_s:.6f}"
            fade_s = min(FADE_OUT_S, duration_s / 4)
            graph.link_nodes(
                entry,
                graph.add("aresample", str(RATE)),
                graph.add("aformat", sample_fmts=pixels, channel_layouts="stereo"),
                graph.add("asetpts", "N/SR/TB"),
                graph.add("apad", whole_dur=length),
                graph.add("atrim", end=length),
                graph.add("afade", type="in", duration=str(FADE_IN_S)),
                graph.add(
                    "afade",
                    type="out",
                    start_time=f"{duration_s - fade_s:.6f}",
                    duration=f"{fade_s:.6f}",
                ),
                graph.add("abuffersink"),
            ).configure()
            yield from poured(graph, source.decode(stream))


def opened(field: str, path: str) -> Sound:
    """Look at an audio file; RenderFailed(input) when it is not one."""
    demuxer = demuxer_of(Path(path))
    if demuxer is None:
        raise bad_input(field, f"'{path}' is not an audio file", allowed=KINDS)
    try:
        with container(path, demuxer) as source:
            if not source.streams.audio:
                raise bad_input(field, f"'{path}' has no sound in it", allowed=KINDS)
            next(source.decode(source.streams.audio[0]))
            length = source.duration
        seconds = length / av.time_base if length else counted(path, demuxer)
    except (av.FFmpegError, StopIteration):
        raise bad_input(field, f"'{path}' cannot be decoded", allowed=KINDS) from None
    return Sound(path, demuxer, seconds)


def demuxer_of(path: Path) -> str | None:
    """The one demuxer that may read the file, by its first bytes; its name says nothing."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((name for name, fits in SIGNATURES.items() if fits(head)), None)


def container(path: str, demuxer: str) -> InputContainer:
    """Open with exactly that demuxer, and local files only."""
    options = {"protocol_whitelist": "file", "format_whitelist": demuxer_names(demuxer)}
    return av.open(f"file:{path}", "r", format=demuxer, options=options)


def demuxer_names(demuxer: str) -> str:
    """The demuxer as FFmpeg's white list spells it."""
    return str(av.ContainerFormat(demuxer, "r").name)


def counted(path: str, demuxer: str) -> float:
    """The length of a file whose header does not tell it."""
    with container(path, demuxer) as source:
        stream = source.streams.audio[0]
        return sum(frame.samples / frame.sample_rate for frame in source.decode(stream))


def poured(graph: Graph, frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """What comes out of the graph while frames are poured in, and after the last."""
    for frame in frames:
        try:
            graph.push(frame)
        except av.EOFError:
            # It has had enough: the end that was asked for is reached.
            break
        yield from drained(graph)
    else:
        graph.push(None)
    yield from drained(graph)


def drained(graph: Graph) -> Iterator[AudioFrame]:
    """What is ready now."""
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        if isinstance(frame, AudioFrame):
            frame.time_base = Fraction(1, RATE)
            yield frame
