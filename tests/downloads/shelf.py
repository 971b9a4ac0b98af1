"""A web server with some material."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter


class Shelf(ThreadingHTTPServer):
    """A web server with some material, which counts what was asked for."""

    asked: Counter[str]

    def handle_error(self, *_: object) -> None:
        """A client that has seen enough hangs up."""

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    """`/clip.mov` is there, `/busy` says so, everything else is missing."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Shelf)
        self.server.asked[self.path] += 1
        status = {"/clip.mov": 200, "/large.mov": 200, "/busy": 503}.get(self.path, 404)
        body = b"material" * (2**18 if self.path == "/large.mov" else 1)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
