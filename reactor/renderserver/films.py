"""Video files: recognised by their first bytes, opened by one forced demuxer, measured by their packets.

All times of a film count from its first picture.
"""

from __future__ import annotations

import stat
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from reactor.errors import FailureClass, RenderFailed, bad_input
from reactor.renderserver import sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.audio.stream import AudioStream
    from av.codec.context import CodecContext
    from av.container.input import InputContainer
    from av.video.stream import VideoStream

KINDS = "mp4, mov, mkv, webm, avi, mxf, ts, mpg"
HEAD_BYTES = 200
MOST_PIXELS = 40_000_000
"""A little more than 8K."""
TAIL_S = 2
"""How far before its end a film is read to learn where it ends."""
CUT_OFF_S = Fraction(1)
"""A file that ends so much earlier than it says is not whole."""
FASTEST = 240
TOP_FPS = 60
LOW_FPS = 12
DEFAULT_FPS = 30
TS_PACKET, TS_SYNC = 188, 0x47


@dataclass(frozen=True)
class Film:
    """A video file that was opened once and found good."""

    path: str
    demuxer: str
    stamp: tuple[int, ...]
    """Which file it was."""
    video_number: int
    """Which of its video streams; a cover picture is one, too."""
    has_sound: bool
    start: Fraction
    """Where its own clock stands at the first picture."""
    last: Fraction
    """When the last picture begins."""
    end: Fraction
    rate: Fraction | None
    pixel_shape: Fraction

    @property
    def fps(self) -> int:
        """Its own rate as a whole number: 23.976 is 24; fast ones are halved, odd ones are 30."""
        rate = self.rate or Fraction(0)
        while rate > TOP_FPS + Fraction(1, 2):
            rate /= 2
        return round(rate) if rate >= LOW_FPS else DEFAULT_FPS


def opened(field: str, path: str) -> Film:
    """Look at a video file; RenderFailed(input) when it is not one, or not whole."""
    try:
        stamp = stamp_of(path)
        demuxer = demuxer_of(Path(path))
        if demuxer is None:
            raise bad_input(field, f"'{path}' is not a video", allowed=KINDS)
        return examined(field, path, demuxer, stamp)
    except MemoryError:
        raise
    except (av.FFmpegError, OSError, StopIteration, OverflowError, ValueError):
        raise bad_input(field, f"'{path}' cannot be decoded", allowed=KINDS) from None


def stamp_of(path: str) -> tuple[int, ...]:
    """What tells a file from its successor under the same name; ValueError unless it is a regular one."""
    found = Path(path).stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def demuxer_of(path: Path) -> str | None:
    """The one demuxer that may read the file, by its first bytes; its name says nothing."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return next((name for name, fits in SIGNATURES.items() if fits(head)), None)


def transport_stream(head: bytes) -> bool:
    """Two packets' first bytes, where they are, or four later as on Blu-ray."""
    return any(
        len(head) > at + TS_PACKET + at and head[at] == head[at + TS_PACKET + at] == TS_SYNC
        for at in (0, 4)
    )


QUICKTIME = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "mov": lambda head: head[4:8] in QUICKTIME,
    "matroska": lambda head: head[:4] == b"\x1aE\xdf\xa3",
    "avi": lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI ",
    "mxf": lambda head: head[:4] == b"\x06\x0e\x2b\x34",
    "mpegts": transport_stream,
    "mpeg": lambda head: head[:4] == b"\0\0\x01\xba",
}


def examined(field: str, path: str, demuxer: str, stamp: tuple[int, ...]) -> Film:
    """What the file holds, once its first picture could be decoded."""
    with sound.container(path, demuxer) as source:
        video = picture_stream(source)
        if video is None:
            raise bad_input(field, f"'{path}' has no moving pictures in it", allowed=KINDS)
        prepare(video)
        first = next(source.decode(video))
        if first.width * first.height > MOST_PIXELS:
            size = f"{first.width}x{first.height}"
            raise bad_input(field, f"'{path}' is {size}", allowed=f"at most {MOST_PIXELS} pixels")
        start = (first.pts or 0) * (first.time_base or video.time_base or Fraction(0))
        rate = rate_of(video)
        number = source.streams.video.index(video)
        has_sound = any(map(decodable, source.streams.audio[:1]))
        shape = video.sample_aspect_ratio or Fraction(1)
    last, end = measured(field, path, demuxer, start, rate)
    return Film(path, demuxer, stamp, number, has_sound, start, last, end, rate, shape)


