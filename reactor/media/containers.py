"""The structure of each container, walked to its last byte without any decoder.

A truncated file passes every header check; its declared lengths do not add up. One walk for each
container: mp4 boxes, WebM (EBML) elements, GIF blocks, JPEG segments.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, assert_never

from reactor.media.source import Malformed
from reactor.models import Container

if TYPE_CHECKING:
    from io import BufferedReader

WALK_BUFFER_BYTES = 64 * 1024
# An mp4 index of this size describes days of video; a demuxer would hold all of it in memory.
MAX_MOOV_BYTES = 64 * 1024 * 1024
MAX_JPEG_BYTES = 256 * 1024 * 1024

SIGNATURES = (
    (re.compile(rb"\x89PNG\r\n"), "a PNG image"),
    (re.compile(rb"\xff\xd8\xff"), "a JPEG image"),
    (re.compile(rb"GIF8[79]a"), "a GIF"),
    (re.compile(rb"RIFF....(WEBP|AVI |WAVE)", re.DOTALL), "a RIFF file"),
    (re.compile(rb"\x1a\x45\xdf\xa3"), "a WebM or Matroska file"),
    (re.compile(rb"....ftyp", re.DOTALL), "an MP4 file"),
    (re.compile(rb"\s*<(!doctype|html|\?xml|head|body)", re.IGNORECASE), "an HTML page"),
    (re.compile(rb"\s*[{\[][\s\"{\[\]}]"), "a JSON text"),
)
EXPECTED_SIGNATURE = {
    Container.MP4: "an MP4 file",
    Container.WEBM: "a WebM or Matroska file",
    Container.GIF: "a GIF",
    Container.JPG: "a JPEG image",
}


def walk(file: io.FileIO, container: Container, size: int) -> None:
    """Read the structure from the first to the last byte; Malformed where it does not add up."""
    file.seek(0)
    reader: io.BufferedReader = io.BufferedReader(file, WALK_BUFFER_BYTES)
    try:
        refuse_other_type(reader.read(64), container)
        reader.seek(0)
        match container:
            case Container.MP4:
                walk_mp4(reader, size)
            case Container.WEBM:
                walk_webm(reader, size)
            case Container.GIF:
                walk_gif(reader, size)
            case Container.JPG:
                walk_jpeg(reader, size)
            case _:
                assert_never(container)
    finally:
        reader.detach()


def refuse_other_type(head: bytes, container: Container) -> None:
    """Say what the file is instead when its first bytes are not the container's."""
    found = next((name for pattern, name in SIGNATURES if pattern.match(head)), "no known media")
    if found != EXPECTED_SIGNATURE[container]:
        raise Malformed(f"is {found}, not {container} (its first bytes are {head[:8].hex(' ')})")


PRINTABLE = re.compile(rb"[\x20-\x7e]{4}")


def walk_mp4(reader: BufferedReader, size: int) -> None:
    """Top-level boxes must end exactly at the end of the file, moov and mdat among them."""
    position, seen = 0, set[bytes]()
    while position < size:
        kind, length = box_at(reader, position, size)
        if position + length > size:
            raise Malformed(
                f"is cut off: its {name(kind)} box ends at byte {position + length}, the file at {size}"
            )
        if kind == b"moov" and length > MAX_MOOV_BYTES:
            raise Malformed(f"has an index of {length} bytes; {MAX_MOOV_BYTES} is the limit")
        seen.add(kind)
        position += length
    for kind in (b"moov", b"mdat"):
        if kind not in seen:
            raise Malformed(f"has no {name(kind)} box, only {', '.join(map(name, sorted(seen)))}")


def box_at(reader: BufferedReader, position: int, size: int) -> tuple[bytes, int]:
    """Type and whole length of the box that starts there."""
    reader.seek(position)
    header = reader.read(16)
    kind, length, smallest = header[4:8], int.from_bytes(header[:4]), 8
    if length == 1:
        length, smallest = int.from_bytes(header[8:16]), 16
    elif length == 0 and kind == b"mdat":
        length = size - position  # allowed for the last box: "as far as the file goes"
    if len(header) < smallest or length < smallest or not PRINTABLE.fullmatch(kind):
        raise Malformed(f"has no valid box at byte {position} of {size} ({header[:8].hex(' ')})")
    return kind, length


def name(kind: bytes) -> str:
    """A box type as text."""
    return kind.decode("latin-1")


EBML, SEGMENT, CLUSTER, TRACKS = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B
VOID, CRC32 = 0xEC, 0xBF
# SeekHead, Info, Cues, Tags, Attachments, Chapters
IN_SEGMENT = {
    CLUSTER, TRACKS, VOID, CRC32,
    0x114D9B74, 0x1549A966, 0x1C53BB6B, 0x1254C367, 0x1941A469, 0x1043A770,
}  # fmt: skip
# Timestamp, SimpleBlock, BlockGroup, PrevSize, Position, SilentTracks, EncryptedBlock
IN_CLUSTER = {VOID, CRC32, 0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0x5854, 0xAF}
MAX_EBML_HEADER_BYTES = 4096


