"""Real, tiny files of every kind, encoded once for each test session."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from multiprocessing import get_context
from typing import TYPE_CHECKING

import av
import pytest
from PIL import Image

from reactor.media.verify import Expected
from reactor.models import Container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Recipe:
    """How a sample is encoded."""

    muxer: str
    codec: str
    size: tuple[int, int] = (64, 64)
    fps: Fraction = Fraction(10)
    frames: int = 25
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    muxer_options: dict[str, str] = field(default_factory=dict)
    audio_codec: str | None = None
    still: bool = False
    """Every frame the same: quick to encode."""


X264 = {"preset": "ultrafast", "g": "10"}
VP9 = {"deadline": "realtime", "cpu-used": "8", "g": "10"}
RECIPES = {
    "mp4": Recipe("mp4", "libx264", options=X264, muxer_options={"movflags": "faststart"}),
    "mp4-plain": Recipe("mp4", "libx264", options=X264),
    "mp4-b-frames": Recipe("mp4", "libx264", options={"preset": "medium", "bf": "3"}),
    "mp4-30fps": Recipe("mp4", "libx264", fps=Fraction(30), frames=60, options=X264),
    "mp4-29.97fps": Recipe("mp4", "libx264", fps=Fraction(30000, 1001), frames=60, options=X264),
    "mp4-wide": Recipe("mp4", "libx264", size=(320, 180), options=X264),
    "mp4-tall": Recipe("mp4", "libx264", size=(180, 320), options=X264),
    "mp4-one-frame": Recipe("mp4", "libx264", frames=1, options=X264),
    "mp4-sound": Recipe("mp4", "libx264", options=X264, audio_codec="aac"),
    "mp4-fragmented": Recipe(
        "mp4", "libx264", options=X264, muxer_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "mp4-big": Recipe(
        "mp4", "libx264", size=(1280, 720), fps=Fraction(30), frames=105, still=True,
        options={"preset": "ultrafast", "g": "30"},
    ),
    "mp4-mpeg4": Recipe("mp4", "mpeg4"),
    "webm": Recipe("webm", "libvpx-vp9", options=VP9),
    "webm-vp8": Recipe("webm", "libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "16"}),
    "webm-av1": Recipe("webm", "libsvtav1", options={"preset": "12"}),
    "webm-live": Recipe("webm", "libvpx-vp9", options=VP9, muxer_options={"live": "1"}),
    "webm-sound": Recipe("webm", "libvpx-vp9", options=VP9, audio_codec="libopus"),
    "mkv": Recipe("matroska", "libvpx-vp9", options=VP9),
    "gif": Recipe("gif", "gif", pixels="rgb8"),
    "gif-15fps": Recipe("gif", "gif", fps=Fraction(15), frames=30, pixels="rgb8"),
    "gif-60fps": Recipe("gif", "gif", fps=Fraction(60), frames=60, pixels="rgb8"),
    "gif-still": Recipe("gif", "gif", pixels="rgb8", still=True),
    "gif-big": Recipe("gif", "gif", size=(640, 360), frames=60, pixels="rgb8", still=True),
    "jpg": Recipe("image2", "mjpeg", frames=1, pixels="yuvj420p", muxer_options={"update": "1"}),
    "jpg-wide": Recipe(
        "image2", "mjpeg", size=(320, 180), frames=1, pixels="yuvj420p", muxer_options={"update": "1"}
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """The bytes of a good file by the name of its recipe."""
    directory = tmp_path_factory.mktemp("samples")

    @cache
    def encoded(name: str) -> bytes:
        path = directory / name
        recipe = RECIPES[name]
        if recipe.codec == "libsvtav1":
            encode_apart(path, recipe)
        else:
            encode(path, recipe)
        return path.read_bytes()

    return encoded


@pytest.fixture
def file(sample: Callable[[str], bytes], tmp_path: Path) -> Callable[[str], Path]:
    """A fresh copy of a sample, named like a render."""

    def written(name: str) -> Path:
        path = tmp_path / f"job-1-a1.{name.partition('-')[0]}"
        path.write_bytes(sample(name))
        return path

    return written


@pytest.fixture(scope="session")
def ordered() -> Callable[[str], Expected]:
    """What that recipe's file is expected to be."""

    def order(name: str) -> Expected:
        recipe = RECIPES[name]
        timed = Expected(
            Container(name.partition("-")[0]),
            *recipe.size,
            duration_s=float(recipe.frames / recipe.fps),
            fps=float(recipe.fps),
            has_audio=recipe.audio_codec is not None,
        )
        return replace(timed, duration_s=None, fps=None) if timed.container == "jpg" else timed

    return order


def encode_apart(path: Path, recipe: Recipe) -> None:
    """In a process of its own: as root, SVT-AV1 makes the thread that opens it a real-time one.

    Here that would be the test worker, with every database and browser it starts afterwards.
    """
    process = get_context("spawn").Process(target=encode, args=(path, recipe))
    process.start()
    process.join()
    assert process.exitcode == 0


def encode(path: Path, recipe: Recipe) -> None:
    """Noise that no codec can make small, so that every part of the file matters."""
    with av.open(
        str(path), "w", format=recipe.muxer, container_options=recipe.muxer_options
    ) as out:
        video = out.add_stream(recipe.codec, rate=recipe.fps, options=recipe.options)
        assert isinstance(video, av.VideoStream)
        video.width, video.height = recipe.size
        video.pix_fmt = recipe.pixels
        audio = out.add_stream(recipe.audio_codec, rate=48000) if recipe.audio_codec else None
        for number in range(recipe.frames):
            out.mux(video.encode(picture(recipe.size, 0 if recipe.still else number)))
        out.mux(video.encode())
        if isinstance(audio, av.AudioStream):
            for frame in silence(float(recipe.frames / recipe.fps)):
                out.mux(audio.encode(frame))
            out.mux(audio.encode())


@cache
def picture(size: tuple[int, int], number: int) -> av.VideoFrame:
    """Coarse noise, another for each number."""
    width, height = size[0] // 4, size[1] // 4
    noise = hashlib.shake_128(str(number).encode()).digest(width * height * 3)
    image = Image.frombytes("RGB", (width, height), noise).resize(size)
    return av.VideoFrame.from_bytes(image.convert("RGBA").tobytes(), *size)


def silence(seconds: float) -> Iterator[av.AudioFrame]:
    """Stereo silence at 48 kHz."""
    for start in range(0, round(seconds * 48000), 960):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        yield frame