def rate_of(video: VideoStream) -> Fraction | None:
    """Pictures a second; the guess is a clock's tick where they come unevenly, then the mean counts."""
    rates = (video.guessed_rate, video.average_rate)
    return next((rate for rate in rates if rate and rate <= FASTEST), None)


def picture_stream(source: InputContainer) -> VideoStream | None:
    """The stream that is the film; a cover picture is not."""
    attached = av.stream.Disposition.attached_pic
    streams = source.streams.video
    return next((s for s in streams if not s.disposition & attached and decodable(s)), None)


def decodable(stream: AudioStream | VideoStream) -> bool:
    """Whether there is a decoder for it."""
    context: CodecContext | None = stream.codec_context
    return context is not None


def prepare(video: VideoStream) -> None:
    """Decode with all processors, and nothing too large."""
    video.thread_type = "AUTO"
    video.codec_context.options = {"max_pixels": str(MOST_PIXELS)}


def measured(
    field: str, path: str, demuxer: str, start: Fraction, rate: Fraction | None
) -> tuple[Fraction, Fraction]:
    """When the last picture begins and ends, by the packets that are there."""
    with sound.container(path, demuxer) as source:
        declared = Fraction(source.duration or 0, av.time_base)
        begins = Fraction(source.start_time or 0, av.time_base)
        try:
            if declared > TAIL_S:
                seek(source, begins + declared - TAIL_S)
            found = extent(source, rate)
        except av.FFmpegError:
            found = None
    if found is None:
        with sound.container(path, demuxer) as source:
            found = extent(source, rate)
    if found is None:
        raise ValueError(path)
    last, end, whole = found
    if declared - (whole - begins) > CUT_OFF_S:
        problem = f"ends after {float(whole - begins):.1f} of {float(declared):.1f} s"
        raise bad_input(field, f"'{path}' is not whole: it {problem}", allowed="a whole video")
    return last - start, end - start


def extent(
    source: InputContainer, rate: Fraction | None
) -> tuple[Fraction, Fraction, Fraction] | None:
    """When the last picture begins, when it ends, and when everything ends; None without pictures."""
    video = picture_stream(source)
    last = end = whole = None
    for packet in source.demux():
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None or not packet.size or packet.is_corrupt:
            continue
        at = stamp * packet.time_base
        until = at + (packet.duration or 0) * packet.time_base
        whole = until if whole is None else max(whole, until)
        if video is not None and packet.stream_index == video.index:
            if not packet.duration and rate:
                until = at + 1 / rate
            last = at if last is None else max(last, at)
            end = until if end is None else max(end, until)
    if last is None or end is None or whole is None:
        return None
    return last, end, max(whole, end)


def seek(source: InputContainer, at: Fraction) -> None:
    """Go to a key frame before that time of the file's own clock."""
    video = picture_stream(source)
    if video is None or video.time_base is None:
        raise ValueError("no picture")
    source.seek(int(at / video.time_base), stream=video, backward=True)


@contextmanager
def reading(field: str, film: Film) -> Iterator[InputContainer]:
    """The film open again; what goes wrong with it from now on is said with its field."""
    try:
        if not is_still_there(film):
            reason = f"{field}: '{film.path}' was replaced or removed while it was being rendered"
            raise RenderFailed(FailureClass.CRASH, reason)
        with sound.container(film.path, film.demuxer) as source:
            yield source
    except MemoryError:
        raise
    except av.InvalidDataError:
        raise bad_input(field, f"'{film.path}' is damaged", allowed="a whole video") from None
    except (av.FFmpegError, OSError) as wrong:
        reason = f"{field}: '{film.path}' cannot be read ({wrong.strerror})"
        raise RenderFailed(FailureClass.CRASH, reason) from None


def is_still_there(film: Film) -> bool:
    """Whether the file under its name is the one that was looked at."""
    try:
        return stamp_of(film.path) == film.stamp
    except (OSError, ValueError):
        return False
