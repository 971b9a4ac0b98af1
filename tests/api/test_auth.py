"""With a token set, nothing but the two health addresses answers without it; web pages cannot borrow it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from pydantic import SecretStr

from reactor import httpserver
from reactor.api.app import create_app
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from reactor.context import Context

TOKEN = "0123456789abcdef-correct"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ELSEWHERE = {"Origin": "http://evil.example"}


def basic(name: str, password: str) -> dict[str, str]:
    """What a browser sends after it has asked a person."""
    said = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {said}"}


def changed(context: Context, **settings: Any) -> Context:
    """The same reactor with other settings."""
    return replace(context, settings=context.settings.model_copy(update=settings))


@pytest.fixture
def guarded(context: Context) -> Context:
    """A reactor on this machine's own address that asks for a token."""
    return changed(context, token=SecretStr(TOKEN))


@pytest.fixture
async def client(
    guarded: Context, ask: Callable[[Context], httpx.AsyncClient]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that shows nothing unless told to."""
    async with ask(guarded) as opened:
        yield opened


@asynccontextmanager
async def served(context: Context, host: str) -> AsyncIterator[httpx.AsyncClient]:
    """The application at a real socket bound to host."""
    sock = httpserver.bind(host, 0, setting="REACTOR_HTTP")
    base = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with anyio.create_task_group() as tg:
        await tg.start(httpserver.serve, create_app(context), sock)
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=PATIENCE_S) as opened:
            yield opened
        tg.cancel_scope.cancel()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs",
        "/static/page.js",
        "/favicon.ico",
        "/openapi.json",
        "/metrics",
        "/api/renderer/status",
        "/api/videos/1/data",
        "/health/",
        "/nowhere",
        "/api/nowhere",
    ],
)
async def test_nothing_is_shown_without_the_token(client: httpx.AsyncClient, path: str) -> None:
    without, shown = await client.get(path), await client.get(path, headers=BEARER)

    assert without.status_code == 401
    assert without.headers["www-authenticate"] == 'Basic realm="render reactor", Bearer'
    assert without.headers["content-type"] == "application/problem+json"
    assert "Content-Security-Policy" in without.headers
    assert shown.status_code != 401


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_an_orchestrator_needs_no_token(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code in (200, 503)


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"Authorization": f"bearer  {TOKEN} "},
        basic("", TOKEN),
        basic("anybody", TOKEN),
    ],
)
async def test_the_token_opens(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await client.get("/api/renderer/status", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": TOKEN},
        {"Authorization": f"Token {TOKEN}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer 0123456789abcdef-correcT"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": "Bearer \N{LATIN SMALL LETTER E WITH ACUTE}".encode()},
        basic(TOKEN, ""),
        basic("anybody", TOKEN.upper()),
        {"Authorization": "Basic ###"},
        {"Authorization": f"Basic {TOKEN}"},
    ],
)
async def test_a_wrong_token_gets_no_hint(client: httpx.AsyncClient, headers: Any) -> None:
    answer = await client.get("/api/renderer/status", headers=headers)

    assert answer.status_code == 401
    assert answer.json() == (await client.get("/api/renderer/status")).json()
    assert TOKEN not in answer.text


async def test_a_websocket_needs_the_token(guarded: Context) -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"authorization", b"Bearer wrong")]
    scope = {"type": "websocket", "path": "/ws", "query_string": b"", "headers": headers}
    await create_app(guarded)(scope, receive, send)

    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]


async def test_without_a_token_set_none_is_needed(
    context: Context, ask: Callable[[Context], httpx.AsyncClient]
) -> None:
    async with ask(context) as client:
        assert (await client.get("/api/renderer/status")).status_code == 200


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
@pytest.mark.parametrize("host", ["farm.example", "farm.example:8787", "192.0.2.7"])
async def test_any_name_is_served_to_those_with_the_token(
    guarded: Context, bound: str, host: str
) -> None:
    async with served(changed(guarded, http=f"{bound}:0"), bound) as client:
        named = {"Host": host}
        assert (await client.get("/", headers=named)).status_code == 401
        assert (await client.get("/", headers=named | BEARER)).status_code == 200


async def test_without_a_token_only_this_machines_names_are_served(
    context: Context, ask: Callable[[Context], httpx.AsyncClient]
) -> None:
    async with ask(context) as client:
        answer = await client.get("/", headers={"Host": "rebound.example"})

    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_page_elsewhere_cannot_use_the_token_a_browser_remembers(
    guarded: Context, method: str
) -> None:
    async with served(changed(guarded, http="0.0.0.0:0"), "0.0.0.0") as client:  # noqa: S104
        remembered = basic("", TOKEN) | {"Host": "farm.example"}
        foreign = await client.request(method, "/api/nowhere", headers=remembered | ELSEWHERE)
        own = remembered | {"Origin": "https://farm.example", "Sec-Fetch-Site": "same-origin"}
        ours = await client.request(method, "/api/nowhere", headers=own)

    assert (foreign.status_code, foreign.json()["title"]) == (403, "Forbidden")
    assert ours.status_code == 404


@pytest.mark.parametrize("host", ["[", ""])
async def test_a_host_that_is_none_is_refused(guarded: Context, host: str) -> None:
    app = create_app(changed(guarded, http="0.0.0.0:0"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/api/nowhere", headers=BEARER | {"Host": host})

    assert answer.status_code == 421


def test_beyond_this_machine_nothing_starts_without_a_token(data: Path) -> None:
    env = {**os.environ, "REACTOR_HTTP": "0.0.0.0:0", "REACTOR_DATA": str(data)}

    ended = subprocess.run(
        [sys.executable, "-m", "reactor"], env=env, capture_output=True, text=True, timeout=180
    )

    assert ended.returncode == 78
    assert "REACTOR_TOKEN" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(data.iterdir()) == []
