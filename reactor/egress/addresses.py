"""Where requests may go: public addresses, and what is allow-listed.

A URL is read by httpx alone, because two parsers that disagree are a way in. Names are judged by the
addresses they resolve to, never by how they look: `localhost`, `2130706433` and a stranger's domain
can all mean this machine.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING

import httpx

from reactor.errors import ReactorError

if TYPE_CHECKING:
    from collections.abc import Iterable

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 2000
HOST = re.compile(r"[a-z0-9_.:-]{1,253}")
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
SETTING = "REACTOR_EGRESS_ALLOW"


class EgressRefused(ReactorError):
    """This URL is not one that may be asked."""

    exit_code = 2


class AllowList:
    """Host names and networks that may be reached although they are private."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._networks: list[Network] = []
        self._names: set[str] = set()
        for entry in entries:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry.rstrip(".").lower())

    def permits(self, host: str, address: str) -> bool:
        """Whether this address may be connected to for this host."""
        if host.rstrip(".") in self._names:
            return True
        try:
            forms = embedded(ipaddress.ip_address(address))
        except ValueError:
            return False
        return all(map(is_public, forms)) or any(
            form in network for form in forms for network in self._networks
        )

    def check_url(self, url: str) -> httpx.URL:
        """A URL that may be kept: http or https, no credentials, no address that is refused anyway.

        EgressRefused in a sentence otherwise. A name is resolved only when something is sent.
        """
        parsed = read_url(url)
        host = host_of(parsed)
        literal = literal_address(host)
        if literal and not self.permits(host, literal):
            raise refused(host, "is a private address")
        return parsed


def read_url(url: str) -> httpx.URL:
    """Parse it, or raise EgressRefused with what is wrong. It is not repeated: it may be a secret."""
    if len(url) > LONGEST_URL:
        raise EgressRefused(f"url: at most {LONGEST_URL} characters are accepted")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise EgressRefused("url: is not one; write it like https://example.com/hooks") from None
    if not parsed.scheme:
        raise EgressRefused("url: without http:// or https:// it is not accepted")
    if parsed.scheme not in ("http", "https"):
        raise EgressRefused(f"url: '{parsed.scheme}' is not accepted (allowed: http, https)")
    if parsed.userinfo:
        raise EgressRefused("url: must not contain a user name or password")
    port = 443 if parsed.port is None else parsed.port
    if not HOST.fullmatch(host_of(parsed)) or not 0 < port < 2**16:
        raise EgressRefused("url: names no host or port; write it like https://example.com/hooks")
    return parsed.copy_with(fragment=None)


def host_of(url: httpx.URL) -> str:
    """The host as it goes over the wire: lower case, ASCII, without brackets."""
    return url.raw_host.decode("ascii").lower()


def literal_address(host: str) -> str | None:
    """The address a host spells out, also as `127.1`, `0x7f000001` or `2130706433`; None for a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def embedded(address: Address) -> tuple[Address, ...]:
    """The IPv4 address inside it, when packets to it end there; otherwise the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address in NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return (address.sixtofour or address,)


def is_public(address: Address) -> bool:
    """Whether it is somewhere in the internet, and not here, next door, or nowhere."""
    if isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def refused(host: str, why: str) -> EgressRefused:
    """The sentence that also says what to do."""
    return EgressRefused(
        f"url: {host} {why}; requests go to public addresses only, or to what {SETTING} lists"
    )
