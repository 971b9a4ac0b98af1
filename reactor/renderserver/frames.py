"""Between Pillow's pictures and FFmpeg's frames, byte for byte; PyAV's own ways drop transparency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.video.frame import VideoFrame
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.video.plane import VideoPlane

PIXELS = {"L": "gray", "RGB": "rgb24", "RGBA": "rgba"}


def as_frame(picture: Image.Image) -> VideoFrame:
    """A picture as a frame of the same pixels."""
    frame = VideoFrame(*picture.size, PIXELS[picture.mode])
    fill(frame.planes[0], picture)
    return frame


def from_planes(planes: Sequence[Image.Image]) -> VideoFrame:
    """A yuv420p frame of its three planes."""
    frame = VideoFrame(*planes[0].size, "yuv420p")
    for plane, picture in zip(frame.planes, planes, strict=True):
        fill(plane, picture)
    return frame


def fill(plane: VideoPlane, picture: Image.Image) -> None:
    """Copy a picture into a plane, whose lines may be longer."""
    data = picture.tobytes("raw", picture.mode, plane.line_size, 1)
    plane.update(data.ljust(plane.buffer_size, b"\0"))


def as_picture(frame: VideoFrame, mode: str) -> Image.Image:
    """A packed frame (gray, rgb24, rgba) as a picture."""
    return plane_picture(frame.planes[0], mode)


def plane_picture(plane: VideoPlane, mode: str = "L") -> Image.Image:
    """One plane as a picture of its own."""
    size = (plane.width, plane.height)
    return Image.frombytes(mode, size, bytes(plane), "raw", mode, plane.line_size, 1)
