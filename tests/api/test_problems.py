"""Every error is a problem that names what is wrong; nothing that was sent makes a 500."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import httpx
import psycopg
import pytest
from fastapi import Query
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from reactor.api.app import application, refusal
from reactor.api.page import SECURITY_HEADERS
from reactor.api.route import Route, add
from reactor.errors import (
    DatabaseUnavailable,
    FailureClass,
    FieldError,
    Invalid,
    Missing,
    QuotaExceeded,
    Refused,
    RenderFailed,
    TryAgain,
    bad_input,
)
from reactor.httpserver import LocalOnly
from reactor.records import NewJob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import ClassVar

    from reactor.context import Context

JSON = {"Content-Type": "application/json"}
PROBLEM = "application/problem+json"


class Clip(BaseModel):
    """A part of a body."""

    start_s: float


class Order(NewJob):
    """A body with something in it."""

    clips: tuple[Clip, ...] = ()


class Extra:
    """Addresses that take input, and one that raises what it is told to."""

    raises: ClassVar[Exception]

    def __init__(self, context: Context) -> None:
        self.database = context.database

    async def order(self, order: Order, most: Annotated[int, Query(ge=1)] = 1) -> dict[str, Any]:
        """Take an order."""
        return {"template_id": order.template_id, "most": most}

    async def fail(self) -> None:
        """Raise."""
        raise self.raises

    async def ask(self, statement: str) -> None:
        """Ask the database what it refuses."""
        async with self.database.connection() as conn:
            await conn.execute(statement.encode())


@pytest.fixture
def app(context: Context) -> LocalOnly:
    """The application with these addresses, too, and with small uploads."""
    extra, app = Extra(context), application(context)
    for route in (
        Route("/api/order", extra.order, "test", dict[str, Any], method="POST"),
        Route("/api/fail", extra.fail, "test"),
        Route("/api/render-jobs/1/fail", extra.fail, "seed"),
        Route("/api/ask", extra.ask, "test"),
    ):
        add(app, route)
    return LocalOnly(app, answer=refusal)


@pytest.fixture
async def client(app: LocalOnly) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it; a bug becomes a 500, as for any client."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.mark.parametrize(
    ("body", "query", "expected"),
    [
        ({}, "", {"template_id": "is missing"}),
        ({"template_id": "a", "colour": 1}, "", {"colour": "is not known"}),
        ({"template_id": "a", "format": "square"}, "", {"format": "'full_16_9'"}),
        ({"template_id": "a\0"}, "", {"template_id": "must not contain the character NUL"}),
        ({"template_id": "a", "params": {"b": "\0"}}, "", {"params": "NUL"}),
        ({"template_id": "a", "params": []}, "", {"params": "must be a JSON object"}),
        ({"template_id": "a", "clips": [1]}, "", {"clips.0": "must be a JSON object"}),
        ({"template_id": "a", "clips": [{}]}, "", {"clips.0.start_s": "is missing"}),
        ({"template_id": "a"}, "?most=0", {"most": "greater than or equal to 1"}),
        ({"priority": 2**31}, "?most=x", {"template_id": "", "priority": "less than", "most": ""}),
        ([], "", {"body": "must be a JSON object"}),
        ("text", "", {"body": "must be a JSON object"}),
        (None, "", {"body": "is missing"}),
    ],
)
async def test_wrong_fields_are_named(
    client: httpx.AsyncClient, body: Any, query: str, expected: dict[str, str]
) -> None:
    answer = await client.post(f"/api/order{query}", json=body)

    said = answer.json()
    messages = {error["field"]: error["message"] for error in said["errors"]}
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert messages.keys() == expected.keys()
    assert all(part in messages[name] for name, part in expected.items())
    assert all(f"{name}: {messages[name]}" in said["detail"] for name in expected)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b'{"template_id": }', b"[" * 100_000, b'{"priority": ' + b"9" * 9999],
)
async def test_what_is_not_json_is_one_sentence(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/api/order", content=body, headers=JSON)

    assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)
    assert "body" in answer.json()["detail"]


async def test_the_place_in_wrong_json_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/order", content=b'{"template_id": }', headers=JSON)

    assert answer.json()["detail"] == "body: is not JSON: expecting value at character 16"


async def test_what_was_sent_is_not_repeated(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/order?most=canary", json={"format": "canary"})

    assert "canary" not in answer.text


@pytest.mark.parametrize(
    ("raised", "status", "detail", "retry_after"),
    [
        (Invalid([FieldError("a.b", "is wrong")]), 400, "a.b: is wrong", None),
        (bad_input("audio", "is not there"), 400, "audio: is not there", None),
        (ClientDisconnect(), 400, "body: ended before all of it was sent", None),
        (Missing("there is no job 7"), 404, "there is no job 7", None),
        (Refused("job 7 is complete"), 409, "job 7 is complete", None),
        (QuotaExceeded("too many"), 429, "too many", "30"),
        (TryAgain("busy"), 503, "busy", "2"),
        (DatabaseUnavailable("gone"), 503, "gone", "2"),
        (psycopg.OperationalError("canary"), 503, "the database does not answer", "2"),
        (TimeoutError(), 503, "the database does not answer", "2"),
        (RenderFailed(FailureClass.RESOURCE, "the disk is full"), 503, "the disk is full", "2"),
        (ZeroDivisionError("canary"), 500, "something is broken here; the log says what", None),
    ],
)
async def test_every_error_has_its_status(
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    raised: Exception,
    status: int,
    detail: str,
    retry_after: str | None,
) -> None:
    monkeypatch.setattr(Extra, "raises", raised, raising=False)

    answer = await client.get("/api/fail")
    enveloped = await client.get("/api/render-jobs/1/fail")

    said = answer.json()
    assert (answer.status_code, said["status"], said["detail"]) == (status, status, detail)
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers.get("retry-after") == retry_after
    assert "success" not in said
    assert enveloped.json() == {**said, "success": False, "error": detail}
    assert SECURITY_HEADERS.items() <= {k.title(): v for k, v in answer.headers.items()}.items()


async def test_the_fields_of_an_invalid_order_are_named(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Invalid([FieldError("a", "is missing"), FieldError("b.0", "is wrong")])
    monkeypatch.setattr(Extra, "raises", wrong, raising=False)

    assert (await client.get("/api/fail")).json()["errors"] == [
        {"field": "a", "message": "is missing"},
        {"field": "b.0", "message": "is wrong"},
    ]


@pytest.mark.parametrize(
    ("statement", "status", "said"),
    [
        ("SELECT 2147483648::bigint::int4", 400, "integer out of range"),
        ("SELECT 'x'::uuid", 400, "uuid"),
        ("DO $$ BEGIN RAISE SQLSTATE '57P01'; END $$", 503, "the database does not answer"),
        ("SELECT nowhere", 500, "the log says what"),
        (
            "INSERT INTO actp_gen_jobs (template_id, status) VALUES ('a', 'processing')",
            409,
            "a new job starts as pending",
        ),
    ],
)
async def test_what_the_database_refuses_has_its_status(
    client: httpx.AsyncClient, statement: str, status: int, said: str
) -> None:
    answer = await client.get("/api/ask", params={"statement": statement})

    assert answer.status_code == status
    assert said in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/render-jobs/nowhere/at/all", "/api/render-jobs"])
async def test_the_enveloped_routes_say_so_also_where_nothing_is(
    client: httpx.AsyncClient, path: str
) -> None:
    said = (await client.get(path)).json()

    assert (said["success"], said["error"]) == (False, said["detail"])


async def test_a_method_that_is_not_offered_is_told_all_that_are(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/api/fail")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["detail"] == "DELETE is not offered here (allowed: GET, HEAD)"
