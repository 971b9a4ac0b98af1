"""The parts of a form: texts, small enough for memory, and files, written to disk as they come.

A file lies in `uploads/` under a name of ours, `<random>.<extension>`; until all of it is there and synced
it is `.<random>.<extension>.part`. What its sender calls it is kept as text and never used as a path.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from starlette.exceptions import HTTPException

from reactor.errors import FieldError, Invalid
from reactor.media.audio import ALLOWED, EXTENSIONS
from reactor.storage.local import NEW_FLAGS

if TYPE_CHECKING:
    from io import BufferedWriter
    from pathlib import Path

MIB = 1 << 20
TEXT_BYTES = 64 * 1024


class Upload(NamedTuple):
    """A file that was sent: what its sender calls it, where it is, what is in it."""

    name: str
    part: Path
    path: Path
    sha256: str


class Text:
    """A part that is a text, small enough for memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.value = bytearray()

    def write(self, data: bytes) -> None:
        """Add to it."""
        self.value += data
        if len(self.value) > TEXT_BYTES:
            raise HTTPException(
                413, f"{self.name[:80]}: at most {TEXT_BYTES} bytes of text are accepted"
            )

    def finish(self) -> str:
        """The text; Invalid when it is none."""
        try:
            return self.value.decode()
        except UnicodeDecodeError:
            raise Invalid([FieldError(self.name[:80], "must be UTF-8 text")]) from None


class File:
    """A part that is a file, being written."""

    def __init__(self, name: str, field: str, directory: Path, most_bytes: int) -> None:
        token, extension = secrets.token_hex(16), checked_extension(name, field)
        self.name, self.field = name, field
        self.path = directory / f"{token}.{extension}"
        self.part = directory / f".{self.path.name}.part"
        self._most = most_bytes
        self._size = 0
        self._hash = hashlib.sha256()
        self._file: BufferedWriter = os.fdopen(os.open(self.part, NEW_FLAGS, 0o644), "wb")

    def write(self, data: bytes) -> None:
        """Add to it; 413 when it becomes too large."""
        self._size += len(data)
        if self._size > self._most:
            raise HTTPException(
                413,
                f"{self.field}: '{self.name[:80]}' is larger than {self._most // MIB} MB, "
                "which is what REACTOR_UPLOAD_MB allows",
            )
        self._hash.update(data)
        self._file.write(data)

    def finish(self) -> Upload:
        """Bring it to the disk; Invalid when it is empty."""
        if not self._size:
            raise Invalid([FieldError(self.field, f"'{self.name[:80]}' is empty (0 bytes)")])
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return Upload(self.name, self.part, self.path, self._hash.hexdigest())

    def discard(self) -> None:
        """Leave nothing of it."""
        with suppress(OSError):
            self._file.close()
        self.part.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def checked_extension(name: str, field: str) -> str:
    """The extension in lower case; Invalid when it is not one of a sound, or the name no text for us."""
    extension = PurePosixPath(name).suffix[1:].lower()
    if "\0" in name:
        raise Invalid([FieldError(field, "has a name with the character NUL")])
    if extension not in EXTENSIONS:
        raise Invalid(
            [FieldError(field, f"'{name[:80]}' has another extension than these: {ALLOWED}")]
        )
    return extension
