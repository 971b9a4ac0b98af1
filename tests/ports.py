"""Ports for servers that a test starts."""

from __future__ import annotations

import socket
import sys

RESERVED: list[socket.socket] = []


def free_port() -> int:
    """A port that the system gives to nobody else as long as this process lives.

    On Linux two sockets may have the same address while only one of them listens, if both set
    SO_REUSEADDR, as servers do. Elsewhere the port is let go, and only probably still free.
    """
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    port = int(sock.getsockname()[1])
    if sys.platform == "linux":
        RESERVED.append(sock)
    else:
        sock.close()
    return port
