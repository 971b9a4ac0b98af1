"""Where a film is: what people write as its mezzanine URL, as a path or an http URL.

What was given is not repeated in errors: a URL may be signed.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from reactor.egress import EgressRefused
from reactor.egress.addresses import read_url

PLACES = "a path, file:///…, https://… or http://…"
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")


def source_of(mezzanine_url: str) -> str:
    """The path or the http URL to read a film from; ValueError says why there is none."""
    text = mezzanine_url.strip()
    if not text:
        raise ValueError(f"is empty (allowed: {PLACES})")
    if not text.isprintable():
        raise ValueError("has control characters")
    found = SCHEME.match(text)
    if found is None:
        return text
    match found[1].lower():
        case "file":
            return path_of(text)
        case "http" | "https":
            return checked_url(text)
        case scheme:
            raise ValueError(f"begins with '{scheme[:20]}:' (allowed: {PLACES})")


def checked_url(url: str) -> str:
    """The same, unchanged: a signature may cover each of its letters."""
    try:
        read_url(url)
    except EgressRefused as wrong:
        raise ValueError(str(wrong).removeprefix("url: ")) from None
    return url


def path_of(file_url: str) -> str:
    """The path a file:// URL names."""
    try:
        parts = urlsplit(file_url)
        path = unquote(parts.path, errors="strict")
    except ValueError:
        raise ValueError("is not a URL; write it like file:///films/a.mov") from None
    if parts.netloc not in ("", "localhost"):
        raise ValueError("names another machine; write it like file:///films/a.mov")
    if parts.query or parts.fragment:
        raise ValueError("has a bare ? or #; write them as %3F and %23")
    if not path.isprintable():
        raise ValueError("has control characters")
    return path
