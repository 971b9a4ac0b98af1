"""What stands before the application: whose requests it lets in, and how much of what they bring."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from reactor.api.app import create_app, refusal, uploads
from reactor.api.page import SECURITY_HEADERS
from reactor.httpserver import BODY_LIMIT, FORM, LocalOnly
from reactor.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from reactor.context import Context

JSON = {"Content-Type": "application/json"}
PROBLEM = "application/problem+json"
LIMIT = 2**20 + BODY_LIMIT
"""Of a batch of one file of one megabyte."""


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that takes little."""
    settings = context.settings.model_copy(update={"upload_mb": 1, "uploads_at_once": 1})
    transport = httpx.ASGITransport(create_app(replace(context, settings=settings)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.mark.parametrize(
    ("headers", "status", "word"),
    [
        ({"Host": "evil.example"}, 421, "Host"),
        ({"Origin": "http://evil.example"}, 403, "Origin"),
        ({"Origin": "http://["}, 403, "Origin"),
        ({"Origin": "null"}, 403, "Origin"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "Origin"),
        ({"Content-Type": "text/plain"}, 415, "text/plain"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "multipart/form-data"),
        ({"Content-Length": str(2**40), **JSON}, 413, str(BODY_LIMIT)),
        ({"Content-Length": str(2**40), "Content-Type": FORM}, 413, str(LIMIT)),
    ],
)
async def test_what_the_door_refuses_is_a_problem(
    client: httpx.AsyncClient, headers: dict[str, str], status: int, word: str
) -> None:
    answer = await client.post("/api/batches", content=b"{}", headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    assert word in answer.json()["detail"]
    assert SECURITY_HEADERS.items() <= {k.title(): v for k, v in answer.headers.items()}.items()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("kind", [FORM, "text/plain", "application/json"])
async def test_a_page_elsewhere_can_change_nothing(
    client: httpx.AsyncClient, method: str, kind: str
) -> None:
    headers = {"Origin": "http://evil.example", "Content-Type": kind}

    answer = await client.request(method, "/api/batches", content=b"{}", headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", FORM])
async def test_a_request_without_a_body_may_have_any_type(
    client: httpx.AsyncClient, kind: str
) -> None:
    answer = await client.post("/api/renders/1/retry", headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no job 1")


async def test_files_are_taken_only_where_the_application_says_so(
    client: httpx.AsyncClient,
) -> None:
    files = {"file": b"x"}

    here = await client.post("/api/batches", files=files)
    elsewhere = await client.post("/api/webhooks", files=files)

    assert (here.status_code, here.json()["errors"][0]["field"]) == (400, "file")
    assert (elsewhere.status_code, elsewhere.json()["title"]) == (415, "Unsupported Media Type")


@pytest.mark.parametrize(
    ("kind", "size", "status"),
    [
        (FORM, LIMIT, 200),
        (FORM, LIMIT + 1, 413),
        ("application/json", BODY_LIMIT, 200),
        ("application/json", BODY_LIMIT + 1, 413),
    ],
)
async def test_a_body_is_counted_while_it_comes_in(kind: str, size: int, status: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for begin in range(0, size, 65_536):
            yield b" " * min(65_536, size - begin)

    door = LocalOnly(measure, uploads={"/files": LIMIT}, answer=refusal)
    transport = httpx.ASGITransport(door)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        headers = {"Content-Type": kind}
        answer = await client.post("/files", content=chunks(), headers=headers)

    assert answer.status_code == status
    assert status != 200 or answer.json() == size


async def measure(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads all of it and says how much it was."""
    body = await Request(scope, receive).body()
    await JSONResponse(len(body))(scope, receive, send)


def test_a_batch_may_bring_as_many_bytes_as_its_files_may_have() -> None:
    [(path, limit)] = uploads(load(upload_mb=3, uploads_at_once=2)).items()

    assert path == "/api/batches"
    assert 6 * 2**20 < limit < 7.5 * 2**20
