"""The content agent is told of each video that is ready, by a webhook that the settings have ordered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from reactor import content_agent
from reactor.errors import BadConfiguration
from reactor.settings import load
from reactor.signature import new_secret, verify
from tests.webhooks.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from reactor.context import Context
    from reactor.db.pool import Database
    from reactor.settings import Settings
    from tests.fix_reactor import Table
    from tests.publish.conftest import Queue

    Start = Callable[..., Awaitable[Context]]

ROW = "SELECT url, secret, events, enabled, disabled_reason FROM reactor.webhooks WHERE managed_as = 'content_agent'"
URL = "https://agent.example.com/videos"


async def keep(database: Database, settings: Settings, **changes: object) -> None:
    """As the daemon does at its start."""
    await content_agent.keep(database, settings.model_copy(update=changes))


@pytest.fixture
async def agent() -> AsyncIterator[Receiver]:
    """Whoever wants to be told."""
    async with receiving() as opened:
        yield opened


async def test_it_is_told_of_what_is_ready_with_the_payload_and_a_signature(
    agent: Receiver, start: Start, table: Table, queue: Queue
) -> None:
    await start(content_agent_url=agent.url(), egress_allow=("127.0.0.1",))
    job = await queue.complete(params={"title": "Hello"})
    blocked = await queue.complete({"duration_s": 900}, platform="x")
    await table.until("count(*) = 1 FROM reactor.outbox WHERE delivered_at IS NOT NULL")

    [(_, secret, *_)] = await table.rows(ROW)
    [sent] = agent.sent
    assert verify(secret, sent.headers, sent.body)
    message = json.loads(sent.body)
    data = message["data"]
    assert (message["type"], data["id"], data["publish_status"]) == ("publish.ready", job, "ready")
    assert data["payload"] == await queue.get(job, "payload")
    assert data["payload"]["title"] == "Hello"
    assert await queue.get(blocked, "status") == "blocked"


async def test_the_message_is_written_in_the_transaction_of_the_completion(
    table: Table, queue: Queue, database: Database, settings: Settings
) -> None:
    await keep(database, settings, content_agent_url=URL)

    job = await queue.complete()

    assert await table.rows(
        "SELECT job_id, event, outbox.xmin = queued.xmin FROM reactor.outbox JOIN reactor.mplite_queue AS queued USING (job_id)"
    ) == [(job, "publish.ready", True)]


async def test_the_setting_is_followed_from_start_to_start(
    table: Table, database: Database, settings: Settings
) -> None:
    events = ["publish.ready"]
    await keep(database, settings)
    assert await table.rows(ROW) == []

    await keep(database, settings, content_agent_url=URL)
    [(url, secret, *rest)] = await table.rows(ROW)
    assert (url, rest) == (URL, [events, True, None])
    await keep(database, settings, content_agent_url=URL)
    assert await table.rows(ROW) == [(URL, secret, events, True, None)]

    await keep(database, settings, content_agent_url=f"{URL}/2")
    assert await table.rows(ROW) == [(f"{URL}/2", secret, events, True, None)]
    own = new_secret()
    await keep(database, settings, content_agent_url=URL, content_agent_secret=SecretStr(own))
    assert await table.rows(ROW) == [(URL, own, events, True, None)]

    await keep(database, settings)
    assert await table.rows(ROW) == [(URL, own, events, False, content_agent.NOT_SET)]
    await keep(database, settings, content_agent_url=URL)
    assert await table.rows(ROW) == [(URL, own, events, True, None)]


async def test_an_endpoint_that_said_it_was_gone_stays_disabled_until_the_setting_changes(
    table: Table, database: Database, settings: Settings
) -> None:
    await keep(database, settings, content_agent_url=URL)
    await table.rows(
        "UPDATE reactor.webhooks SET enabled = false, disabled_reason = 'answered 410'"
    )

    await keep(database, settings, content_agent_url=URL)
    assert (await table.rows(ROW))[0][3] is False
    await keep(database, settings, content_agent_url=f"{URL}/2")
    assert (await table.rows(ROW))[0][3] is True


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            {"content_agent_url": "ftp://x.example.com"},
            "REACTOR_CONTENT_AGENT_URL: 'ftp' is not accepted",
        ),
        (
            {"content_agent_url": "http://127.0.0.1:9/x"},
            "REACTOR_CONTENT_AGENT_URL: 127.0.0.1 is a private address",
        ),
        (
            {"content_agent_url": "http://u:canary@example.com/"},
            "REACTOR_CONTENT_AGENT_URL: must not contain a user name",
        ),
        (
            {"content_agent_url": URL, "content_agent_secret": "canary"},
            "REACTOR_CONTENT_AGENT_SECRET: must be whsec_",
        ),
    ],
)
async def test_a_wrong_setting_is_named_and_nothing_changed(
    table: Table, database: Database, given: dict[str, str], why: str
) -> None:
    with pytest.raises(BadConfiguration) as wrong:
        await content_agent.keep(database, load(**given))

    assert str(wrong.value).startswith(why)
    assert "canary" not in str(wrong.value)
    assert await table.rows(ROW) == []
