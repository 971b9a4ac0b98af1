"""Receive webhooks and believe only signed ones: `python examples/webhook_receiver.py PORT`.

The secret that `bin/reactor webhooks add` has shown is in the environment variable WEBHOOK_SECRET.
"""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from reactor.signature import BadSignature, verify

MOST_BYTES = 1_000_000


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to a message that is authentic, and 400 or 413 to any other."""

    timeout = 10  # seconds for a sender who says nothing

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.answer(413)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            message_id = verify(os.environ["WEBHOOK_SECRET"], headers, body)
        except BadSignature:
            self.answer(400)
            return
        # The same id may come again: deal with each id once.
        message = json.loads(body)
        print(message_id, message["type"], message["data"]["id"], flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing of requests by strangers."""


def main(port: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
