"""Real sounds of every kind that is accepted, a second long."""

from __future__ import annotations

import math
from array import array
from io import BytesIO
from typing import TYPE_CHECKING

import av
from av.audio.stream import AudioStream

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 48_000
BIT_RATE = 128_000
KINDS = {
    "mp3": ("mp3", "libmp3lame"),
    "wav": ("wav", "pcm_s16le"),
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "ogg": ("ogg", "libopus"),
    "oga": ("ogg", "libopus"),
    "opus": ("opus", "libopus"),
    "flac": ("flac", "flac"),
    "aif": ("aiff", "pcm_s16be"),
    "aiff": ("aiff", "pcm_s16be"),
    "wma": ("asf", "wmav2"),
    "weba": ("webm", "libopus"),
}


def sound(extension: str = "mp3", *, pitch: float = 440.0, seconds: float = 1.0) -> bytes:
    """A tone as a whole file."""
    muxer, codec = KINDS[extension]
    target = BytesIO()
    with av.open(target, "w", format=muxer) as output:
        stream = output.add_stream(codec, rate=RATE, layout="stereo", bit_rate=BIT_RATE)
        assert isinstance(stream, AudioStream)
        for frame in tone(pitch, seconds):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return target.getvalue()


def tone(pitch: float, seconds: float) -> Iterator[av.AudioFrame]:
    """A sine in pieces."""
    count = 960
    for first in range(0, round(RATE * seconds), count):
        angles = (2 * math.pi * pitch * n / RATE for n in range(first, first + count))
        samples = array("h", (value for a in angles for value in [round(12_000 * math.sin(a))] * 2))
        frame = av.AudioFrame(format="s16", layout="stereo", samples=count)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = RATE
        frame.pts = first
        yield frame
