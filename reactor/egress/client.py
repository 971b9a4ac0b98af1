"""Requests to the world, each with a deadline as a whole and a limit on what is taken in.

A name is resolved once a request, and the connection goes to an address that was checked; the name is
kept for the Host header and for the certificate. No connection is used twice: the client knows them by
address, and another name's certificate must not vouch for this one.
"""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio
import httpx

from reactor import __version__
from reactor.egress.addresses import AllowList, EgressRefused, host_of, read_url, refused
from reactor.errors import ReactorError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from reactor.settings import Settings

    Resolve = Callable[[str, int], Awaitable[list[str]]]

USER_AGENT = f"render-reactor/{__version__}"
PREFIX_BYTES = 4096
REDIRECTS = 3
LOOKUPS = 64
"""Names that are looked up at once; each takes a thread."""


class EgressFailed(ReactorError):
    """There was no answer, or not the one that was asked for."""

    def __init__(self, message: str = "", *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Answer:
    """What came back; of the body only the beginning."""

    status: int
    headers: Mapping[str, str]
    body_prefix: bytes


@dataclass(frozen=True)
class Downloaded:
    """What lies at the destination now."""

    size_bytes: int
    sha256: str
    media_type: str | None


class Egress:
    """The guarded client; one per process."""

    def __init__(self, client: httpx.AsyncClient, allow: AllowList, resolve: Resolve) -> None:
        self.allow = allow
        self._client = client
        self._resolve = resolve

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], within_s: float
    ) -> Answer:
        """Send a body; any status is an Answer. EgressRefused or EgressFailed when there is none."""
        async with (
            deadline(within_s, url),
            self._ask("POST", read_url(url), body, headers) as response,
        ):
            prefix = b""
            async for chunk in response.aiter_raw():
                prefix += chunk[: PREFIX_BYTES - len(prefix)]
                if len(prefix) == PREFIX_BYTES:
                    break
            return Answer(response.status_code, response.headers, prefix)

    async def download(
        self, url: str, destination: Path, *, most_bytes: int, within_s: float
    ) -> Downloaded:
        """Bring a file in whole: written beside as `.part`, then renamed. One writer a destination.

        Up to three redirects are followed, each checked like the first. EgressRefused, EgressFailed,
        or OSError when the disk does not take it; then nothing is left behind.
        """
        part = destination.with_name(f"{destination.name}.part")
        try:
            async with (
                deadline(within_s, url),
                self._follow(read_url(url)) as response,
            ):
                size_bytes, sha256 = await save(response, part, most_bytes)
                await anyio.to_thread.run_sync(settle, part, destination)
                return Downloaded(size_bytes, sha256, media_type(response))
        finally:
            part.unlink(missing_ok=True)

    @asynccontextmanager
    async def _follow(self, url: httpx.URL) -> AsyncIterator[httpx.Response]:
        """The answer at the end of the redirects, with status 200."""
        for _ in range(REDIRECTS + 1):
            async with self._ask("GET", url, None, {}) as response:
                if not response.has_redirect_location:
                    expect_whole(response)
                    yield response
                    return
                onward = join(url, response.headers["location"])
            if url.scheme == "https" and onward.scheme == "http":
                raise EgressRefused(f"url: {host_of(url)} redirects from https to http")
            url = onward
        raise EgressFailed(f"{host_of(url)}: more than {REDIRECTS} redirects")

    @asynccontextmanager
    async def _ask(
        self, method: str, url: httpx.URL, body: bytes | None, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """One request to a checked address; the body of the answer is yet to be read."""
        host = host_of(url)
        addresses = await self._checked_addresses(host, url.port or 443)
        said = {**headers, "Host": url.netloc.decode("ascii")}
        requests = [
            self._client.build_request(
                method,
                url.copy_with(host=address),
                content=body,
                headers=said,
                extensions={"sni_hostname": host.rstrip(".")},
            )
            for address in addresses
        ]
        try:
            response = await self._send_to_first(requests)
            try:
                yield response
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
        except httpx.HTTPError as wrong:
            raise EgressFailed(f"{host}: {reason(wrong)}") from None

    async def _send_to_first(self, requests: list[httpx.Request]) -> httpx.Response:
        """The answer of the first address that can be connected to."""
        *others, last = requests
        for request in others:
            with suppress(httpx.ConnectError):
                return await self._client.send(request, stream=True)
        return await self._client.send(last, stream=True)

    async def _checked_addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be connected to, the resolver's first choice first."""
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as wrong:
            raise EgressFailed(f"{host}: the name is not known ({reason(wrong)})") from None
        allowed = [address for address in found if self.allow.permits(host, address)]
        if not allowed:
            raise refused(host, f"is a private address ({', '.join(found) or 'none'})")
        return allowed


@asynccontextmanager
async def open_egress(
    settings: Settings, *, resolve: Resolve | None = None, verify: ssl.SSLContext | bool = True
) -> AsyncIterator[Egress]:
    """The way out; `resolve(host, port)` answers with addresses, by default the system's."""
    async with httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        verify=verify,
        timeout=None,  # noqa: S113 - every request has a deadline of our own
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
    ) as client:
        by_system = partial(resolve_by_system, anyio.CapacityLimiter(LOOKUPS))
        yield Egress(client, AllowList(settings.egress_allow), resolve or by_system)


async def resolve_by_system(limiter: anyio.CapacityLimiter, host: str, port: int) -> list[str]:
    """Every address of a name. A resolver that hangs is left behind in its thread."""
    found = await anyio.to_thread.run_sync(
        lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM),
        abandon_on_cancel=True,
        limiter=limiter,
    )
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@asynccontextmanager
async def deadline(within_s: float, url: str) -> AsyncIterator[None]:
    """EgressFailed when the whole of it takes longer; httpx's own timeouts are per read."""
    host = host_of(read_url(url))
    try:
        with anyio.fail_after(within_s):
            yield
    except TimeoutError:
        raise EgressFailed(f"{host}: no answer within {within_s:g} s") from None


def expect_whole(response: httpx.Response) -> None:
    """EgressFailed unless it is a 200 with the file as it is."""
    host = response.request.headers["host"]
    if response.status_code != 200:
        raise EgressFailed(f"{host}: answered {response.status_code}", status=response.status_code)
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise EgressFailed(
            f"{host}: answered in the encoding '{encoding[:40]}', which was not asked"
        )


async def save(response: httpx.Response, part: Path, most_bytes: int) -> tuple[int, str]:
    """Write the body to disk for good; its size and SHA-256. EgressFailed when it is too large."""
    host = response.request.headers["host"]
    too_large = EgressFailed(f"{host}: the file is larger than {most_bytes} bytes")
    length = response.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most_bytes:
        raise too_large
    size_bytes, digest = 0, hashlib.sha256()
    async with await anyio.open_file(part, "wb") as file:
        async for chunk in response.aiter_raw():
            size_bytes += len(chunk)
            if size_bytes > most_bytes:
                raise too_large
            digest.update(chunk)
            await file.write(chunk)
    return size_bytes, digest.hexdigest()


def settle(part: Path, destination: Path) -> None:
    """Make sure that the file is on the disk, then give it its name."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(destination)
    directory = os.open(destination.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def join(url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads, checked like any URL."""
    try:
        return read_url(str(url.join(location)))
    except httpx.InvalidURL:
        raise EgressFailed(f"{host_of(url)}: redirects to what is not a URL") from None


def media_type(response: httpx.Response) -> str | None:
    """The type the server claims, without parameters."""
    said: str = response.headers.get("content-type", "")
    return said.partition(";")[0].strip().lower()[:100] or None


def reason(wrong: Exception) -> str:
    """Why, in the system's words; some of them may be the other side's."""
    said = " ".join(str(wrong).split())[:200]
    return "".join(filter(str.isprintable, said)) or type(wrong).__name__
