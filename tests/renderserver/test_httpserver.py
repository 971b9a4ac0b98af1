"""The HTTP base: loopback manners, limits, and a server that starts and stops with its scope."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket

from reactor.errors import BadConfiguration
from reactor.httpserver import BODY_LIMIT, LocalOnly, bind, serve

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Iterator

PATIENCE_S = 60
JSON = {"content-type": "application/json"}


def create_app(entered: anyio.Event | None = None) -> FastAPI:
    """An application that does what it is asked; `entered` is set by a request without end."""
    app = FastAPI()

    @app.get("/")
    async def read() -> str:
        return "read"

    @app.post("/")
    async def write(request: Request) -> int:
        return len(await request.body())

    @app.get("/slow")
    async def slow() -> None:
        if entered:
            entered.set()
        await anyio.sleep_forever()

    @app.websocket("/ws")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()

    return app


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    """A bound socket of our own."""
    with bind("127.0.0.1", 0, setting="REACTOR_HTTP") as found:
        yield found


@pytest.fixture
async def client(sock: socket.socket) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the served application."""
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with (
        anyio.create_task_group() as tg,
        httpx.AsyncClient(base_url=url, trust_env=False) as found,
    ):
        await tg.start(serve, create_app(), sock)
        yield found
        tg.cancel_scope.cancel()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:99", "localhost", "LOCALHOST:1", "[::1]:8787", "127.9.9.9"]
)
async def test_our_own_hosts_are_served(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/", headers={"host": host})).text == '"read"'


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8787",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "[::2]",
        "[",
        "a@b",
    ],
)
async def test_foreign_hosts_are_misdirected(client: httpx.AsyncClient, host: str) -> None:
    assert (await client.get("/", headers={"host": host})).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_foreign_pages_cause_no_effects(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.post("/", headers=headers)

    assert answer.status_code == 403
    assert answer.json()["error"]["message"].startswith("Origin: ")


async def test_our_own_pages_may_write(client: httpx.AsyncClient) -> None:
    headers = {"origin": str(client.base_url).rstrip("/"), "sec-fetch-site": "same-origin"}

    assert (await client.post("/", json=[1], headers=headers)).text == "3"


async def test_foreign_pages_may_be_read_from(client: httpx.AsyncClient) -> None:
    answer = await client.get("/", headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_bodies_are_json(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("/", content=b"{}", headers={"content-type": kind})

    assert answer.status_code == 415


async def test_a_post_without_a_body_needs_no_type(client: httpx.AsyncClient) -> None:
    assert (await client.post("/")).text == "0"


async def test_the_largest_body_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/", content=b" " * BODY_LIMIT, headers=JSON)

    assert answer.text == str(BODY_LIMIT)


async def test_a_larger_body_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/", content=b" " * (BODY_LIMIT + 1), headers=JSON)

    assert answer.status_code == 413


async def test_a_body_that_grows_too_large_is_refused(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * (BODY_LIMIT // 16)

    answer = await client.post("/", content=chunks(), headers=JSON)

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ([(b"host", b"127.0.0.1:8787")], True),
        ([(b"host", b"127.0.0.1:8787"), (b"origin", b"http://127.0.0.1:8787")], True),
        ([(b"host", b"127.0.0.1:8787"), (b"origin", b"http://evil.example")], False),
        ([(b"host", b"evil.example"), (b"origin", b"http://evil.example")], False),
    ],
)
async def test_a_websocket_is_for_our_own_pages(
    headers: list[tuple[bytes, bytes]],
    accepted: bool,  # noqa: FBT001
) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/ws", "query_string": b"", "headers": headers}
    await LocalOnly(create_app())(scope, receive, send)

    assert (sent[0]["type"] == "websocket.accept") is accepted


async def test_the_server_does_not_say_what_it_is(client: httpx.AsyncClient) -> None:
    assert "server" not in (await client.get("/")).headers


async def test_serving_leaves_the_signals_alone(client: httpx.AsyncClient) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    assert (await client.get("/")).status_code == 200
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
    assert before[0] is signal.SIG_DFL


async def test_a_cancelled_server_closes_its_socket(sock: socket.socket) -> None:
    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg:
            await tg.start(serve, create_app(), sock)
            tg.cancel_scope.cancel()

    assert sock.fileno() == -1


async def test_a_request_without_end_does_not_hold_up_the_stop(sock: socket.socket) -> None:
    entered = anyio.Event()

    async def ask() -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            with suppress(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{sock.getsockname()[1]}/slow")

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as asking, anyio.create_task_group() as serving:
            await serving.start(serve, create_app(entered), sock)
            asking.start_soon(ask)
            await entered.wait()
            serving.cancel_scope.cancel()

    assert sock.fileno() == -1


def test_a_taken_port_names_the_setting(sock: socket.socket) -> None:
    port = sock.getsockname()[1]

    with pytest.raises(BadConfiguration, match=f"127.0.0.1:{port} .* set REACTOR_HTTP") as caught:
        bind("127.0.0.1", port, setting="REACTOR_HTTP")

    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 78


def test_an_address_that_is_not_ours_names_the_setting() -> None:
    with pytest.raises(BadConfiguration, match="REACTOR_HTTP"):
        bind("192.0.2.1", 80, setting="REACTOR_HTTP")
