"""What FFmpeg's libraries say of a file: every packet read, enough frames decoded.

Decoders of foreign files can crash their process, so all of this runs in a child. They run single-threaded:
a complaint from a decoder thread needs the interpreter's lock and could wait for ever for it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import av.logging

from reactor.media.source import Malformed
from reactor.models import Container

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO

    from av.codec.context import CodecContext
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DEMUXERS = {
    Container.MP4: "mp4",
    Container.WEBM: "webm",
    Container.GIF: "gif",
    Container.JPG: "jpeg_pipe",
}
VIDEO_CODECS = {
    Container.MP4: ("h264",),
    Container.WEBM: ("vp9", "av1", "vp8"),
    Container.GIF: ("gif",),
    Container.JPG: ("mjpeg",),
}
AUDIO_CODECS = {Container.MP4: ("aac", "mp3", "opus"), Container.WEBM: ("opus", "vorbis")}
MAX_STREAMS = 8
# No file may have streams without end, nor name another file to be opened.
DEMUXER_OPTIONS = {"max_streams": str(MAX_STREAMS), "protocol_whitelist": "none"}
MAX_DURATION_S = 12 * 3600
# Up to this many pixels in all (2.5 s of 720p at 30 fps) every frame is decoded, beyond it a sample.
WHOLE_DECODE_PIXELS = 72_000_000
WHOLE_GIF_DECODE_PIXELS = 12_000_000  # a GIF's take six times as long
TAIL_S = 2.0
READ_BUFFER_BYTES = 256 * 1024
MAX_COMPLAINT_CHARS = 200


@dataclass(frozen=True)
class Survey:
    """What reading every packet tells, without decoding one. Times count from the first picture."""

    codec: str
    width: int
    height: int
    frames: int
    start_s: float
    video_s: float
    whole_s: float
    """To the end of the longest stream."""
    has_audio: bool
    last_key_s: float
    """The last key frame from which the last two seconds can be decoded."""


@contextmanager
def demuxed(file: FileIO, container: Container, max_pixels: int) -> Iterator[InputContainer]:
    """Open with that container's demuxer; whatever the libraries complain of becomes Malformed."""
    level, skipping = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    # Or the same complaint as about the file before would be left out.
    av.logging.set_skip_repeated(False)
    file.seek(0)
    try:
        with av.logging.Capture(local=False) as complaints:
            try:
                with av.open(
                    file,
                    "r",
                    format=DEMUXERS[container],
                    options={"max_pixels": str(max_pixels)},
                    container_options=DEMUXER_OPTIONS,
                    metadata_errors="replace",
                    buffer_size=READ_BUFFER_BYTES,
                ) as source:
                    yield source
            except av.FFmpegError as wrong:
                raise Malformed(
                    f"cannot be read: {complaint(complaints) or wrong.strerror}"
                ) from None
            except Malformed:
                if not complaints:
                    raise
        if complaints:
            raise Malformed(f"is damaged: {complaint(complaints)}")
    finally:
        av.logging.set_skip_repeated(skipping)
        av.logging.set_level(level)


def complaint(complaints: list[tuple[int, str, str]]) -> str:
    """The first complaint as one printable line."""
    if not complaints:
        return ""
    _, origin, message = complaints[0]
    text = "".join(c if c.isprintable() else " " for c in f"{origin}: {message}")
    return " ".join(text.split())[:MAX_COMPLAINT_CHARS]


def only_video(source: InputContainer, container: Container, max_pixels: int) -> VideoStream:
    """The one video stream, if it and its neighbours are what the container is ordered to hold."""
    videos, audios = source.streams.video, source.streams.audio
    if len(videos) != 1:
        raise Malformed(f"has {len(videos)} video streams; one was expected")
    for stream, allowed in (
        *((video, VIDEO_CODECS[container]) for video in videos),
        *((audio, AUDIO_CODECS.get(container, ())) for audio in audios),
    ):
        codec = codec_name(stream.codec_context)
        if codec not in allowed:
            wanted = " or ".join(allowed) or "none"
            raise Malformed(f"has {stream.type} codec {codec}; for {container} it is {wanted}")
    video = videos[0]
    if video.width * video.height > max_pixels:
        raise Malformed(
            f"is {video.width}x{video.height} pixels; {max_pixels} pixels are the limit"
        )
    declared_s = (source.duration or 0) / av.time_base
    if declared_s > MAX_DURATION_S:
        raise Malformed(f"says it is {declared_s:.0f} s long; {MAX_DURATION_S} s is the limit")
    return video


