"""The loop that empties the outbox, against a real receiver and a real database."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from reactor.db import outbox
from reactor.db.outbox import find_next_tries
from reactor.db.pool import Database
from reactor.egress import open_egress
from reactor.loops import deliver as deliver_loop
from reactor.loops.deliver import WAITS_S, Deliver
from reactor.observe import Seen
from reactor.signature import BadSignature, new_secret, verify
from tests.fix_reactor import PATIENCE_S, seeing
from tests.webhooks.conftest import LEASE_S, SECRET, Post
from tests.webhooks.receiver import OK, Receiver, answer

if TYPE_CHECKING:
    from reactor.observe import Observer
    from reactor.settings import Settings

WEEKS = (1e6,) * 9
OURS = (
    "SELECT FROM pg_stat_activity WHERE application_name = 'test' AND datname = current_database()"
)
# A claim sees what there was when it began, and waits before it takes any of it.
CLAIMS_WAIT = (
    """CREATE FUNCTION wait_a_while() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1);
    RETURN NULL;
END $$""",
    """CREATE TRIGGER wait_a_while BEFORE UPDATE ON reactor.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION wait_a_while()""",
)
# Writes each wait down as it is set, between two bounds that no pause of the machine can make wrong, and ends it.
NO_WAITING = (
    "CREATE TABLE waits (tries integer, least_s float, most_s float, alerts bigint)",
    """CREATE FUNCTION end_wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO waits SELECT NEW.tries, extract(epoch FROM NEW.next_try_at - clock_timestamp()),
        extract(epoch FROM NEW.next_try_at - statement_timestamp()), (SELECT count(*) FROM reactor.alerts);
    NEW.next_try_at := clock_timestamp();
    RETURN NEW;
END $$""",
    """CREATE TRIGGER end_wait BEFORE UPDATE ON reactor.outbox FOR EACH ROW
    WHEN (OLD.claim_token IS NOT NULL AND NEW.claim_token IS NULL AND NEW.abandoned_at IS NULL)
    EXECUTE FUNCTION end_wait()""",
)


def observations(observer: Observer) -> list[tuple[Seen, dict[str, Any]]]:
    """Everything from now on."""
    said: list[tuple[Seen, dict[str, Any]]] = []
    observer.subscribe(lambda seen, facts: said.append((seen, facts)))
    return said


async def test_a_message_arrives_and_is_authentic(post: Post, receiver: Receiver) -> None:
    body = json.dumps({"type": "job.complete", "data": {"title": "Ünïcode \U0001f600"}})
    webhook = await post.webhook(receiver.url())
    message = await post.write(webhook, body)

    async with post.delivering():
        await post.until(message, "delivered_at IS NOT NULL")

    [sent] = receiver.sent
    assert sent.body == body.encode()
    assert sent.headers["content-type"] == "application/json"
    assert verify(SECRET, sent.headers, sent.body) == await post.get(message, "message_id")
    with pytest.raises(BadSignature):
        verify(new_secret(), sent.headers, sent.body)
    facts = await post.get(message, "tries", "last_status", "last_error", "claim_token")
    assert facts == (1, 200, None, None)


async def test_a_nudge_is_enough_to_send(
    post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise a look of its own would find the message while the test still waits.
    monkeypatch.setattr(deliver_loop, "LOOK_S", LEASE_S)
    webhook = await post.webhook(receiver.url())
    async with post.delivering() as deliver:
        for count in (1, 2, 3):
            await post.write(webhook)
            deliver.nudge()
            await receiver.until(count)


async def test_a_message_that_comes_while_another_is_claimed_in_vain_is_sent(
    post: Post, receiver: Receiver, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is too late for the claim, and the look that a nudge asks for finds the endpoint busy."""
    monkeypatch.setattr(deliver_loop, "LOOK_S", LEASE_S)
    webhook = await post.webhook(receiver.url())
    await post.write(webhook, "1")
    for statement in CLAIMS_WAIT:
        await post.table.rows(statement)

    async with await psycopg.AsyncConnection.connect(dsn) as other:
        await other.execute("SELECT pg_advisory_xact_lock(1)")
        async with (
            await psycopg.AsyncConnection.connect(dsn) as rival,
            post.delivering() as deliver,
        ):
            # As another reactor, which has claimed the first message and not committed yet.
            await rival.execute("SELECT FROM reactor.outbox FOR UPDATE")
            await post.table.until(f"EXISTS ({OURS} AND wait_event = 'advisory')")
            await post.write(webhook, "2")
            looks = "query LIKE '%%first.next_try_at%%' AND state = 'idle'"
            [(since,)] = await post.table.rows("SELECT clock_timestamp()")
            deliver.nudge()
            await post.table.until(
                f"EXISTS ({OURS} AND {looks} AND query_start > %(since)s)", since=since
            )
            await other.commit()
            sent = await receiver.until(1)

    assert [one.body for one in sent] == [b"2"]


