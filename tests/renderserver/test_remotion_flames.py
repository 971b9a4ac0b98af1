"""The fire of Remotion's visualizer follows its sound from the first frame on, and dies down after its end."""

from __future__ import annotations

import random
import wave
from typing import TYPE_CHECKING

import av
from PIL import ImageStat

from reactor.renderserver.frames import as_picture

if TYPE_CHECKING:
    from pathlib import Path

    from tests.renderserver.target import Target

RATE = 48_000
LOUD = 24_000
FPS = 10


def make_noise(path: Path, seconds: float) -> None:
    """As loud at any time as at any other."""
    chance = random.Random(1)
    said = (chance.randint(-LOUD, LOUD) for _ in range(round(RATE * seconds)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in said))


def burning(server: Target, *, sound_s: float, film_s: float) -> list[float]:
    """How bright the lower half of every frame is, of 255."""
    make_noise(server.assets / "noise.wav", sound_s)
    props = {"audio": "noise.wav", "duration_s": film_s, "fps": FPS, "seed": 1}
    film = server.finished(template="AudioFlame", quality="360p", format="short_9_16", props=props)
    with av.open(str(film)) as file:
        pictures = [
            as_picture(frame.reformat(format="gray"), "L") for frame in file.decode(video=0)
        ]
    width, height = pictures[0].size
    return [ImageStat.Stat(one.crop((0, height // 2, width, height))).mean[0] for one in pictures]


def test_the_fire_burns_from_the_first_frame(remotion: Target) -> None:
    """A sound of several stretches: a neighbouring one may be read first, and is silence here."""
    bright = burning(remotion, sound_s=20, film_s=0.8)

    assert len(bright) == 8
    assert min(bright) > 0.6 * max(bright)


def test_the_fire_dies_down_when_its_sound_has_ended(remotion: Target) -> None:
    bright = burning(remotion, sound_s=0.6, film_s=2.4)

    assert len(bright) == 24
    assert 3 < bright[-1] < 0.8 * bright[4]