def codec_name(context: CodecContext | None) -> str:
    """The codec's own name, whichever decoder is used; PyAV has no context for an unknown one."""
    return context.codec.canonical_name if context is not None else "unknown"


def survey(source: InputContainer, video: VideoStream) -> Survey:
    """Read every packet of every stream to the end of the file."""
    codec = codec_name(video.codec_context)
    shown, keys, whole_end = list[tuple[float, float]](), list[float](), 0.0
    for packet, at_s, end_s in timed_packets(source):
        whole_end = max(whole_end, end_s)
        # A vp8 packet without that bit is never shown, only referred to.
        if packet.stream_index == video.index and (codec != "vp8" or bytes(packet)[0] & 0x10):
            shown.append((at_s, end_s))
            if packet.is_keyframe:
                keys.append(at_s)
    if not keys:
        raise Malformed(f"has {len(shown)} frames and no key frame among them")
    start_s, video_end = extent(shown)
    before_tail = [at for at in keys if at <= video_end - TAIL_S]
    return Survey(
        codec=codec,
        width=video.width,
        height=video.height,
        frames=len(shown),
        start_s=start_s,
        video_s=video_end - start_s,
        whole_s=max(whole_end, video_end) - start_s,
        has_audio=bool(source.streams.audio),
        last_key_s=max(before_tail, default=start_s) - start_s,
    )


def timed_packets(source: InputContainer) -> Iterator[tuple[Packet[Stream], float, float]]:
    """Every packet that holds something, with its beginning and end in seconds."""
    for packet in source.demux():
        if packet.is_corrupt:
            raise Malformed("is damaged: a packet is incomplete")
        if packet.size and not packet.is_discard:
            at_s = float((packet.pts or 0) * packet.time_base)
            yield packet, at_s, at_s + float((packet.duration or 0) * packet.time_base)


def extent(shown: list[tuple[float, float]]) -> tuple[float, float]:
    """Beginning and end of the picture; where the last duration is not told, the mean one counts."""
    first, last = min(shown)[0], max(shown)[0]
    end = max(end for _, end in shown)
    return first, end if end > last else last + (last - first) / max(1, len(shown) - 1)


def decode(source: InputContainer, video: VideoStream, known: Survey, *, at_s: float) -> VideoFrame:
    """Decode the file, or of a big one its beginning and end; the picture at that second."""
    limit = WHOLE_GIF_DECODE_PIXELS if known.codec == "gif" else WHOLE_DECODE_PIXELS
    whole = known.frames * known.width * known.height <= limit
    video.codec_context.thread_count = 1
    # In a sample only what other pictures are built upon: half the work, and damage still shows.
    video.codec_context.skip_frame = "DEFAULT" if whole else "NONREF"
    at_s = at_s if at_s < known.video_s else known.video_s / 2
    tail_s = max(0.0, known.video_s - TAIL_S)
    video_tail_s = tail_s if known.codec == "gif" else known.last_key_s
    picture, found, decoded = None, False, 0
    source.seek(0)
    for packet in source.demux():
        packet_s = float((packet.pts or 0) * packet.time_base) - known.start_s
        is_video = packet.stream_index == video.index
        skip = packet_s < (video_tail_s if is_video else tail_s) and (found or not is_video)
        if packet.size and skip and not whole:
            continue
        for frame in packet.decode():
            if not isinstance(frame, av.VideoFrame):
                continue
            decoded += 1
            refuse_damage(frame, known)
            if not found:
                picture, found = frame, (frame.time or 0.0) - known.start_s >= at_s
    if picture is None or (whole and decoded != known.frames):
        raise Malformed(f"is damaged: {decoded} of {known.frames} frames can be decoded")
    return picture


def refuse_damage(frame: VideoFrame, known: Survey) -> None:
    """Every frame must be whole and as big as the first."""
    if frame.is_corrupt:
        raise Malformed(f"is damaged: the frame at {frame.time or 0:.2f} s is incomplete")
    if (frame.width, frame.height) != (known.width, known.height):
        raise Malformed(
            f"changes from {known.width}x{known.height} to {frame.width}x{frame.height} pixels"
            f" at {frame.time or 0:.2f} s"
        )