async def test_messages_of_one_endpoint_come_in_the_order_they_were_written(
    post: Post, receiver: Receiver
) -> None:
    webhook = await post.webhook(receiver.url())
    for number in range(20):
        await post.write(webhook, str(number))

    async with post.delivering():
        sent = await receiver.until(20)

    assert [int(one.body) for one in sent] == list(range(20))


async def test_what_failed_is_sent_again_the_same(
    post: Post, receiver: Receiver, observer: Observer
) -> None:
    receiver.says(answer(500), answer(500), OK)
    seen = observations(observer)
    webhook = await post.webhook(receiver.url())
    message = await post.write(webhook)

    async with post.delivering():
        await post.until(message, "delivered_at IS NOT NULL")

    assert len(receiver.sent) == 3
    assert len({(sent.headers["webhook-id"], sent.body) for sent in receiver.sent}) == 1
    for sent in receiver.sent:
        verify(SECRET, sent.headers, sent.body)
    failures = [facts for what, facts in seen if what is Seen.WEBHOOK_FAILED]
    assert [(facts["tries"], facts["abandoned"]) for facts in failures] == [(1, False), (2, False)]
    assert await post.get(message, "tries") == 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_a_failure(post: Post, receiver: Receiver, status: int) -> None:
    receiver.says(answer(status, Location=receiver.url("/elsewhere")))
    message = await post.write(await post.webhook(receiver.url()))

    async with post.delivering(waits_s=WEEKS):
        await post.until(message, "last_status IS NOT NULL")

    assert receiver.to("/elsewhere") == []
    assert await post.get(message, "last_status", "delivered_at") == (status, None)
    assert "not followed" in await post.get(message, "last_error")


async def test_waits_grow_as_documented(post: Post, receiver: Receiver) -> None:
    receiver.says(answer(500))
    message = await post.write(await post.webhook(receiver.url()))
    for statement in NO_WAITING:
        await post.table.rows(statement)

    async with post.delivering(waits_s=WAITS_S):
        await post.until(message, "abandoned_at IS NOT NULL")

    waits = await post.table.rows("SELECT tries, least_s, most_s, alerts FROM waits ORDER BY tries")
    assert [tries for tries, *_ in waits] == list(range(1, 10))
    for (_, least_s, most_s, alerts), expected_s in zip(waits, WAITS_S, strict=True):
        assert least_s <= expected_s * 1.2
        assert expected_s <= most_s
        assert alerts == 0
    assert await post.get(message, "tries") == 10


async def test_what_never_arrives_is_given_up_and_somebody_is_told(
    post: Post, receiver: Receiver
) -> None:
    receiver.says(answer(500))
    webhook = await post.webhook(receiver.url())
    message = await post.write(webhook)

    async with post.delivering(waits_s=(0.01, 0.01)) as deliver:
        await post.until(message, "abandoned_at IS NOT NULL")
        assert len(receiver.sent) == 3
        assert await post.alerts() == [str(webhook)]

        receiver.answers.clear()
        later = await post.write(webhook)
        deliver.nudge()
        await post.until(later, "delivered_at IS NOT NULL")

    assert await post.alerts() == []
    assert await post.get(message, "delivered_at") is None


