"""A sound to send."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pathlib import Path

RATE = 44_100
FRAME = 1152


def write_tone(path: Path, *, seconds: int = 1) -> None:
    """An mp3 of 440 Hz."""
    with av.open(str(path), "w") as sound:
        stream = sound.add_stream("mp3", rate=RATE, layout="mono")
        for begin in range(0, RATE * seconds, FRAME):
            wave = (math.sin(2 * math.pi * 440 * (begin + n) / RATE) / 2 for n in range(FRAME))
            frame = av.AudioFrame(format="fltp", layout="mono", samples=FRAME)
            frame.sample_rate, frame.pts = RATE, begin
            frame.planes[0].update(struct.pack(f"<{FRAME}f", *wave))
            sound.mux(stream.encode(frame))
        sound.mux(stream.encode(None))
