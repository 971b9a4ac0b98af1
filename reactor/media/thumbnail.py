"""One picture of a finished video: the frame at one second, upright, as a small JPEG."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from reactor.media.decoding import decode, demuxed, only_video, survey
from reactor.media.source import Malformed, Rejected, opened
from reactor.models import Container

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from av.video.frame import VideoFrame

AT_S = 1.0
MAX_SIDE = 640
JPEG_QUALITY = 85
# Two pictures of 8k: more than any order, little enough for memory.
MAX_PIXELS = 2 * 7680 * 4320
WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Thumbnail:
    """A thumbnail on disk."""

    width: int
    height: int
    size_bytes: int


def make_thumbnail(
    video_path: Path, target_part_path: Path, *, at_s: float = AT_S, max_side: int = MAX_SIDE
) -> Thumbnail | Rejected:
    """Write the picture at that second, the middle one of a shorter video; the caller renames it.

    For a video whose thumbnail got lost; a new file gets its own from `verify_file` in the same go.
    """
    extension = video_path.suffix[1:].lower()
    if extension not in list(Container):
        return Rejected(
            f"{video_path.name} has no known extension (allowed: {', '.join(Container)})"
        )
    container = Container(extension)
    try:
        with opened(video_path) as file, demuxed(file, container, MAX_PIXELS) as source:
            video = only_video(source, container, MAX_PIXELS)
            frame = decode(source, video, survey(source, video), at_s=at_s)
            shape = video.sample_aspect_ratio
    except Malformed as wrong:
        return Rejected(f"{video_path.name} {wrong}")
    return write_thumbnail(frame, target_part_path, pixel_shape=shape, max_side=max_side)


def write_thumbnail(
    frame: VideoFrame, part_path: Path, *, pixel_shape: Fraction | None, max_side: int = MAX_SIDE
) -> Thumbnail:
    """Write and sync the frame as a progressive JPEG; nothing is left behind when that fails."""
    picture = upright(frame, pixel_shape=pixel_shape, max_side=max_side)
    try:
        with os.fdopen(os.open(part_path, WRITE_FLAGS, 0o644), "wb") as file:
            picture.save(file, "JPEG", quality=JPEG_QUALITY, progressive=True)
            file.flush()
            os.fsync(file.fileno())
            size_bytes = os.fstat(file.fileno()).st_size
    except BaseException:
        part_path.unlink(missing_ok=True)
        raise
    return Thumbnail(picture.width, picture.height, size_bytes)


def upright(frame: VideoFrame, *, pixel_shape: Fraction | None, max_side: int) -> Image.Image:
    """The frame as people see it: made smaller, with square pixels, turned as it is marked."""
    wide = frame.width * (pixel_shape or 1)
    scale = min(1, max_side / max(wide, frame.height))
    width, height = max(1, round(wide * scale)), max(1, round(frame.height * scale))
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA")
    plane = small.planes[0]
    picture = Image.frombytes(
        "RGB", (width, height), bytes(plane), "raw", "RGB", plane.line_size, 1
    )
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture
