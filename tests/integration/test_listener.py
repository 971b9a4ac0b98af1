"""The ears: they come back, they are proven, and nothing that is said to them does harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import psycopg

from reactor.observe import Observer, Seen
from tests.fix_reactor import PATIENCE_S, seeing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]

KILL = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'reactor listener%%'"
HOSTILE = (
    "",
    "{",
    "[" * 7999,
    "null",
    "{}",
    '{"event": "job.exploded", "ids": [1]}',
    '{"event": "job.pending", "ids": "all"}',
    '{"event": "job.pending", "ids": [true]}',
    '{"event": "job.pending", "ids": [-1]}',
    '{"event": "job.pending", "ids": [9223372036854775808]}',
    '{"event": "job.pending", "ids": [1], "extra": 1}',
    '{"event": "job.cancelled", "ids": [1e999]}',
    '{"event": "job.rendered", "ids": ["\\ud800"]}',
    "\ufeff{}",
    "\x1b[31mred\x1b[0m",
)


async def test_killed_ears_grow_back_and_nothing_inserted_meanwhile_is_lost(
    start: Start, table: Table, observer: Observer
) -> None:
    await start(sweep_s=600)
    for _ in range(5):
        async with seeing(observer, Seen.LISTENING):
            assert (await table.rows(KILL))[0][0] == 1
            job = await table.insert()

        await table.until_status(job, "complete")


async def test_without_triggers_and_without_ears_the_sweep_finds_the_work(
    start: Start, table: Table
) -> None:
    await start(sweep_s=0.2)
    await table.rows("ALTER TABLE actp_gen_jobs DISABLE TRIGGER USER")

    await table.until_status(await table.insert(renderer="dry_run"), "complete")


async def test_hostile_payloads_are_counted_and_dropped(
    start: Start, table: Table, observer: Observer
) -> None:
    await start()
    dropped: list[object] = []
    observer.subscribe(
        lambda seen, facts: dropped.append(facts) if seen is Seen.NOTICE_DROPPED else None
    )

    for payload in HOSTILE:
        await table.rows("SELECT pg_notify('reactor_events', %(payload)s)", payload=payload)
    await table.until_status(await table.insert(), "complete")

    assert len(dropped) == len(HOSTILE)


async def test_forged_events_change_nothing(start: Start, table: Table) -> None:
    await start()
    job = await table.insert(run_after="infinity")

    for event in ("job.pending", "job.rendered", "job.cancelled", "job.complete", "job.failed"):
        await table.rows(
            "SELECT pg_notify('reactor_events', %(payload)s)",
            payload=f'{{"event": "{event}", "ids": [{job}, 999999]}}',
        )
    await table.until_status(await table.insert(), "complete")

    assert await table.get(job, "status", "attempt") == ("pending", 0)
    assert await table.rows("SELECT count(*) FROM reactor.alerts WHERE kind = 'job_failed'") == [
        (0,)
    ]


async def test_deaf_ears_are_noticed_and_grown_anew(
    start: Start, table: Table, observer: Observer
) -> None:
    context = await start()
    async with seeing(observer, Seen.LISTEN_DEAF):
        # As behind a transaction pooler: the session lives and hears nothing.
        context.listener._probe_channel = "reactor_elsewhere"
    with anyio.fail_after(PATIENCE_S):
        while not context.listener.healthy:
            await observer.until(Seen.LISTENING)
            await context.listener.beat()

    await table.until_status(await table.insert(), "complete")


async def test_a_flood_of_notifications_neither_fills_the_memory_nor_stops_the_work(
    start: Start, table: Table, dsn: str
) -> None:
    await start()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn, conn.pipeline():
        for number in range(5000):
            await conn.execute(
                "SELECT pg_notify('reactor_events', %s)",
                (f'{{"event":"job.pending","ids":[{number + 1}]}}',),
            )

    await table.until_status(await table.insert(), "complete")


async def test_a_database_restart_loses_nothing(start: Start, table: Table) -> None:
    """Every connection is cut at once, several times, while jobs run."""
    await start()
    jobs = []
    for _ in range(3):
        jobs.append(await table.insert())
        await table.rows(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'reactor%%'"
        )
        jobs.append(await table.insert())

    for job in jobs:
        await table.until_status(job, "complete")