def walk_webm(reader: BufferedReader, size: int) -> None:
    """The segment's elements must end exactly at the end of the file, tracks and clusters among them."""
    kind, length = element(reader)
    if kind != EBML or length is None or length > MAX_EBML_HEADER_BYTES:
        raise Malformed("has no EBML header")
    if b"webm" not in reader.read(length):
        raise Malformed("is a Matroska file, not webm")
    kind, length = element(reader)
    if kind != SEGMENT:
        raise Malformed(f"has no segment after its header but element {kind:x}")
    if length is not None and reader.tell() + length != size:
        end = reader.tell() + length
        raise Malformed(
            f"{cut_or_longer(end, size)}: its segment ends at byte {end}, the file at {size}"
        )
    seen = set(elements(reader, size))
    for needed, word in ((TRACKS, "track list"), (CLUSTER, "cluster of frames")):
        if needed not in seen:
            raise Malformed(f"has no {word}")


def elements(reader: BufferedReader, size: int) -> list[int]:
    """The kinds of the segment's elements up to the end of the file."""
    seen, inside_open_cluster = [], False
    while (position := reader.tell()) < size:
        kind, length = element(reader)
        if kind in IN_SEGMENT:
            inside_open_cluster = kind == CLUSTER and length is None
        elif not (inside_open_cluster and kind in IN_CLUSTER):
            raise Malformed(f"has no valid element at byte {position} of {size} ({kind:x})")
        seen.append(kind)
        if length is None:
            if kind != CLUSTER:
                raise Malformed(f"has an element of unknown length at byte {position} of {size}")
            continue  # written as a live stream: its blocks follow until the next cluster
        end = reader.tell() + length
        if end > size:
            raise Malformed(
                f"is cut off: the element at byte {position} ends at {end}, the file at {size}"
            )
        reader.seek(end)
    return seen


def element(reader: BufferedReader) -> tuple[int, int | None]:
    """Id and length (None: unknown) of the element the reader stands before."""
    kind, kind_bytes = number(reader)
    length, length_bytes = number(reader)
    if kind_bytes > 4:
        raise Malformed(f"has no valid element before byte {reader.tell()}")
    value_bits = 7 * length_bytes
    value = length & ((1 << value_bits) - 1)
    return kind, None if value == (1 << value_bits) - 1 else value


def number(reader: BufferedReader) -> tuple[int, int]:
    """A variable-length number with its marker bit, and how many bytes it has."""
    first = exactly(reader, 1)
    if first == b"\0":
        raise Malformed(f"has no valid element at byte {reader.tell() - 1}")
    width = 9 - first[0].bit_length()
    return int.from_bytes(first + exactly(reader, width - 1)), width


def cut_or_longer(end: int, size: int) -> str:
    """Whether a file is shorter or longer than it says."""
    return "is cut off" if end > size else "has something appended"


GIF_EXTENSION, GIF_IMAGE, GIF_TRAILER = b"\x21", b"\x2c", b"\x3b"


def walk_gif(reader: BufferedReader, size: int) -> None:
    """Blocks must lead to the trailer, and the trailer must be the last byte."""
    exactly(reader, 6)
    skip_colours(reader, exactly(reader, 7)[4])
    images = 0
    while (introducer := exactly(reader, 1)) != GIF_TRAILER:
        if introducer == GIF_IMAGE:
            images += 1
            skip_colours(reader, exactly(reader, 9)[8])
        elif introducer != GIF_EXTENSION:
            raise Malformed(f"has no valid block at byte {reader.tell() - 1} of {size}")
        exactly(reader, 1)  # an image's code size, an extension's label
        while length := exactly(reader, 1)[0]:
            exactly(reader, length)
    if reader.tell() != size:
        raise Malformed(
            f"has something appended: its trailer is at byte {reader.tell()}, the end at {size}"
        )
    if not images:
        raise Malformed("has no picture in it")


def skip_colours(reader: BufferedReader, flags: int) -> None:
    """Pass over a colour table if there is one."""
    if flags & 0x80:
        exactly(reader, 3 << ((flags & 7) + 1))


def exactly(reader: BufferedReader, count: int) -> bytes:
    """So many bytes, or the file is cut off."""
    data = reader.read(count)
    if len(data) < count:
        raise Malformed(f"is cut off: it ends at byte {reader.tell()} within a block")
    return data


# A marker within coded picture data, other than a stuffed 0xFF (FF 00) or a restart marker.
JPEG_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
JPEG_SCAN, JPEG_END = 0xDA, 0xD9


def walk_jpeg(reader: BufferedReader, size: int) -> None:
    """Segments and scans must lead to the end marker, and it must be the last thing in the file."""
    if size > MAX_JPEG_BYTES:
        raise Malformed(f"is {size} bytes long; {MAX_JPEG_BYTES} is the limit for a jpg")
    data, position, scans = reader.read(), 2, 0
    while found := JPEG_MARKER.match(data, position) or (
        JPEG_MARKER.search(data, position) if scans else None
    ):
        marker, position = found[1][0], found.end()
        if marker == JPEG_END:
            break
        scans += marker == JPEG_SCAN
        position += int.from_bytes(data[position : position + 2])
    else:
        raise Malformed(f"is cut off: no end marker before its last byte, {size}")
    if position != size:
        raise Malformed(f"has something appended: it ends at byte {position}, the file at {size}")
    if not scans:
        raise Malformed("has no picture in it")
