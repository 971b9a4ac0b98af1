"""Addresses as people write them in settings."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit


def is_network(text: str) -> bool:
    """Whether it is an address or a network of addresses."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def split_address(value: str) -> tuple[str, int]:
    """Host and port of `host:port`; ValueError says how to write it."""
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError("write it like 127.0.0.1:8787")
    return host.strip("[]"), int(port)


def without_password(url: str) -> str:
    """The address as people may read it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
