"""The sound of cut clips one after another: each trimmed to the sample, with a short fade at every join."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.filter import Graph

from reactor.errors import bad_input
from reactor.renderserver import films
from reactor.renderserver.sound import RATE, drained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.frame import AudioFrame
    from av.container.input import InputContainer
    from av.filter.context import FilterContext

    from reactor.renderserver.films import Film

FADE_S = 0.008
"""Long enough that a cut does not click, too short to be heard."""
LEAD_S = Fraction(1, 2)
"""Decoded and dropped before a clip: a codec's first samples after a seek are not right yet."""


@dataclass(frozen=True)
class Cut:
    """A piece of a film on the time line; `begin_s` counts in the film."""

    field: str
    film: Film
    begin_s: Fraction
    length_s: Fraction


@dataclass(frozen=True)
class JoinedSound:
    """What all cuts sound like; one without sound is silent."""

    cuts: tuple[Cut, ...]

    def samples(self, duration_s: float, pixels: str = "fltp") -> Iterator[AudioFrame]:
        """Exactly that long, stereo at RATE."""
        total, done, end = round(duration_s * RATE), 0, Fraction(0)
        for index, cut in enumerate(self.cuts):
            end += cut.length_s
            reached = total if index == len(self.cuts) - 1 else min(total, round(end * RATE))
            if reached <= done:
                continue
            for frame in piece(cut, reached - done, pixels):
                frame.pts, frame.time_base = done, Fraction(1, RATE)
                done += frame.samples
                yield frame


def piece(cut: Cut, length: int, pixels: str) -> Iterator[AudioFrame]:
    """That many samples of a cut, filled up with silence."""
    if not cut.film.has_sound:
        yield from silence(length, pixels)
        return
    with films.reading(cut.field, cut.film) as source:
        heard = frames_from(cut, source)
        first = next(heard, None)
        if first is None or starts(cut, first) * RATE >= length:
            yield from silence(length, pixels)
            return
        graph = Graph()
        entry = trimmed(graph, cut, first, length, pixels)
        shape = (first.sample_rate, first.layout.name, first.format.name)
        entry.push(first)
        yield from drained(graph)
        for frame in heard:
            if (frame.sample_rate, frame.layout.name, frame.format.name) != shape:
                at = float(cut.begin_s + starts(cut, frame))
                raise bad_input(cut.field, f"'{cut.film.path}' changes its kind of sound at {at} s")
            try:
                entry.push(frame)
            except av.EOFError:
                break
            yield from drained(graph)
        else:
            entry.push(None)
        yield from drained(graph)


def trimmed(graph: Graph, cut: Cut, first: AudioFrame, length: int, pixels: str) -> FilterContext:
    """A graph that makes exactly the cut's samples of frames that begin with that one."""
    late = starts(cut, first)
    entry = graph.add_abuffer(
        sample_rate=first.sample_rate,
        format=first.format.name,
        layout=first.layout.name,
        time_base=first.time_base,
    )
    graph.link_nodes(
        entry,
        graph.add("atrim", start_sample=str(max(0, round(-late * first.sample_rate)))),
        graph.add("aresample", **{"sample_rate": str(RATE), "async": "1"}),
        graph.add("aformat", channel_layouts="stereo"),
        graph.add("asetpts", "N/SR/TB"),
        graph.add("adelay", delays=f"{max(0, round(late * RATE))}S", all="1"),
        graph.add("apad", whole_len=str(length)),
        graph.add("atrim", end_sample=str(length)),
        *fades(graph, length),
        graph.add("aformat", sample_fmts=pixels),
        graph.add("abuffersink"),
    ).configure()
    return entry


def fades(graph: Graph, length: int) -> Iterator[FilterContext]:
    """In at the beginning and out at the end."""
    fade = min(round(FADE_S * RATE), length // 2)
    if fade:
        yield graph.add("afade", type="in", start_sample="0", nb_samples=str(fade))
        yield graph.add("afade", type="out", start_sample=str(length - fade), nb_samples=str(fade))


def silence(length: int, pixels: str) -> Iterator[AudioFrame]:
    """That many samples of nothing."""
    graph = Graph()
    graph.link_nodes(
        graph.add("anullsrc", r=str(RATE), cl="stereo"),
        graph.add("aformat", sample_fmts=pixels, channel_layouts="stereo"),
        graph.add("atrim", end_sample=str(length)),
        graph.add("abuffersink"),
    ).configure()
    yield from drained(graph)


def starts(cut: Cut, frame: AudioFrame) -> Fraction:
    """How many seconds after the cut's beginning a frame begins."""
    if frame.pts is None or frame.time_base is None:
        return Fraction(0)
    return frame.pts * frame.time_base - cut.film.start - cut.begin_s


def frames_from(cut: Cut, source: InputContainer) -> Iterator[AudioFrame]:
    """The film's sound from the frame on that is heard when the cut begins."""
    stream = source.streams.audio[0]
    if cut.begin_s > LEAD_S and stream.time_base:
        at = cut.film.start + cut.begin_s - LEAD_S
        source.seek(int(at / stream.time_base), stream=stream, backward=True)
    good = False
    for packet in source.demux(stream):
        try:
            made = packet.decode()
        except av.InvalidDataError:
            if good:
                raise
            continue
        for frame in made:
            if starts(cut, frame) + Fraction(frame.samples, frame.sample_rate) > 0:
                good = True
                yield frame
