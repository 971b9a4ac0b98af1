"""`/api/sessions`: a session is written down, cut and locked by HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.sessions.conftest import Psql

CUT = {"asset": "left", "in_s": 1, "out_s": 2.5}
JSON = {"Content-Type": "application/json"}


async def test_a_session_from_nothing_to_locked(client: httpx.AsyncClient) -> None:
    put = await client.put("/api/sessions/s1", json={"title": "Sunday", "project_id": "church"})
    asset = await client.put("/api/sessions/s1/assets/left", json={"mezzanine_url": "left.mov"})
    edl = await client.put("/api/sessions/s1/edl", json={"cuts": [CUT]})
    lock = await client.post("/api/sessions/s1/edl/lock")
    shown = await client.get("/api/sessions/s1")

    assert [answer.status_code for answer in (put, asset, edl, lock, shown)] == [200] * 5
    assert (put.json()["edl"], put.json()["assets"]) == (None, [])
    assert edl.json()["status"] == "draft"
    assert edl.json()["locked_at"] is None
    assert lock.json()["status"] == "locked"
    assert lock.json()["locked_at"]
    body = shown.json()
    assert (body["session_id"], body["title"], body["project_id"]) == ("s1", "Sunday", "church")
    assert body["edl"] == lock.json()
    assert body["edl"]["cuts"] == [CUT]
    assert body["assets"] == [asset.json()]
    assert {"asset_id", "mezzanine_url", "duration_s", "created_at"} == set(asset.json())


async def test_what_is_put_again_replaces(client: httpx.AsyncClient, ready: str) -> None:
    await client.post("/api/sessions/s1/edl/unlock")
    await client.put("/api/sessions/s1", json={"title": "Other"})
    await client.put(
        "/api/sessions/s1/assets/left", json={"mezzanine_url": None, "duration_s": 12.5}
    )
    await client.put("/api/sessions/s1/edl", json={"cuts": [CUT, CUT]})

    body = (await client.get("/api/sessions/s1")).json()
    assert (body["title"], body["project_id"]) == ("Other", None)
    assert (body["assets"][0]["mezzanine_url"], body["assets"][0]["duration_s"]) == (None, 12.5)
    assert (body["edl"]["status"], body["edl"]["cuts"]) == ("draft", [CUT, CUT])


async def test_locking_twice_is_locking_once(client: httpx.AsyncClient, ready: str) -> None:
    first = (await client.post("/api/sessions/s1/edl/lock")).json()
    again = (await client.post("/api/sessions/s1/edl/lock")).json()

    assert first == again


async def test_what_is_locked_is_refused(client: httpx.AsyncClient, ready: str) -> None:
    edl = await client.put("/api/sessions/s1/edl", json={"cuts": [CUT]})
    asset = await client.put("/api/sessions/s1/assets/left", json={"mezzanine_url": None})

    assert (edl.status_code, asset.status_code) == (409, 409)
    assert edl.json()["detail"] == (
        "session s1: its EDL is locked; unlock it with POST /api/sessions/s1/edl/unlock"
    )
    assert "asset 'left' is in the locked EDL" in asset.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/sessions/other", None),
        ("PUT", "/api/sessions/other/assets/a", {"mezzanine_url": "a.mov"}),
        ("PUT", "/api/sessions/other/edl", {"cuts": [CUT]}),
        ("POST", "/api/sessions/other/edl/lock", None),
        ("POST", "/api/sessions/other/edl/unlock", None),
    ],
)
async def test_an_unknown_session_is_said_to_be_missing(
    client: httpx.AsyncClient, method: str, path: str, body: Any
) -> None:
    answer = await client.request(method, path, json=body)

    assert answer.status_code == 404
    assert answer.json()["detail"] == (
        "there is no session 'other'; create it with PUT /api/sessions/other"
    )


async def test_without_an_edl_there_is_nothing_to_lock(client: httpx.AsyncClient) -> None:
    await client.put("/api/sessions/s1", json={})

    answer = await client.post("/api/sessions/s1/edl/lock")

    assert answer.status_code == 404
    assert "it has no EDL; write its cuts with PUT" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "field", "words"),
    [
        ("", '{"titel": "x"}', "titel", "is not known"),
        ("", '{"title": "a\\u0000b"}', "title", "NUL"),
        ("", '{"project_id": ""}', "project_id", "at least 1"),
        ("", "[]", "body", "must be a JSON object"),
        ("/assets/a", "{}", "mezzanine_url", "is missing"),
        ("/assets/a", '{"mezzanine_url": "s3://b/a.mov"}', "mezzanine_url", "begins with 's3:'"),
        ("/assets/a", '{"mezzanine_url": ""}', "mezzanine_url", "is empty"),
        ("/assets/a", '{"mezzanine_url": "a", "duration_s": 0}', "duration_s", "greater than 0"),
        ("/assets/a", '{"mezzanine_url": "a", "duration_s": NaN}', "duration_s", "finite"),
        ("/assets/%00", '{"mezzanine_url": "a"}', "asset_id", "NUL"),
        ("/edl", "{}", "cuts", "is missing"),
        ("/edl", '{"cuts": []}', "cuts", "at least 1"),
        ("/edl", '{"cuts": null}', "cuts", "list"),
        ("/edl", '{"cuts": [{"asset": "a", "in_s": 0}]}', "cuts.0.out_s", "is missing"),
        ("/edl", '{"cuts": [{"asset": "a", "in_s": 2, "out_s": 1}]}', "cuts.0.out_s", "greater"),
        ("/edl", '{"cuts": [{"asset": "a", "in_s": NaN, "out_s": 1}]}', "cuts.0.in_s", "finite"),
        ("/edl", '{"cuts": [{"asset": "a", "in_s": 0, "out_s": 1e999}]}', "cuts.0.out_s", "finite"),
        ("/edl", '{"cuts": [{"asset": "a", "in_s": "0", "out_s": 1}]}', "cuts.0.in_s", "number"),
    ],
)
async def test_wrong_fields_are_named(
    client: httpx.AsyncClient, ready: str, path: str, body: str, field: str, words: str
) -> None:
    answer = await client.put(f"/api/sessions/s1{path}", content=body, headers=JSON)

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert words in error["message"]


async def test_garbage_from_psql_is_shown_with_what_is_wrong(
    client: httpx.AsyncClient, ready: str, psql: Psql
) -> None:
    await psql.run("UPDATE reactor.edls SET status = 'draft'")
    await psql.run("UPDATE reactor.edls SET cuts = '[1e9000]'")
    await psql.run("UPDATE reactor.assets SET mezzanine_url = E'\\n\\x01', duration_s = 1e300")

    shown = await client.get("/api/sessions/s1")
    lock = await client.post("/api/sessions/s1/edl/lock")

    assert shown.status_code == 200
    assert shown.json()["edl"]["cuts"] is None
    assert "number out of range" in shown.json()["edl"]["problem"]
    assert lock.status_code == 409


async def test_names_of_any_alphabet(client: httpx.AsyncClient) -> None:
    for name in ("söndag 7", "日曜", "a%2Fb?", "100%"):
        put = await client.put(
            f"/api/sessions/{name.replace('%', '%25').replace('?', '%3F')}", json={}
        )
        assert put.status_code == 200
        assert put.json()["session_id"] == name
