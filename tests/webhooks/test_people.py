"""What people ask of webhooks over HTTP: register, look, replay, remove; and what they are told when it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reactor.signature import read_key, verify
from tests.webhooks.conftest import SECRET, Post
from tests.webhooks.receiver import Receiver, answer

if TYPE_CHECKING:
    import httpx

HOOKS = "/api/webhooks"
PUBLIC = "https://example.com/hooks/render"


@pytest.fixture
def limits() -> dict[str, Any]:
    """The reactor may reach this machine."""
    return {"egress_allow": ("127.0.0.1",)}


async def made(client: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    came = await client.post(HOOKS, json={"url": PUBLIC, **asked})
    assert came.status_code == 201, came.text
    said: dict[str, Any] = came.json()
    return said


async def test_the_secret_is_shown_once(client: httpx.AsyncClient) -> None:
    new = await made(client)

    assert len(read_key(new["secret"])) == 32
    assert new["events"] == ["job.complete", "job.failed", "job.cancelled"]
    listed = await client.get(HOOKS)
    assert new["secret"] not in listed.text
    assert listed.json()["webhooks"] == [
        {name: value for name, value in new.items() if name != "secret"}
    ]


async def test_a_secret_of_ones_own_is_used(
    client: httpx.AsyncClient, post: Post, receiver: Receiver
) -> None:
    new = await made(client, url=receiver.url(), secret=SECRET, project_id="spring")
    await post.write(new["webhook_id"])

    async with post.delivering():
        [sent] = await receiver.until(1)

    assert (new["secret"], new["project_id"]) == (SECRET, "spring")
    verify(SECRET, sent.headers, sent.body)


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"url": "ftp://example.com"}, "url: 'ftp' is not accepted"),
        ({"url": "http://u:hunter2@example.com"}, "url: must not contain a user name"),
        ({"url": "http://10.0.0.1/"}, "REACTOR_EGRESS_ALLOW"),
        ({"url": "http://2130706434/"}, "REACTOR_EGRESS_ALLOW"),
        ({"url": "http://\x00.example/"}, "url: "),
        ({"url": 7}, "url: "),
        ({"events": ["job.exploded"]}, "job.pending, job.processing"),
        ({"events": []}, "events: "),
        ({"secret": "hunter2"}, "24 to 64 bytes"),
        ({"project_id": ""}, "project_id: "),
        ({"project_id": "a\x00b"}, "NUL"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_cannot_be_registered_is_named(
    client: httpx.AsyncClient, asked: dict[str, Any], problem: str
) -> None:
    came = await client.post(HOOKS, json={"url": PUBLIC, **asked})

    assert came.status_code == 400
    assert problem in came.json()["detail"]
    assert "hunter2" not in came.text
    assert (await client.get(HOOKS)).json() == {"webhooks": []}


async def test_an_event_named_twice_is_sent_once(client: httpx.AsyncClient) -> None:
    new = await made(client, events=["job.complete", "job.pending", "job.complete"])

    assert new["events"] == ["job.complete", "job.pending"]


async def test_removing_takes_messages_and_alert_along(
    client: httpx.AsyncClient, post: Post, receiver: Receiver
) -> None:
    receiver.says(answer(500))
    webhook = await post.webhook(receiver.url())
    message = await post.write(webhook)
    async with post.delivering(waits_s=()):
        await post.until(message, "abandoned_at IS NOT NULL")
    assert await post.alerts() == [str(webhook)]

    assert (await client.delete(f"{HOOKS}/{webhook}")).status_code == 204

    assert await post.alerts() == []
    assert await post.table.rows("SELECT FROM reactor.outbox") == []
    assert (await client.delete(f"{HOOKS}/{webhook}")).status_code == 404


async def test_what_an_endpoint_was_told_is_listed_in_pages(
    client: httpx.AsyncClient, post: Post, receiver: Receiver
) -> None:
    receiver.says(answer(200), answer(500))
    webhook, other = await post.webhook(receiver.url()), await post.webhook(receiver.url("/b"))
    messages = [await post.write(webhook, job_id=number) for number in range(3)]
    await post.write(other)
    async with post.delivering(waits_s=()):
        await post.until(messages[-1], "abandoned_at IS NOT NULL")

    first = (await client.get(f"{HOOKS}/{webhook}/deliveries?limit=2")).json()
    second = (
        await client.get(f"{HOOKS}/{webhook}/deliveries?limit=2&before={first['before']}")
    ).json()

    found = first["deliveries"] + second["deliveries"]
    assert [one["outbox_id"] for one in found] == messages[::-1]
    assert [one["job_id"] for one in found] == [2, 1, 0]
    assert [one["last_status"] for one in found] == [500, 500, 200]
    assert [one["abandoned_at"] is None for one in found] == [False, False, True]
    assert second["before"] is None
    for page in ("limit=0", "limit=501", "before=0", f"before={2**63}", "limit=x"):
        came = await client.get(f"{HOOKS}/{webhook}/deliveries?{page}")
        assert came.status_code == 400


async def test_what_was_given_up_is_replayed_under_its_id(
    client: httpx.AsyncClient, post: Post, receiver: Receiver
) -> None:
    receiver.says(answer(500))
    webhook = await post.webhook(receiver.url())
    lost = [await post.write(webhook, body=f"{number}") for number in range(2)]
    async with post.delivering(waits_s=()):
        await post.until(lost[-1], "abandoned_at IS NOT NULL")
    receiver.answers.clear()

    assert (await client.post(f"{HOOKS}/{webhook}/replay")).json() == {"messages": 2}
    async with post.delivering():
        for message in lost:
            await post.until(message, "delivered_at IS NOT NULL")

    ids = [sent.headers["webhook-id"] for sent in receiver.sent]
    assert sorted(ids[:2]) == sorted(ids[2:])
    assert (await client.post(f"{HOOKS}/{webhook}/replay")).json() == {"messages": 0}


async def test_a_mended_receiver_need_not_wait_for_the_next_try(
    client: httpx.AsyncClient, post: Post, receiver: Receiver
) -> None:
    receiver.says(answer(500))
    webhook = await post.webhook(receiver.url())
    message = await post.write(webhook)
    async with post.delivering(waits_s=(3600,)):
        await post.until(message, "last_status = 500")
    receiver.answers.clear()

    assert (await client.post(f"{HOOKS}/{webhook}/replay")).json() == {"messages": 1}
    async with post.delivering():
        await post.until(message, "delivered_at IS NOT NULL")


async def test_one_message_or_those_of_a_time_are_replayed(
    client: httpx.AsyncClient, post: Post, receiver: Receiver
) -> None:
    webhook, other = await post.webhook(receiver.url()), await post.webhook(receiver.url("/b"))
    days = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]
    done = {"delivered_at": days[2]}
    messages = [await post.write(webhook, created_at=day, **done) for day in days]
    await post.write(other, created_at=days[1], **done)
    replay = f"{HOOKS}/{webhook}/replay"

    async def replayed() -> list[int]:
        rows = await post.table.rows(
            "WITH again AS (UPDATE reactor.outbox SET delivered_at = '2026-01-03' WHERE delivered_at IS NULL"
            " RETURNING outbox_id) SELECT outbox_id FROM again ORDER BY 1"
        )
        return [outbox_id for (outbox_id,) in rows]

    one = await post.get(messages[0], "message_id")
    assert (await client.post(replay, json={"message_id": one})).json() == {"messages": 1}
    assert await replayed() == messages[:1]
    assert (await client.post(replay, json={"since": days[1]})).json() == {"messages": 2}
    assert await replayed() == messages[1:]
    span = {"since": days[1], "until": days[2]}
    assert (await client.post(replay, json=span)).json() == {"messages": 1}
    assert await replayed() == messages[1:2]
    assert (await client.post(replay, json={"message_id": "msg_no"})).status_code == 404
    for wrong in ({"since": "2026-01-01T00:00:00"}, {"since": "soon"}, {"all": True}):
        assert (await client.post(replay, json=wrong)).status_code == 400


async def test_a_replay_leaves_alone_what_is_just_being_sent(
    client: httpx.AsyncClient, post: Post, receiver: Receiver
) -> None:
    receiver.hanging.add("/hook")
    webhook = await post.webhook(receiver.url())
    message = await post.write(webhook)
    name = await post.get(message, "message_id")

    async with post.delivering():
        await receiver.until(1)
        came = await client.post(f"{HOOKS}/{webhook}/replay", json={"message_id": name})
        receiver.goes_on()
        await post.until(message, "delivered_at IS NOT NULL")

    assert came.status_code == 404
    assert "just being sent" in came.json()["detail"]
    assert len(receiver.sent) == 1


async def test_a_disabled_endpoint_is_enabled_before_it_is_replayed(
    client: httpx.AsyncClient, post: Post, receiver: Receiver
) -> None:
    receiver.says(answer(410))
    webhook = await post.webhook(receiver.url())
    message = await post.write(webhook)
    async with post.delivering():
        await post.until(message, "abandoned_at IS NOT NULL")
    receiver.answers.clear()

    refused = await client.post(f"{HOOKS}/{webhook}/replay")
    assert (refused.status_code, "410 Gone" in refused.json()["detail"]) == (409, True)
    assert (await client.post(f"{HOOKS}/{webhook}/enable")).status_code == 204
    assert await post.alerts() == []
    assert (await client.post(f"{HOOKS}/{webhook}/replay")).json() == {"messages": 1}
    async with post.delivering():
        await post.until(message, "delivered_at IS NOT NULL")


async def test_a_webhook_that_is_not_there_is_a_404(client: httpx.AsyncClient) -> None:
    for method, path in (
        ("DELETE", ""),
        ("POST", "/enable"),
        ("GET", "/deliveries"),
        ("POST", "/replay"),
    ):
        came = await client.request(method, f"{HOOKS}/7{path}")
        assert (came.status_code, came.json()["detail"]) == (404, "there is no webhook 7")
        for wrong in ("0", "x", str(2**63)):
            assert (await client.request(method, f"{HOOKS}/{wrong}{path}")).status_code == 400
