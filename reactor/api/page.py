"""The pages: static files of ours, named one by one. They hold no data; scripts fetch it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import HTTPException
from fastapi.responses import FileResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC_DIR = Path(__file__).parent / "static"
STATIC = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "cards.js": "text/javascript; charset=utf-8",
    "volume.js": "text/javascript; charset=utf-8",
    "words.js": "text/javascript; charset=utf-8",
    "curl.js": "text/javascript; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "favicon.svg": "image/svg+xml",
}
HTML = "text/html; charset=utf-8"
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


async def live_page() -> FileResponse:
    """The farm, live."""
    return html("page.html")


async def docs_page() -> FileResponse:
    """What this API offers, read from `/openapi.json`."""
    return html("docs.html")


async def static_file(name: str) -> FileResponse:
    """One of our own static files."""
    if name not in STATIC:
        raise HTTPException(404, f"there is no file {name}")
    return file(name, STATIC[name])


async def favicon() -> FileResponse:
    """The mark of the house, where browsers look for it unasked."""
    return await static_file("favicon.svg")


def missing_page() -> FileResponse:
    """What a person gets who came to an address that is not there."""
    return html("missing.html", status=404)


def html(name: str, *, status: int = 200) -> FileResponse:
    """One of our pages."""
    return file(name, HTML, status=status)


def file(name: str, media_type: str, *, status: int = 200) -> FileResponse:
    """A static file; browsers ask again each time, since a new release may have changed it."""
    headers = {"Cache-Control": "no-cache"}
    return FileResponse(STATIC_DIR / name, status, headers, media_type)


class SecurityHeaders:
    """Adds our headers to every answer, whatever made it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; put the headers in on the way back."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                extra = [pair for pair in ENCODED if pair[0] not in present]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, send_with_headers)


ENCODED = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
