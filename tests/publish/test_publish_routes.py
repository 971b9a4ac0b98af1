"""`/api/publish-queue`: publishers without a database connection do all that the others do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    import httpx

    from tests.fix_reactor import Table
    from tests.publish.conftest import Queue

QUEUE = "/api/publish-queue"
EXPIRE = "UPDATE reactor.mplite_queue SET lease_expires_at = clock_timestamp() - interval '1 s'"


async def take(client: httpx.AsyncClient, **asked: Any) -> list[dict[str, Any]]:
    """What a publisher is handed."""
    answer = await client.post(f"{QUEUE}/take", json={"publisher": "p", **asked})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["publications"]
    return found


async def test_a_publisher_takes_renews_and_publishes(
    client: httpx.AsyncClient, queue: Queue
) -> None:
    job = await queue.complete(params={"title": "Hello"})
    [one] = await take(client, platform="youtube", lease_s=30)
    assert (one["job_id"], one["payload"]["title"], one["tries"]) == (job, "Hello", 1)
    url, claim = f"{QUEUE}/{one['publish_id']}", {"token": one["token"]}

    renewed = await client.post(f"{url}/renew", json={**claim, "lease_s": 900})
    published = await client.post(f"{url}/published", json={**claim, "url": "https://x.example/1"})
    twice = await client.post(f"{url}/published", json=claim)

    assert renewed.json()["lease_expires_at"] > one["lease_expires_at"]
    assert [published.status_code, twice.status_code] == [200, 200]
    shown = (await client.get(url)).json()
    assert (shown["status"], shown["published_url"]) == ("published", "https://x.example/1")
    assert shown["publisher"] == "p"
    assert "token" not in str(shown)


async def test_a_failed_one_is_given_back_and_made_ready(
    client: httpx.AsyncClient, queue: Queue
) -> None:
    await queue.complete()
    [one] = await take(client)
    url = f"{QUEUE}/{one['publish_id']}"
    failed = await client.post(
        f"{url}/failed", json={"token": one["token"], "error": "no", "final": True}
    )
    again = await client.post(f"{url}/republish")
    [two] = await take(client)
    released = await client.post(f"{url}/release", json={"token": two["token"]})

    assert [answer.json()["status"] for answer in (failed, again, released)] == [
        "failed",
        "ready",
        "ready",
    ]
    assert failed.json()["error_message"] == "no"


async def test_a_stale_token_changes_nothing_and_says_so(
    client: httpx.AsyncClient, queue: Queue, table: Table
) -> None:
    await queue.complete()
    [one] = await take(client)
    await table.rows(EXPIRE)
    [two] = await take(client)
    url = f"{QUEUE}/{one['publish_id']}"

    for verb, body in (
        ("renew", {}),
        ("published", {}),
        ("failed", {"error": "x"}),
        ("release", {}),
    ):
        answer = await client.post(f"{url}/{verb}", json={"token": one["token"], **body})
        assert answer.status_code == 409
        assert (
            answer.json()["detail"]
            == "publication 1 is publishing, and not with this token; the claim is over"
        )

    assert (await client.post(f"{url}/published", json={"token": two["token"]})).status_code == 200


async def test_a_person_publishes_what_nobody_has(client: httpx.AsyncClient, queue: Queue) -> None:
    await queue.complete()
    [one] = await take(client)
    url = f"{QUEUE}/{one['publish_id']}"

    refused = await client.post(f"{url}/published")
    await client.post(f"{url}/release", json={"token": one["token"]})
    done = await client.post(f"{url}/published")

    assert (refused.status_code, done.status_code) == (409, 200)
    assert "'p' has it until" in refused.json()["detail"]


async def test_the_list_is_filtered_and_goes_on_page_by_page(
    client: httpx.AsyncClient, queue: Queue
) -> None:
    for _ in range(3):
        await queue.complete()
    blocked = await queue.complete({"duration_s": 900}, platform="x")

    first = (await client.get(QUEUE, params={"platform": "youtube", "limit": 2})).json()
    second = (
        await client.get(QUEUE, params={"platform": "youtube", "before": first["before"]})
    ).json()
    stuck = (await client.get(QUEUE, params={"status": "blocked"})).json()

    ids = [[one["publish_id"] for one in page["publications"]] for page in (first, second)]
    assert (ids, second["before"]) == ([[3, 2], [1]], None)
    [one] = stuck["publications"]
    assert (one["job_id"], one["problems"]) == (blocked, ["900.0 s long; x takes at most 140 s"])


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("take", {}, 400, "publisher"),
        ("take", {"publisher": " "}, 400, "publisher"),
        ("take", {"publisher": "p", "most": 0}, 400, "most"),
        ("take", {"publisher": "p", "lease_s": 1e9}, 400, "lease_s"),
        ("take", {"publisher": "p\0"}, 400, "publisher"),
        ("1/renew", {"token": "x"}, 400, "token"),
        ("1/failed", {}, 400, "error"),
        ("404/published", {}, 404, None),
        ("404/release", {"token": str(uuid4())}, 404, None),
        ("1/republish", None, 409, None),
    ],
)
async def test_what_is_wrong_is_named(
    client: httpx.AsyncClient, queue: Queue, path: str, body: Any, status: int, field: str | None
) -> None:
    await queue.complete()

    answer = await client.post(f"{QUEUE}/{path}", json=body)

    assert answer.status_code == status, answer.text
    assert [error["field"] for error in answer.json().get("errors", [])] == (
        [field] if field else []
    )


async def test_a_state_that_there_is_not_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get(QUEUE, params={"status": "gone"})

    assert answer.status_code == 400
    assert "'published'" in answer.json()["detail"]
