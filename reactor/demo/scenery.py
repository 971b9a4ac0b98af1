"""A few pictures and a tune, so that the demo's templates have something to show."""

from __future__ import annotations

import math
import random
import struct
import wave
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLE_RATE = 44_100


def draw_assets(uploads: Path) -> dict[str, Any]:
    """A few pictures and a tune, so that the templates have something to show; props per template."""
    pictures = [uploads / f"demo-{number}.jpg" for number in range(1, 5)]
    for number, path in enumerate(pictures):
        if not path.exists():
            landscape(number).save(path, quality=90)
    tune = uploads / "demo.wav"
    if not tune.exists():
        write_tune(tune)
    captions = ["Morning", "Focus", "Make", "Rest"]
    return {
        "slideshow": {
            "images": [str(path) for path in pictures],
            "captions": captions,
            "duration_s": 6,
        },
        "audio-visualizer": {"audio": str(tune)},
    }


def landscape(number: int) -> Image.Image:
    """Hills under a low sun; each number has its own hour of the day."""
    draw_random = random.Random(number)
    width, height = 1600, 1200
    top, bottom = [
        ((24, 32, 74), (244, 132, 95)),
        ((20, 70, 110), (250, 214, 165)),
        ((60, 20, 80), (240, 90, 120)),
        ((8, 24, 40), (70, 150, 160)),
    ][number % 4]
    sky = Image.linear_gradient("L").resize((width, height))
    picture = Image.composite(
        Image.new("RGB", sky.size, bottom), Image.new("RGB", sky.size, top), sky
    )
    draw = ImageDraw.Draw(picture)
    x, y, r = draw_random.randint(400, 1200), 640, 130
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 240, 210))
    picture = picture.filter(ImageFilter.GaussianBlur(6))
    draw = ImageDraw.Draw(picture)
    for ridge in range(5):
        phase = draw_random.uniform(0, 6)
        base_y = 640 + ridge * 120
        outline = [
            (
                px,
                base_y
                - 70 * math.sin(px / (190 + 60 * ridge) + phase)
                - 30 * math.sin(px / 71 + phase),
            )
            for px in range(0, width + 10, 10)
        ]
        shade = tuple(int(c * (0.75 - ridge * 0.14)) for c in top)
        draw.polygon([*outline, (width, height), (0, height)], fill=shade)
    return picture


def write_tune(path: Path) -> None:
    """Eight seconds of chords with a beat, mono, 16 bit."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples()))


def samples() -> Iterator[int]:
    """The tune, sample by sample."""
    chords = (
        (220.0, 277.2, 329.6),
        (196.0, 246.9, 293.7),
        (174.6, 220.0, 261.6),
        (196.0, 246.9, 329.6),
    )
    for index in range(SAMPLE_RATE * 8):
        t = index / SAMPLE_RATE
        beat = t % 0.5
        chord = chords[int(t / 2) % 4]
        pad = (
            sum(math.sin(2 * math.pi * f * t) + 0.4 * math.sin(4 * math.pi * f * t) for f in chord)
            / 6
        )
        kick = math.sin(2 * math.pi * 60 * beat) * math.exp(-beat * 14)
        hat = random.uniform(-1, 1) * math.exp(-((t + 0.25) % 0.5) * 60) * 0.3
        yield int(20_000 * max(-1, min(1, 0.5 * pad * (0.6 + 0.4 * beat) + 0.6 * kick + hat)))
