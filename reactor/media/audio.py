"""Sounds that others hand us: where they may lie, and whether they are sounds at all.

`judge_audio` decodes, and hostile files crash decoders: it is asked in a process of its own (`probe_audio`).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import av

from reactor.media.isolated import run_isolated
from reactor.media.source import Malformed, Rejected, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import FileIO
    from pathlib import Path

ALLOWED = "mp3, wav, m4a, aac, ogg, oga, opus, flac, aif, aiff, wma, weba"
EXTENSIONS = frozenset(ALLOWED.split(", "))
SIGNATURES: Mapping[str, Callable[[bytes], bool]] = {
    "wav": lambda head: head[:4] == b"RIFF" and head[8:12] == b"WAVE",
    "aiff": lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"),
    "flac": lambda head: head[:4] == b"fLaC",
    "ogg": lambda head: head[:4] == b"OggS",
    "mov": lambda head: head[4:8] == b"ftyp",
    "matroska": lambda head: head[:4] == b"\x1aE\xdf\xa3",
    "asf": lambda head: head[:8] == b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    "aac": lambda head: len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0,
    "mp3": lambda head: (
        head[:3] == b"ID3"
        or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0)
    ),
}
HEAD_BYTES = 16
# No file may have streams without end, nor name another file to be opened.
DEMUXER_OPTIONS = {"max_streams": "32", "protocol_whitelist": "none"}
PROBE_LIMIT_S = 30
NO_SOUND = f"is not a sound that can be decoded (allowed: {ALLOWED})"


async def probe_audio(path: Path, limiter: anyio.CapacityLimiter) -> Rejected | None:
    """Judge the file in a process of its own, within PROBE_LIMIT_S; None when it is a sound.

    Its turn is by the limiter alone: finished videos, whose verification takes minutes, do not hold it up.
    """
    judge = partial(judge_audio, path)
    async with limiter:
        try:
            return await run_isolated(
                judge, within_s=PROBE_LIMIT_S, limiter=anyio.CapacityLimiter(1)
            )
        except Malformed as wrong:
            return Rejected(str(wrong))


def judge_audio(path: Path) -> Rejected | None:
    """Whether the file's first sound can be decoded, by the one demuxer its first bytes name."""
    try:
        with opened(path) as file:
            head = file.read(HEAD_BYTES)
            demuxer = next((name for name, fits in SIGNATURES.items() if fits(head)), None)
            return Rejected(NO_SOUND) if demuxer is None else judge_sound(file, demuxer)
    except Malformed as wrong:
        return Rejected(str(wrong))


def judge_sound(file: FileIO, demuxer: str) -> Rejected | None:
    """Whether there is a stream of sound with a first frame."""
    file.seek(0)
    try:
        with av.open(
            file,
            "r",
            format=demuxer,
            container_options=DEMUXER_OPTIONS,
            metadata_errors="replace",
        ) as source:
            if not source.streams.audio:
                return Rejected(f"has no sound in it (allowed: {ALLOWED})")
            next(source.decode(source.streams.audio[0]))
    except (av.FFmpegError, StopIteration):
        return Rejected(NO_SOUND)
    return None
