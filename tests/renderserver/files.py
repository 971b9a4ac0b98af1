"""What is in a rendered file, by decoding it to the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Content:
    """A file's streams, as decoded."""

    codecs: tuple[str, ...]
    size: tuple[int, int]
    frames: int
    seconds: float


def content(path: Path) -> Content:
    """Decode a whole file."""
    with av.open(str(path)) as file:
        codecs = tuple(sorted(stream.codec_context.name for stream in file.streams))
        video = file.streams.video[0]
        size = video.codec_context.width, video.codec_context.height
        frames = sum(1 for _ in file.decode(video))
        return Content(codecs, size, frames, (file.duration or 0) / av.time_base)