async def test_an_endpoint_that_is_gone_is_sent_nothing_more(
    post: Post, receiver: Receiver, observer: Observer
) -> None:
    receiver.says(answer(410))
    webhook = await post.webhook(receiver.url())
    messages = [await post.write(webhook) for _ in range(3)]

    async with seeing(observer, Seen.WEBHOOK_DISABLED, webhook_id=webhook), post.delivering():
        await post.until(messages[-1], "abandoned_at IS NOT NULL")

    assert len(receiver.sent) == 1
    rows = await post.table.rows("SELECT enabled, disabled_reason FROM reactor.webhooks")
    assert rows == [(False, "answered 410 Gone")]
    assert [await post.get(message, "abandoned_at IS NULL") for message in messages] == [False] * 3
    assert await post.alerts() == [str(webhook)]
    late = await post.write(webhook)
    async with post.database.connection() as conn:
        assert await find_next_tries(conn) == []
        assert await outbox.claim_message(conn, webhook, token=uuid4(), lease_s=1) is None, (
            f"message {late} belongs to nobody who listens"
        )


def in_an_hour() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize(
    ("status", "said", "wait_s"),
    [
        (429, "3600", 3600),
        (503, "3600", 3600),
        (503, "in an hour", 3600),
        (429, "99999999999999999999", 86400),
        (503, "9" * 5000, 86400),
    ],
)
async def test_a_receiver_may_ask_for_a_pause(
    post: Post, receiver: Receiver, status: int, said: str, wait_s: float
) -> None:
    pause = in_an_hour() if said == "in an hour" else said
    receiver.says(answer(status, Retry_After=pause))
    message = await post.write(await post.webhook(receiver.url()))

    async with post.delivering():
        await post.until(message, "last_status IS NOT NULL AND claim_token IS NULL")

    waits_s = await post.get(message, "extract(epoch FROM next_try_at - clock_timestamp())::float")
    assert wait_s - PATIENCE_S <= waits_s <= wait_s
    assert len(receiver.sent) == 1


@pytest.mark.parametrize(
    ("status", "said"), [(429, "-5"), (429, "soon"), (503, ""), (500, "3600"), (404, "3600")]
)
async def test_what_is_no_pause_changes_nothing(
    post: Post, receiver: Receiver, status: int, said: str
) -> None:
    receiver.says(answer(status, Retry_After=said), OK)
    message = await post.write(await post.webhook(receiver.url()))

    async with post.delivering():
        await post.until(message, "delivered_at IS NOT NULL")

    assert len(receiver.sent) == 2


async def test_a_pause_is_for_everything_that_waits(post: Post, receiver: Receiver) -> None:
    receiver.says(answer(429, Retry_After="3600"))
    webhook = await post.webhook(receiver.url())
    messages = [await post.write(webhook) for _ in range(3)]

    async with post.delivering():
        for message in messages:
            await post.until(
                message, "next_try_at > now() + interval '50 minutes' AND claim_token IS NULL"
            )

    assert len(receiver.sent) == 1


async def test_a_slow_endpoint_delays_nobody(post: Post, receiver: Receiver) -> None:
    receiver.hanging.add("/slow")
    slow, quick = await post.webhook(receiver.url("/slow")), await post.webhook(receiver.url())
    stuck = [await post.write(slow) for _ in range(3)]

    async with post.delivering() as deliver:
        await receiver.until(1, "/slow")
        messages = [await post.write(quick) for _ in range(10)]
        deliver.nudge()
        for message in messages:
            await post.until(message, "delivered_at IS NOT NULL")

        # All ten have arrived, and the one before them is still being sent.
        assert len(receiver.to("/slow")) == 1
        assert await post.get(stuck[0], "claim_token IS NOT NULL") is True


async def test_who_does_not_answer_in_time_has_failed(post: Post, receiver: Receiver) -> None:
    receiver.hanging.add("/hook")
    message = await post.write(await post.webhook(receiver.url()))

    async with post.delivering(try_s=0.2, waits_s=WEEKS):
        await post.until(message, "last_error IS NOT NULL")

    assert await post.get(message, "last_error") == "127.0.0.1: no answer within 0.2 s"
    assert await post.get(message, "last_status") is None


async def test_two_loops_send_each_message_once(post: Post, receiver: Receiver, dsn: str) -> None:
    webhooks = [await post.webhook(receiver.url(path)) for path in ("/a", "/b", "/c")]
    messages = [await post.write(webhook) for _ in range(20) for webhook in webhooks]

    async with post.delivering(), post.delivering():
        for message in messages:
            await post.until(message, "delivered_at IS NOT NULL")

    ids = [sent.headers["webhook-id"] for sent in receiver.sent]
    assert len(ids) == len(set(ids)) == len(messages)


