"""Two clips to cut from, and cutting them in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reactor.models import Container
from reactor.renderserver import encode, templates
from tests.renderserver.clips import CYAN, YELLOW, make_clip

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (320, 180)
AT_25 = [("yellow", number) for number in range(50)]
AT_30 = [("cyan", number) for number in range(60)]


def make_clips(place: Path) -> None:
    """Two seconds each: yellow at 25 frames a second with 440 Hz, cyan at 30 with 880 Hz, one mute."""
    make_clip(place / "a.mp4", YELLOW, size=(320, 180), fps=25, frames=50, hertz=440)
    make_clip(place / "b.mp4", CYAN, size=(640, 360), fps=30, frames=60, hertz=880)
    make_clip(place / "mute.mp4", CYAN, size=(320, 180), fps=25, frames=50)


def cut(
    folder: Path,
    target: Path,
    *clips: tuple[str, float, float],
    size: tuple[int, int] = SIZE,
    **props: Any,
) -> Path:
    """The clips joined in a file."""
    listed = [{"source": str(folder / name), "in_s": a, "out_s": b} for name, a, b in clips]
    scene = templates.scene("edl-cut", {"clips": listed, **props})
    encode.encode(scene, Container(target.suffix[1:]), size, scene.fps, target, lambda _: None)
    return target
