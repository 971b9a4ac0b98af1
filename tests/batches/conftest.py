"""The application around a reactor whose loops stand still, and requests that are written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.batches.sounds import sound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reactor.context import Context

BOUNDARY = b"8f1c0e0a"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}


@pytest.fixture(scope="session")
def mp3() -> bytes:
    """A second of sound."""
    return sound("mp3")


@pytest.fixture
def stored(context: Context) -> Callable[[], list[Path]]:
    """Every file that lies below the data directory's `uploads/`, hidden ones too."""
    directory = context.settings.uploads_dir
    return lambda: sorted(path for path in directory.rglob("*") if not path.is_dir())


def part(name: str, content: bytes, *, sent_as: bytes | None = None) -> bytes:
    """One part of a form, as it stands in the body."""
    head = b'Content-Disposition: form-data; name="' + name.encode() + b'"'
    if sent_as is not None:
        head += b'; filename="' + sent_as + b'"\r\nContent-Type: audio/mpeg'
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def form(parts: Sequence[bytes], *, end: bytes = b"--" + BOUNDARY + b"--\r\n") -> bytes:
    """A whole form."""
    return b"".join(parts) + end


def order(*parts: bytes, template: str = "flame", formats: str = "1080p") -> bytes:
    """A form that asks for a batch with these parts."""
    return form([*parts, part("template", template.encode()), part("formats", formats.encode())])
