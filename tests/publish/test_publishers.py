"""Publishers take what is due, never the same; a claim that is over changes nothing; people may decide, too."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reactor.errors import Invalid, Refused
from reactor.farm import Farm
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from reactor.context import Context
    from tests.fix_reactor import Table
    from tests.publish.conftest import Queue

    Start = Callable[..., Awaitable[Context]]

EXPIRE = "UPDATE reactor.mplite_queue SET lease_expires_at = clock_timestamp() - interval '1 s'"
STRANGER = uuid4()


async def test_the_most_urgent_first_and_only_of_ones_platform(queue: Queue) -> None:
    usual, urgent = await queue.complete(), await queue.complete(priority=5)
    other = await queue.complete(platform="x")

    taken = [await queue.take(), await queue.take(platform="x"), await queue.take(most=9)]

    order = [[(await queue.get(job, "publish_id"))] for job in (urgent, other, usual)]
    assert [[one for one, _ in some] for some in taken] == order
    assert await queue.take() == []
    assert await queue.get(usual, "status", "publisher", "tries") == ("publishing", "p", 1)


async def test_many_publishers_at_once_never_have_the_same(
    queue: Queue, table: Table, dsn: str
) -> None:
    for _ in range(30):
        await queue.complete()
    had: list[int] = []

    async def publisher() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
            while True:
                cursor = await conn.execute(
                    "SELECT publish_id FROM reactor.take_publications('p', 2)"
                )
                found = await cursor.fetchall()
                had.extend(row[0] for row in found)
                if not found:
                    return

    async with anyio.create_task_group() as tg:
        for _ in range(5):
            tg.start_soon(publisher)

    assert sorted(had) == list(range(1, 31))


async def test_what_one_holds_in_an_open_transaction_another_passes_by(
    queue: Queue, dsn: str
) -> None:
    await queue.complete()
    second = await queue.complete()
    async with await psycopg.AsyncConnection.connect(dsn) as first:
        await first.execute("SELECT * FROM reactor.take_publications('first')")

        [(publish_id, _)] = await queue.take(most=5)

    assert publish_id == await queue.get(second, "publish_id")


async def test_an_expired_claim_is_over_and_its_try_counted(queue: Queue, table: Table) -> None:
    job = await queue.complete()
    [(one, old)] = await queue.take("slow")
    await table.rows(EXPIRE)

    [(again, new)] = await queue.take("quick")

    assert again == one
    assert new != old
    assert await queue.get(job, "tries", "publisher") == (2, "quick")
    for call in ("mark_published", "renew_publication", "release_publication"):
        verdict, said = await queue.say(f"{call}(%(one)s, %(old)s)", one=one, old=old)
        assert (verdict, said.split(";")[0]) == (
            "refused",
            f"publication {one} is publishing, and not with this token",
        )
    verdict, _ = await queue.say("mark_publish_failed(%(one)s, 'no', %(old)s)", one=one, old=old)
    assert verdict == "refused"
    assert await queue.get(job, "status", "claim_token", "error_message") == (
        "publishing",
        new,
        "slow did not come back from try 1 of 5",
    )


async def test_whoever_never_comes_back_uses_up_the_tries(queue: Queue, table: Table) -> None:
    job = await queue.complete()
    await table.rows("UPDATE reactor.mplite_queue SET max_tries = 2")
    for _ in range(2):
        assert len(await queue.take("crasher")) == 1
        await table.rows(EXPIRE)

    assert await queue.take() == []
    assert await queue.get(job, "status", "error_message") == (
        "failed",
        "crasher did not come back from try 2 of 2",
    )
    assert await queue.alerts() == [("publish_failed", str(job))]
    assert ("publish.failed", [job]) in await queue.events()


async def test_the_sweep_takes_back_what_nobody_asks_for(
    queue: Queue, table: Table, start: Start
) -> None:
    job = await queue.complete()
    await queue.take("lost")
    await table.rows(EXPIRE)

    await start()
    await table.until("status = 'ready' FROM reactor.mplite_queue WHERE job_id = %(job)s", job=job)


async def test_a_late_publisher_whose_claim_nobody_took_is_believed(
    queue: Queue, table: Table
) -> None:
    job = await queue.complete()
    [(one, token)] = await queue.take()
    await table.rows(EXPIRE)

    assert (await queue.say("mark_published(%(one)s, %(t)s, 'https://x/1')", one=one, t=token))[
        0
    ] == "done"
    assert await queue.get(job, "status", "published_url", "lease_expires_at") == (
        "published",
        "https://x/1",
        None,
    )


async def test_published_is_said_twice_by_the_same_and_by_nobody_else(
    queue: Queue, table: Table
) -> None:
    job = await queue.complete()
    [(one, token)] = await queue.take()
    said = [await queue.say("mark_published(%(one)s, %(t)s)", one=one, t=token) for _ in range(2)]
    at = await queue.get(job, "published_at")

    assert [verdict for verdict, _ in said] == ["done", "done"]
    for call in (
        "mark_published(%(one)s)",
        "mark_published(%(one)s, %(other)s)",
        "mark_publish_failed(%(one)s, 'no', %(t)s)",
        "release_publication(%(one)s, %(t)s)",
        "republish(%(one)s)",
    ):
        assert (await queue.say(call, one=one, t=token, other=STRANGER))[0] == "refused"
    assert await queue.get(job, "status", "published_at") == ("published", at)
    assert [name for name, _ in await queue.events()] == ["publish.ready", "publish.published"]


async def test_a_failed_try_waits_longer_each_time_and_then_fails(
    queue: Queue, table: Table
) -> None:
    job = await queue.complete()
    pause = (
        "SELECT extract(epoch FROM publish_after - %(before)s)::float8,"
        " extract(epoch FROM publish_after - clock_timestamp())::float8 FROM reactor.mplite_queue"
    )
    for least in (60, 180, 540, 1620, None):
        [(one, token)] = await queue.take()
        [(before,)] = await table.rows("SELECT clock_timestamp()")
        call = "mark_publish_failed(%(one)s, 'the platform is away', %(t)s)"
        verdict, _ = await queue.say(call, one=one, t=token)
        assert verdict == "done"
        if least:
            # From before the word to after it, however long it took.
            [(longest, shortest)] = await table.rows(pause, before=before)
            assert least <= longest
            assert shortest <= least * 1.2
            assert await queue.take() == []
            await table.rows("UPDATE reactor.mplite_queue SET publish_after = now()")

    assert await queue.get(job, "status", "error_message") == ("failed", "the platform is away")
    assert await queue.alerts() == [("publish_failed", str(job))]


async def test_a_final_failure_is_not_tried_again_until_a_person_says_so(queue: Queue) -> None:
    job = await queue.complete()
    [(one, token)] = await queue.take()
    call = "mark_publish_failed(%(one)s, 'against the rules', %(t)s, final => true)"
    assert await queue.say(call, one=one, t=token) == ("done", f"publication {one} has failed")

    assert (await queue.say("republish(%(one)s)", one=one))[0] == "done"

    assert await queue.get(job, "status", "tries", "error_message") == ("ready", 0, None)
    assert await queue.alerts() == []
    assert len(await queue.take()) == 1


async def test_what_is_given_back_is_due_at_once_and_uncharged(queue: Queue) -> None:
    job = await queue.complete()
    [(one, token)] = await queue.take()

    assert (await queue.say("release_publication(%(one)s, %(t)s)", one=one, t=token))[0] == "done"

    assert await queue.get(job, "status", "tries", "publisher") == ("ready", 0, None)
    assert [name for name, _ in await queue.events()] == ["publish.ready"]


async def test_a_renewed_claim_lasts(queue: Queue, table: Table) -> None:
    await queue.complete()
    [(one, token)] = await queue.take(lease_s=60)

    assert (await queue.say("renew_publication(%(one)s, %(t)s, 900)", one=one, t=token))[
        0
    ] == "done"

    assert await table.rows(
        "SELECT lease_expires_at - clock_timestamp() > interval '800 s' FROM reactor.mplite_queue"
    ) == [(True,)]


async def test_a_person_decides_what_nobody_has_just_now(queue: Queue, table: Table) -> None:
    job = await queue.complete()
    [(one, _)] = await queue.take("busy")

    verdict, said = await queue.say("mark_published(%(one)s)", one=one)
    assert verdict == "refused"
    assert said.startswith(f"publication {one}: 'busy' has it until")
    await table.rows(EXPIRE)
    assert (await queue.say("mark_published(%(one)s)", one=one))[0] == "done"
    assert await queue.get(job, "status") == "published"
    assert await queue.say("mark_published(404)") == ("missing", "there is no publication 404")


async def test_plain_sql_publishes_just_as_well(queue: Queue, table: Table) -> None:
    jobs = [await queue.complete(), await queue.complete({"duration_s": 900}, platform="x")]

    for job in jobs:
        await table.rows(
            "UPDATE reactor.mplite_queue SET status = 'published' WHERE job_id = %(job)s", job=job
        )

    for job in jobs:
        status, at, token = await queue.get(job, "status", "published_at", "claim_token")
        assert (status, at is not None, token) == ("published", True, None)
    assert await queue.alerts() == []


@pytest.mark.parametrize(
    ("before", "change", "why"),
    [
        ("published", "status = 'ready'", "published -> ready is not a move"),
        ("published", "published_at = now() - interval '1 day'", "stay as they are"),
        ("ready", "job_id = 99", "stay as they are"),
        ("ready", "status = 'publishing'", "is taken with reactor.take_publications"),
        ("failed", "status = 'blocked'", "failed -> blocked is not a move"),
        ("ready", "status = 'nonsense'", "is not a move"),
        ("publishing", "status = 'published'", "'p' has it until"),
    ],
)
async def test_no_other_move_is_possible(
    queue: Queue, table: Table, before: str, change: str, why: str
) -> None:
    job = await queue.complete()
    if before == "publishing":
        await queue.take()
    elif before != "ready":
        await table.rows(f"UPDATE reactor.mplite_queue SET status = '{before}'")

    with pytest.raises(psycopg.errors.CheckViolation, match=why):
        await table.rows(f"UPDATE reactor.mplite_queue SET {change}")

    assert await queue.get(job, "status") == before


async def test_a_person_in_a_hurry_ends_the_claim_in_the_same_words(
    queue: Queue, table: Table
) -> None:
    job = await queue.complete()
    [(one, token)] = await queue.take()

    await table.rows("UPDATE reactor.mplite_queue SET status = 'ready', lease_expires_at = NULL")

    assert await queue.get(job, "status") == "ready"
    assert (await queue.say("mark_published(%(one)s, %(t)s)", one=one, t=token))[0] == "refused"


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("' '", "publisher"),
        ("NULL", "publisher"),
        ("'p', 0", "most"),
        ("'p', 101", "most"),
        ("'p', 1, NULL, 0", "lease_s"),
        ("'p', 1, NULL, 'NaN'", "lease_s"),
        ("'p', 1, NULL, 'Infinity'", "lease_s"),
    ],
)
async def test_nonsense_is_refused_with_what_is_wrong(queue: Queue, call: str, why: str) -> None:
    await queue.complete()

    with pytest.raises(psycopg.errors.InvalidParameterValue, match=f"^{why}: "):
        await queue.table.rows(f"SELECT * FROM reactor.take_publications({call})")


async def test_publishers_hear_that_there_is_something_to_do(queue: Queue, dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as ears:
        await ears.execute("LISTEN reactor_publish")
        await queue.complete()
        [(one, token)] = await queue.take()
        await queue.say("release_publication(%(one)s, %(t)s)", one=one, t=token)
        with anyio.fail_after(PATIENCE_S):
            heard = [json.loads(note.payload) async for note in ears.notifies(stop_after=2)]

    assert heard == [{"event": "publish.ready", "count": 1}] * 2


@asynccontextmanager
async def publisher_of(table: Table, dsn: str, role: str) -> AsyncIterator[str]:
    """A login that is a member of that role."""
    name = f"{role}_{uuid4().hex[:8]}"
    await table.rows(f"CREATE ROLE {name} LOGIN")
    await table.rows(f"GRANT {role} TO {name}")
    yield make_conninfo(dsn, user=name)
    await table.rows(f"DROP OWNED BY {name}")
    await table.rows(f"DROP ROLE {name}")


@pytest.mark.parametrize("role", ["reactor_publisher", "reactor_operator", "reactor_daemon"])
async def test_the_role_may_do_what_publishers_do(
    queue: Queue, table: Table, dsn: str, role: str
) -> None:
    jobs = [await queue.complete(), await queue.complete(priority=1)]
    async with publisher_of(table, dsn, role) as login:
        async with Farm(login) as farm:
            [taken] = await farm.take_publications("me")
            await farm.mark_published(taken, "https://example.com/1")
        async with await psycopg.AsyncConnection.connect(login, autocommit=True) as conn:
            await conn.execute(
                "UPDATE reactor.mplite_queue SET status = 'published' WHERE status = 'ready'"
            )
            for refused in (
                "UPDATE reactor.mplite_queue SET payload = '{}'",
                "DELETE FROM reactor.mplite_queue",
            ):
                if role != "reactor_daemon":
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        await conn.execute(refused.encode())

    assert [await queue.get(job, "status") for job in jobs] == ["published", "published"]


async def test_the_python_client_takes_renews_and_says_what_came_of_it(
    queue: Queue, dsn: str
) -> None:
    first, second, third = [await queue.complete() for _ in range(3)]
    async with Farm(dsn) as farm:
        one, two, three = await farm.take_publications("me", most=9, platform="youtube")
        assert "is yours" in await farm.renew_publication(one, lease_s=900)
        assert await farm.mark_published(one, "https://x/1") == "publication 1 is published"
        await farm.mark_publish_failed(two, "no", final=True)
        await farm.release_publication(three)
        with pytest.raises(Refused, match="the claim is over"):
            await farm.release_publication(three)
        with pytest.raises(Invalid, match="lease_s: is nan"):
            await farm.take_publications("me", lease_s=float("nan"))
        with pytest.raises(Invalid, match="publisher: must have 1 to 200"):
            await farm.take_publications(" ")

    assert [await queue.get(job, "status") for job in (first, second, third)] == [
        "published",
        "failed",
        "ready",
    ]


def test_the_blocking_client_does_the_same(dsn: str, anyio_backend: str) -> None:
    from reactor import SyncFarm

    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO actp_gen_jobs (platform, output_path, status) VALUES ('x', '/a.mp4', 'complete')"
        )
        conn.execute("SELECT reactor.move_to_publish_queue('{1}')")
        with SyncFarm(dsn) as farm:
            [taken] = farm.take_publications("me")
            farm.mark_published(taken)
        found: Any = conn.execute("SELECT status FROM reactor.mplite_queue").fetchall()

    assert found == [("published",)]
