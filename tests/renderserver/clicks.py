"""Sound that is nothing but clicks at known times, and the times at which a finished file has them."""

from __future__ import annotations

import wave
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image

from reactor.renderserver.frames import as_frame

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RATE = 48_000
FPS = 25
SIZE = (160, 90)
CLICK = b"".join(
    (28_000 if n % 12 < 6 else -28_000).to_bytes(2, "little", signed=True) for n in range(24)
)
APART = RATE // 20
"""Samples; what is nearer is still the same click."""


def make_sound(path: Path, clicks: Sequence[float], seconds: float) -> Path:
    """A wav file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples(clicks, seconds))
    return path


def make_film(path: Path, clicks: Sequence[float], seconds: float) -> Path:
    """Black pictures, and the clicks as AAC with an edit list, as cameras write it."""
    sound = samples(clicks, seconds)
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=FPS)
        audio = file.add_stream("aac", rate=RATE, layout="mono")
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        for number in range(round(seconds * FPS)):
            frame = as_frame(Image.new("RGB", SIZE)).reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        for begin in range(0, len(sound) // 2, 1024):
            part = sound[2 * begin : 2 * (begin + 1024)]
            heard = AudioFrame("s16", "mono", len(part) // 2)
            heard.planes[0].update(part.ljust(heard.planes[0].buffer_size, b"\0"))
            heard.sample_rate, heard.pts, heard.time_base = RATE, begin, Fraction(1, RATE)
            file.mux(audio.encode(heard))
        file.mux(audio.encode(None))
    return path


def samples(clicks: Sequence[float], seconds: float) -> bytes:
    """Silence with clicks in it, 16 bits each."""
    data = bytearray(2 * round(seconds * RATE))
    for at in clicks:
        begin = 2 * round(at * RATE)
        data[begin : begin + len(CLICK)] = CLICK
    return bytes(data)


def clicks_of(path: Path) -> list[float]:
    """When a player is to sound them: the times in the file, not the number of samples before."""
    times, last = list[float](), -1.0
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(str(path)) as file:
        for frame in [*file.decode(audio=0), None]:
            for part in resampler.resample(frame):
                assert part.time is not None
                values = memoryview(bytes(part.planes[0])[: part.samples * 4]).cast("f")
                for at in (part.time + n / RATE for n, value in enumerate(values) if value > 0.4):
                    if at - last > APART / RATE:
                        times.append(at)
                    last = at
    return times
