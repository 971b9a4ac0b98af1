"""multipart/form-data, written to disk while it comes in: nothing large is ever held in memory.

Whatever goes wrong, the files of a request that was not granted are removed.
"""

from __future__ import annotations

import errno
import logging
import re
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.exceptions import HTTPException

from reactor.api.form_parts import MIB, File, Text, Upload
from reactor.errors import FieldError, Invalid
from reactor.storage.local import free_bytes, make_directory, sync_directory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from reactor.settings import Settings

FEED_BYTES = 256 * 1024
"""How much is gathered before a thread writes it."""
MOST_TEXTS = 100
IDLE_S = 60.0
"""How long a sender may say nothing."""
DISK_FULL = "the disk for uploads is full; make room there, or send it again later"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

# What strangers send wrongly is answered; it is not for our log.
logging.getLogger("python_multipart").addHandler(logging.NullHandler())


class Form:
    """What was sent. Its methods block: they are called in threads, one at a time."""

    def __init__(self, boundary: bytes, settings: Settings) -> None:
        self.texts: list[tuple[str, str]] = []
        self.uploads: list[Upload] = []
        self._kept = False
        self._settings = settings
        self._directory = settings.uploads_dir
        self._files: list[File] = []
        self._headers: dict[str, bytes] = {}
        self._field, self._value = bytearray(), bytearray()
        self._part: Text | File | None = None
        self._complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_part,
                "on_part_data": lambda data, start, end: self._write(data[start:end]),
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def begin(self, expected_bytes: int) -> None:
        """Make sure that there is room for what is announced."""
        make_directory(self._directory)
        self._refuse_without(expected_bytes)

    def feed(self, data: bytes) -> None:
        """Take in the next bytes, wherever they were cut."""
        self._refuse_without(len(data))
        try:
            self._parser.write(data)
        except FormParserError:
            raise Invalid([FieldError("body", "is not well-formed multipart/form-data")]) from None

    def end(self) -> None:
        """Make sure that nothing is missing."""
        if not self._complete:
            raise Invalid([FieldError("body", "ends before its last boundary")])

    def place(self) -> None:
        """Give every file its name."""
        for upload in self.uploads:
            upload.part.rename(upload.path)
        sync_directory(self._directory)

    def keep(self) -> None:
        """Let the files outlive the request: a job may know them."""
        self._kept = True

    def discard(self) -> None:
        """Remove every file, unless they are kept."""
        for file in () if self._kept else self._files:
            file.discard()

    def _refuse_without(self, more_bytes: int) -> None:
        least = self._settings.min_free_mb * MIB
        if free_bytes(self._directory) - more_bytes < least:
            raise HTTPException(507, DISK_FULL)

    def _end_header(self) -> None:
        self._headers[self._field.decode("latin-1").lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _begin_part(self) -> None:
        kind, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not name:
            raise Invalid([FieldError("body", "has a part that does not say its name")])
        sent_as = options.get(b"filename")
        self._part = Text(name) if sent_as is None else self._new_file(name, sent_as)
        if isinstance(self._part, Text) and len(self.texts) >= MOST_TEXTS:
            raise Invalid([FieldError(name[:80], f"is one of more than {MOST_TEXTS} texts")])

    def _new_file(self, name: str, sent_as: bytes) -> File:
        if name != "audio":
            raise Invalid([FieldError(name[:80], "is sent as a file; only `audio` may be one")])
        most = self._settings.uploads_at_once
        if len(self._files) >= most:
            raise Invalid(
                [FieldError("audio", f"is more than {most} files (REACTOR_UPLOADS_AT_ONCE)")]
            )
        # Some senders tell the whole path.
        base = re.split(r"[/\\]", sent_as.decode("utf-8", "replace"))[-1]
        field = f"audio[{len(self._files)}]"
        file = File(base, field, self._directory, self._settings.upload_mb * MIB)
        self._files.append(file)
        return file

    def _write(self, data: bytes) -> None:
        if self._part:
            self._part.write(data)

    def _end_part(self) -> None:
        if isinstance(self._part, File):
            self.uploads.append(self._part.finish())
        elif self._part:
            self.texts.append((self._part.name, self._part.finish()))
        self._part = None

    def _end(self) -> None:
        self._complete = True


@asynccontextmanager
async def received(request: Request, settings: Settings) -> AsyncIterator[Form]:
    """The form a request brings, its files on disk; those not kept in the block are removed after it."""
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:
        raise Invalid([FieldError("Content-Type", "has no boundary of 1 to 70 characters")])
    form = Form(boundary, settings)
    try:
        await receive(request, form)
        yield form
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(form.discard)


async def receive(request: Request, form: Form) -> None:
    """Read the request to its end; 408 when its sender says nothing for too long."""
    announced = request.headers.get("content-length", "")
    await on_disk(form.begin, int(announced) if announced.isdecimal() else 0)
    held = bytearray()
    async with aclosing(request.stream()) as chunks:
        while chunk := await next_chunk(chunks):
            held += chunk
            if len(held) >= FEED_BYTES:
                await on_disk(form.feed, bytes(held))
                held.clear()
    await on_disk(form.feed, bytes(held))
    await on_disk(form.end)


async def next_chunk(chunks: AsyncIterator[bytes]) -> bytes:
    """What comes next; empty at the end."""
    try:
        with anyio.fail_after(IDLE_S):
            return await anext(chunks, b"")
    except TimeoutError:
        raise HTTPException(408, f"nothing was sent for {IDLE_S:.0f} s; send it again") from None


async def on_disk(work: Callable[..., None], *arguments: object) -> None:
    """Do it in a thread; a disk that cannot is 507 when it is full, else 503."""
    try:
        await to_thread.run_sync(work, *arguments)
    except OSError as wrong:
        if wrong.errno in FULL:
            raise HTTPException(507, DISK_FULL) from None
        raise HTTPException(
            503, f"uploads cannot be stored ({wrong.strerror}); see to the data directory"
        ) from None
