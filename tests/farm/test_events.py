"""The log of events: nothing missed, nothing twice, from any cursor, over lost connections."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import psycopg
import pytest

from reactor.errors import Invalid
from reactor.farm import START
from tests.farm.conftest import finish, hang_up, take, until_listening
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from tests.fix_reactor import Table

INSERT = "INSERT INTO actp_gen_jobs (template_id) VALUES ('t') RETURNING id"


async def test_the_log_is_read_from_its_begin(farm: Any, table: Table) -> None:
    job = await farm.create_job("t")
    await finish(table, job.id)

    events = await take(farm.events(since=START), 3)

    assert [(event.event, event.job_id) for event in events] == [
        ("job.pending", job.id),
        ("job.processing", job.id),
        ("job.complete", job.id),
    ]


async def test_a_cursor_goes_on_in_the_middle_of_a_statement(farm: Any, table: Table) -> None:
    await table.rows(
        "INSERT INTO actp_gen_jobs (template_id) SELECT 't' FROM generate_series(1, 2500)"
    )
    whole = await take(farm.events(since=START), 2500)
    assert len({event.cursor for event in whole}) == 2500
    for place in (0, 998, 999, 1000, 2498):
        going_on = await take(farm.events(since=whole[place].cursor), 1)
        assert going_on == [whole[place + 1]]


async def until_readable(table: Table) -> None:
    """Wait for all of the log: somebody else's open transaction, an autovacuum's say, hides what is newer."""
    await table.until("max(xid) < pg_snapshot_xmin(pg_current_snapshot()) FROM reactor.events")


async def test_the_end_of_the_log_is_a_cursor(farm: Any, table: Table) -> None:
    await farm.create_job("t")
    await until_readable(table)
    end = await farm.find_end()
    job = await farm.create_job("t")

    assert [event.job_id for event in await take(farm.events(since=end), 1)] == [job.id]


async def test_only_the_wanted_kinds(farm: Any, table: Table) -> None:
    job = await farm.create_job("t")
    await finish(table, job.id)

    events = await take(farm.events(since=START, kinds=["job.complete"]), 1)

    assert [event.event for event in events] == ["job.complete"]


async def test_what_becomes_of_a_video_is_told_too(farm: Any, table: Table) -> None:
    """Its platform has nothing against it, and a person publishes it."""
    job = await farm.create_job("t", platform="youtube")
    await finish(table, job.id)
    await table.rows("UPDATE reactor.mplite_queue SET status = 'published'")

    told = await take(farm.events(since=START), 5)
    wanted = await take(farm.events(since=START, kinds=["publish.published"]), 1)

    assert [(event.event, event.job_id) for event in told[2:]] == [
        ("job.complete", job.id),
        ("publish.ready", job.id),
        ("publish.published", job.id),
    ]
    assert wanted == told[4:]


async def test_from_now_on_an_event_is_heard(farm: Any, table: Table) -> None:
    await farm.create_job("t")
    await until_readable(table)
    heard: list[Any] = []

    async def listen() -> None:
        heard.extend(await take(farm.events(), 1))

    async with anyio.create_task_group() as tg:
        tg.start_soon(listen)
        # From its first look at the log on, it has fixed where "now" was.
        await until_listening(table)
        job = await farm.create_job("t")

    assert [(event.event, event.job_id) for event in heard] == [("job.pending", job.id)]


async def test_a_transaction_that_was_first_but_commits_last_is_not_missed(
    farm: Any, dsn: str
) -> None:
    """T1's row has the lower id; whoever went by ids would have passed it when it appears."""
    start = await farm.find_end()
    async with (
        await psycopg.AsyncConnection.connect(dsn) as first,
        await psycopg.AsyncConnection.connect(dsn) as second,
    ):
        slow = (await (await first.execute(INSERT)).fetchone() or [0])[0]
        quick = (await (await second.execute(INSERT)).fetchone() or [0])[0]
        await second.commit()
        seen: list[int] = []
        async with anyio.create_task_group() as tg:

            async def read() -> None:
                seen.extend(event.job_id for event in await take(farm.events(since=start), 2))

            tg.start_soon(read)
            await anyio.lowlevel.checkpoint()
            await first.commit()

    assert seen == [slow, quick]


async def test_nothing_is_handed_out_before_what_comes_before_it(
    farm: Any, dsn: str, table: Table
) -> None:
    """While T1 is open, T2's event waits; when T1 is rolled back, it comes."""
    start = await farm.find_end()
    seen: list[int] = []
    async with await psycopg.AsyncConnection.connect(dsn) as first:
        await first.execute(INSERT)
        job = await farm.create_job("t")
        async with anyio.create_task_group() as tg:

            async def read() -> None:
                seen.extend(event.job_id for event in await take(farm.events(since=start), 1))

            tg.start_soon(read)
            await until_listening(table)
            assert seen == []
            await first.rollback()

    assert seen == [job.id]


async def test_lost_connections_lose_no_event(farm: Any, table: Table) -> None:
    start = await farm.find_end()
    made: list[int] = []
    seen: list[int] = []

    async def produce() -> None:
        for number in range(30):
            made.append(await table.insert())
            if number % 7 == 3:
                await until_listening(table)
                await hang_up(table)

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg, aclosing(farm.events(since=start)) as events:
            tg.start_soon(produce)
            async for event in events:
                seen.append(event.job_id)
                if len(seen) == 30:
                    break

    assert seen == made


@pytest.mark.parametrize(
    "since", ["x", "1", "1-", "-1-1", "1-1-", "1-1-1-1", "99999999999999999999-1", "１-１", "1-1\n"]
)
async def test_a_word_that_is_no_cursor_is_refused(farm: Any, since: str) -> None:
    with pytest.raises(Invalid, match="since: is no cursor"):
        farm.events(since=since)


async def test_a_cursor_of_another_server_is_refused(farm: Any) -> None:
    with pytest.raises(Invalid, match="since: is of another database"):
        await take(farm.events(since="9999999999-1"), 1)


async def test_an_unknown_kind_is_refused(farm: Any) -> None:
    with pytest.raises(Invalid, match=r"kinds: 'job.done' is unknown; allowed: job.cancelled"):
        farm.events(kinds=["job.done"])