async def test_stopping_gives_the_message_back_at_once(post: Post, receiver: Receiver) -> None:
    receiver.hanging.add("/hook")
    message = await post.write(await post.webhook(receiver.url()))
    async with post.delivering():
        await receiver.until(1)

    assert await post.get(message, "tries", "claim_token", "next_try_at <= now()") == (
        0,
        None,
        True,
    )
    receiver.goes_on()
    async with post.delivering():
        await post.until(message, "delivered_at IS NOT NULL")
    assert len({sent.headers["webhook-id"] for sent in receiver.sent}) == 1


async def test_a_private_address_is_told_and_never_asked(
    post: Post, receiver: Receiver, settings: Settings
) -> None:
    message = await post.write(await post.webhook(receiver.url(host="localhost")))
    async with open_egress(settings) as closed:
        deliver = Deliver(settings, post.database, post.observe, closed, waits_s=WEEKS)
        async with anyio.create_task_group() as tg:
            await tg.start(deliver.run)
            await post.until(message, "last_error IS NOT NULL")
            tg.cancel_scope.cancel()

    assert re.search("localhost is a private address", await post.get(message, "last_error"))
    assert receiver.sent == []


async def test_rows_written_by_hand_fail_in_a_sentence(post: Post, receiver: Receiver) -> None:
    """And do not keep the others waiting."""
    unsigned = await post.write(await post.webhook(receiver.url(), secret="hunter2"))
    nowhere = await post.write(await post.webhook("not a url"))
    strange = await post.write(await post.webhook(receiver.url()), message_id="a\r\nX: y")
    good = await post.write(await post.webhook(receiver.url()))

    async with post.delivering(waits_s=WEEKS):
        for message in (unsigned, nowhere, strange):
            await post.until(message, "last_error IS NOT NULL")
        await post.until(good, "delivered_at IS NOT NULL")

    assert "whsec_" in await post.get(unsigned, "last_error")
    assert "hunter2" not in await post.get(unsigned, "last_error")
    assert len(receiver.sent) == 1


async def test_a_bug_in_one_delivery_leaves_the_others(
    post: Post, receiver: Receiver, observer: Observer
) -> None:
    """An id that no header can hold is nothing the database writes: it stands for what nobody foresaw."""
    broken = await post.webhook(receiver.url())
    good = await post.webhook(receiver.url("/good"))

    async with (
        post.delivering() as deliver,
        seeing(observer, Seen.HANDLER_FAILED, handler="deliver"),
    ):
        await post.write(broken, message_id="msg_ü")
        await post.write(good)
        deliver.nudge()
        await receiver.until(1, "/good")


async def test_without_a_database_the_loop_waits(
    post: Post, receiver: Receiver, observer: Observer
) -> None:
    dsn = "postgresql://u:canary@127.0.0.1:1/farm"
    async with AsyncConnectionPool(dsn, open=False, timeout=0.1) as pool:
        deliver = Deliver(post.settings, Database(dsn, pool), observer, post.egress)
        async with anyio.create_task_group() as tg:
            await tg.start(deliver.run)
            for _ in range(2):
                with anyio.fail_after(PATIENCE_S):
                    while True:
                        deliver.nudge()
                        with anyio.move_on_after(1):
                            await observer.until(Seen.SWEEP_FAILED, what="webhooks")
                            break
            tg.cancel_scope.cancel()


async def test_an_outage_after_the_answer_sends_nothing_twice(
    post: Post, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came of the try is written as soon as the database is there again."""
    # A look would open new connections among those that are to be gone.
    monkeypatch.setattr(deliver_loop, "LOOK_S", LEASE_S)
    receiver.hanging.add("/hook")
    message = await post.write(await post.webhook(receiver.url()))

    async with post.delivering():
        await receiver.until(1)
        # The claim is made; every connection that could write the result is dead.
        await post.table.rows(OURS.replace("SELECT", "SELECT pg_terminate_backend(pid)"))
        await post.table.until(f"NOT EXISTS ({OURS})")
        receiver.goes_on()
        await post.until(message, "delivered_at IS NOT NULL")

    assert len(receiver.sent) == 1
