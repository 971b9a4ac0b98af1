"""The pictures of a film at given times, whatever its own rate is.

Decoding begins at the key frame before the first time; what comes before it is dropped.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av

from reactor.errors import FailureClass, RenderFailed, bad_input
from reactor.renderserver import films

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.container.input import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from reactor.renderserver.films import Film

SLACK = Fraction(1, 1000)
"""Times in cut lists are rounded to thousandths: a picture is on from a thousandth before its time."""
LEADS = (Fraction(0), Fraction(4), Fraction(30))
"""How far before a time to look for a key frame; some files can only be searched roughly."""

Timed = tuple[Fraction, "VideoFrame"]


def shown(field: str, film: Film, times: Iterable[Fraction]) -> Iterator[VideoFrame]:
    """What is on screen at each of the times, which ascend; the same frame again while it lasts."""
    times = iter(times)
    first = next(times, None)
    if first is None:
        return
    with films.reading(field, film) as source:
        ahead = pictures_from(field, film, source, first)
        now, frame = next(ahead)
        following = next(ahead, None)
        for time in chained(first, times):
            while following and following[0] <= time + SLACK:
                now, frame = following
                following = next(ahead, None)
            if following is None and now < min(film.last, time) - SLACK:
                raise RenderFailed(
                    FailureClass.CRASH,
                    f"{field}: '{film.path}' ended at {float(now):.2f} s while it was being read",
                )
            yield frame


def chained(first: Fraction, rest: Iterator[Fraction]) -> Iterator[Fraction]:
    """The first and the rest."""
    yield first
    yield from rest


def pictures_from(
    field: str, film: Film, source: InputContainer, time: Fraction
) -> Iterator[Timed]:
    """The film's pictures from the one that is on at that time; the first of all if there is none."""
    films.prepare(source.streams.video[film.video_number])
    for lead in LEADS:
        if time <= lead:
            break
        films.seek(source, film.start + time - lead)
        found = since(decoded(field, film, source), time)
        begin = next(found, None)
        if begin and begin[0] <= time + SLACK:
            yield begin
            yield from found
            return
    source.seek(0)
    yield from since(decoded(field, film, source), time)


def since(pictures: Iterator[Timed], time: Fraction) -> Iterator[Timed]:
    """Without the pictures that have gone by that time."""
    showing: Timed | None = None
    for picture in pictures:
        if picture[0] <= time + SLACK:
            showing = picture
            continue
        if showing:
            yield showing
            showing = None
        yield picture
    if showing:
        yield showing


def decoded(field: str, film: Film, source: InputContainer) -> Iterator[Timed]:
    """Every picture from here on with its time; RenderFailed(input) for a damaged one."""
    video = source.streams.video[film.video_number]
    time, good = Fraction(0), False
    for frame in frames(source, video):
        if frame.pts is not None and frame.time_base is not None:
            time = frame.pts * frame.time_base - film.start
        if frame.is_corrupt and good:
            raise bad_input(field, f"'{film.path}' is damaged at {float(time):.2f} s")
        if not frame.is_corrupt:
            good = True
            yield time, frame


def frames(source: InputContainer, video: VideoStream) -> Iterator[VideoFrame]:
    """All that can be decoded; just after a seek a decoder may lack what its first packets refer to."""
    good = False
    for packet in source.demux(video):
        try:
            made = packet.decode()
        except av.InvalidDataError:
            if good:
                raise
            continue
        for frame in made:
            good = True
            yield frame
