"""Is this the video that was ordered? From its type to its last byte, cheapest question first.

Runs in a process of its own (`anyio.to_process.run_sync`, with a time limit): a decoder can crash.
Arguments and results are plain frozen values; a bad file is a value, not an exception. An OSError
(a failing disk, no permission) is none of the file's doing and passes through.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reactor.media.containers import walk
from reactor.media.decoding import Survey, decode, demuxed, only_video, survey
from reactor.media.source import Malformed, Rejected, opened
from reactor.media.thumbnail import AT_S, Thumbnail, write_thumbnail
from reactor.models import Container

if TYPE_CHECKING:
    from fractions import Fraction
    from io import FileIO
    from pathlib import Path

    from av.video.frame import VideoFrame

DURATION_TOLERANCE_S = 0.1
FRAME_TOLERANCE = 1
# GIF delays are whole hundredths of a second, and writers round or cut: each may be off by one.
GIF_ROUNDING_S = 0.01
SMALLEST_PIXEL_LIMIT = 1 << 22


@dataclass(frozen=True)
class Expected:
    """What was ordered; None is "do not care"."""

    container: Container
    width: int
    height: int
    duration_s: float | None = None
    fps: float | None = None
    frames: int | None = None
    has_audio: bool | None = None


@dataclass(frozen=True)
class Verified:
    """What the file is; a still has neither duration nor frame rate."""

    size_bytes: int
    sha256: str
    duration_s: float | None
    width: int
    height: int
    fps: float | None
    codec: str
    frames: int
    has_audio: bool
    thumbnail: Thumbnail | None


def verify_file(
    path: Path, expected: Expected, *, thumbnail_part: Path | None = None
) -> Verified | Rejected:
    """Judge the file and, since a frame is decoded anyhow, write its thumbnail there."""
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            walk(file, expected.container, size)
            known, frame, pixel_shape = examine(file, expected)
            sha256 = digest(file)
    except Malformed as wrong:
        return Rejected(f"{path.name} {wrong}")
    thumbnail = None
    if thumbnail_part is not None:
        thumbnail = write_thumbnail(frame, thumbnail_part, pixel_shape=pixel_shape)
    still = expected.container is Container.JPG
    return Verified(
        size_bytes=size,
        sha256=sha256,
        duration_s=None if still else round(known.whole_s, 3),
        width=known.width,
        height=known.height,
        fps=None if still else round(known.frames / known.video_s, 3),
        codec=known.codec,
        frames=known.frames,
        has_audio=known.has_audio,
        thumbnail=thumbnail,
    )


def examine(file: FileIO, expected: Expected) -> tuple[Survey, VideoFrame, Fraction | None]:
    """Read every packet, compare with the order, then decode."""
    max_pixels = max(4 * expected.width * expected.height, SMALLEST_PIXEL_LIMIT)
    with demuxed(file, expected.container, max_pixels) as source:
        video = only_video(source, expected.container, max_pixels)
        known = survey(source, video)
        refuse_other_picture(known, expected, video.sample_aspect_ratio)
        if expected.container is not Container.JPG:
            refuse_other_length(known, expected)
        frame = decode(source, video, known, at_s=AT_S)
        if frame.rotation:
            raise Malformed(f"is marked to be turned by {frame.rotation} degrees; 0 were ordered")
        return known, frame, video.sample_aspect_ratio


def refuse_other_picture(known: Survey, expected: Expected, pixel_shape: Fraction | None) -> None:
    """Width and height exactly, square pixels, sound if ordered."""
    if (known.width, known.height) != (expected.width, expected.height):
        raise Malformed(
            f"is {known.width}x{known.height} pixels; {expected.width}x{expected.height} were ordered"
        )
    if pixel_shape not in (None, 0, 1):
        raise Malformed(f"has pixels of shape {pixel_shape}; square ones were ordered")
    if expected.has_audio is not None and known.has_audio != expected.has_audio:
        words = {True: "sound", False: "no sound"}
        raise Malformed(f"has {words[known.has_audio]}; {words[expected.has_audio]} was ordered")


def refuse_other_length(known: Survey, expected: Expected) -> None:
    """Seconds and frames within their tolerances: a render stopped half-way is a valid, short file."""
    if known.video_s <= 0:
        raise Malformed(f"lasts {known.video_s:.2f} s with {known.frames} frames")
    frame_s = 1 / expected.fps if expected.fps else known.video_s / known.frames
    tolerance_s = max(DURATION_TOLERANCE_S, frame_s)
    if expected.container is Container.GIF:
        tolerance_s = max(tolerance_s, known.frames * GIF_ROUNDING_S)
    if expected.duration_s is not None:
        for what, measured_s in (("picture", known.video_s), ("whole", known.whole_s)):
            if abs(measured_s - expected.duration_s) > tolerance_s:
                raise Malformed(
                    f"lasts {measured_s:.2f} s ({what}); {expected.duration_s:.2f} s were ordered"
                    f" (tolerance {tolerance_s:.2f} s)"
                )
    frames = ordered_frames(known, expected)
    if frames is not None and abs(known.frames - frames) > FRAME_TOLERANCE:
        raise Malformed(f"has {known.frames} frames; {frames} were ordered")


def ordered_frames(known: Survey, expected: Expected) -> int | None:
    """How many frames there should be, as said or as frame rate and duration have it."""
    if expected.frames is not None or expected.fps is None:
        return expected.frames
    if expected.duration_s is None and expected.container is Container.GIF:
        return None  # its measured duration is too coarse to count by
    return round(expected.fps * (expected.duration_s or known.video_s))


def digest(file: FileIO) -> str:
    """The SHA-256 of the whole file, through the descriptor all else was read by."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()
