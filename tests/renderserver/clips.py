"""Real clips whose every picture says which clip it is of and which of its frames it is.

A picture is eight bars from top to bottom: the first in the clip's colour, the others its number in
binary, so that it can be read after any crop at the sides.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image, ImageDraw

from reactor.renderserver.frames import as_frame, as_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.container.output import OutputContainer
    from av.video.frame import VideoFrame

YELLOW, CYAN = (220, 200, 0), (0, 200, 220)
BARS = 8
RATE = 44_100
TICKS = 1_000
"""In a second of a clip whose times are given."""


def make_clip(
    path: Path,
    color: tuple[int, int, int],
    *,
    size: tuple[int, int],
    fps: int,
    frames: int,
    hertz: int | None = None,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    turned: int = 0,
    pixel_shape: Fraction = Fraction(1),
) -> Path:
    """A clip of numbered frames at fps or at the given times, and a tone as long as they are."""
    options = {"g": "12", "bf": "2"} if codec == "libx264" else {}
    with av.open(str(path), "w") as file:
        video = file.add_stream(codec, rate=fps, options=options)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = *size, pixels
        ticks = TICKS if times else fps
        video.codec_context.time_base = Fraction(1, ticks)
        video.codec_context.sample_aspect_ratio = pixel_shape
        if turned:
            video.set_display_rotation(turned)
        audio = file.add_stream("aac", rate=RATE, layout="mono") if hertz else None
        for number in range(frames):
            frame = as_frame(numbered(number, size, color)).reformat(format=pixels)
            at = times[number] if times else number / fps
            frame.pts, frame.time_base = round(at * ticks), Fraction(1, ticks)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        if hertz and isinstance(audio, AudioStream):
            write_tone(file, audio, hertz, times[-1] if times else frames / fps)
    return path


def write_tone(file: OutputContainer, stream: AudioStream, hertz: int, seconds: float) -> None:
    """A steady tone."""
    count = round(seconds * RATE)
    for begin in range(0, count, 1024):
        length = min(1024, count - begin)
        values = (math.sin(2 * math.pi * hertz * (begin + n) / RATE) for n in range(length))
        frame = AudioFrame("s16", "mono", length)
        data = b"".join(round(12_000 * v).to_bytes(2, "little", signed=True) for v in values)
        frame.planes[0].update(data.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate, frame.pts, frame.time_base = RATE, begin, Fraction(1, RATE)
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))


def numbered(number: int, size: tuple[int, int], color: tuple[int, int, int]) -> Image.Image:
    """The picture of that number."""
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    high = size[1] / BARS
    for bar in range(BARS):
        if bar == 0 or number >> (bar - 1) & 1:
            draw.rectangle((0, bar * high, size[0], (bar + 1) * high - 1), fill=color)
    return picture


def read(picture: Image.Image, box: tuple[int, int, int, int] | None = None) -> tuple[str, int]:
    """The clip's colour and the frame's number, as seen in the middle of each bar of the box."""
    shown = picture.crop(box) if box else picture
    pixels = [
        shown.getpixel((shown.width // 2, round((bar + 0.5) * shown.height / BARS)))
        for bar in range(BARS)
    ]
    seen = [pixel for pixel in pixels if isinstance(pixel, tuple)]
    number = sum((pixel[1] > 100) << bar for bar, pixel in enumerate(seen[1:]))
    return ("yellow" if seen[0][0] > seen[0][2] else "cyan"), number


def picture_of(frame: VideoFrame) -> Image.Image:
    """A decoded frame as people see it."""
    return as_picture(frame.reformat(format="rgb24"), "RGB")


def pictures(path: Path) -> list[Image.Image]:
    """Every frame of a file."""
    with av.open(str(path)) as file:
        return [picture_of(frame) for frame in file.decode(video=0)]


def waveform(path: Path) -> list[float]:
    """The left channel of a file's sound at 48 kHz, -1 to 1."""
    heard: list[float] = []
    resampler = av.AudioResampler("flt", "mono", 48_000)
    with av.open(str(path)) as file:
        for frame in [*file.decode(audio=0), None]:
            for part in resampler.resample(frame):
                heard += memoryview(bytes(part.planes[0])[: part.samples * 4]).cast("f").tolist()
    return heard


def pitch(wave: list[float]) -> float:
    """Hertz, by counting how often the wave rises through nothing."""
    rises = [n for n in range(1, len(wave)) if wave[n - 1] < 0 <= wave[n]]
    return 48_000 * (len(rises) - 1) / (rises[-1] - rises[0]) if len(rises) > 1 else 0.0


def loudness(wave: list[float]) -> float:
    """The loudest sample."""
    return max((abs(value) for value in wave), default=0.0)
