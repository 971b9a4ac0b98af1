"""A render server that only has its health; as a program, to be supervised, killed and stopped.

`--family FILE` leaves a grandchild in a session of its own, as browsers do, and writes its pid down.
`--stubborn` ignores SIGTERM. `--environment FILE` writes down what it was told.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Health(BaseHTTPRequestHandler):
    """Answers every GET as a healthy render server."""

    def do_GET(self) -> None:
        """Say that all is well."""
        kinds = {"templates": ["title-card"], "formats": ["clip_1_1"], "containers": ["mp4"]}
        said = {
            "ok": True,
            "name": "fake",
            "version": "7",
            "capacity": 3,
            "pid": os.getpid(),
            **kinds,
        }
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def leave_grandchild(note: Path) -> None:
    """Fork twice, so that nobody above is the parent any more."""
    if os.fork():
        os.wait()
        return
    os.setsid()
    grandchild = os.fork()
    if grandchild:
        part = note.with_suffix(".part")
        part.write_text(str(grandchild))
        part.rename(note)
        os._exit(0)
    while True:
        time.sleep(60)


def main(arguments: list[str]) -> None:
    """Do as the arguments say, then serve."""
    options = dict(zip(arguments, [*arguments[1:], ""], strict=False))
    if "--stubborn" in options:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "--environment" in options:
        Path(options["--environment"]).write_text(json.dumps(dict(os.environ)))
    if "--family" in options:
        leave_grandchild(Path(options["--family"]))
    port = urlsplit(os.environ["REACTOR_RENDERER_URL"]).port or 0
    HTTPServer(("127.0.0.1", port), Health).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
