"""The ears: they come back, they are proven, and nothing that is said to them does harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import psycopg
from psycopg import waiting

from reactor.db.pool import connect
from reactor.loops import listener
from reactor.observe import Observer, Seen
from tests.fix_reactor import seeing
from tests.integration.conftest import start_hearing, until_hearing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

    from reactor.context import Context
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]

# The latest: one that was terminated is listed until it has ended.
KILL = """
SELECT (pid, started)::text, pg_terminate_backend(pid)
  FROM (SELECT pid, backend_start AS started FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'reactor listener%%'
         ORDER BY backend_start DESC LIMIT 1) AS ears
"""
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
    context = await start_hearing(start, sweep_s=600)
    killed = set()
    for _ in range(5):
        await until_hearing(context)
        async with seeing(observer, Seen.LISTENING):
            killed |= set(await table.rows(KILL))
            job = await table.insert()

        await table.until_status(job, "complete")

    assert [was_there for _, was_there in killed] == [True] * 5


async def test_without_triggers_and_without_ears_the_sweep_finds_the_work(
    start: Start, table: Table
) -> None:
    await start(sweep_s=0.2)
    await table.rows("ALTER TABLE actp_gen_jobs DISABLE TRIGGER USER")

    await table.until_status(await table.insert(renderer="dry_run"), "complete")


async def test_hostile_payloads_are_counted_and_dropped(
    start: Start, table: Table, observer: Observer
) -> None:
    await start_hearing(start, sweep_s=600)
    dropped: list[object] = []
    observer.subscribe(
        lambda seen, facts: dropped.append(facts) if seen is Seen.NOTICE_DROPPED else None
    )

    for payload in HOSTILE:
        await table.rows("SELECT pg_notify('reactor_events', %(payload)s)", payload=payload)
    # Only the ears can have told of it, and they heard it last.
    await table.until_status(await table.insert(), "complete")

    assert len(dropped) == len(HOSTILE)


async def test_forged_events_change_nothing(start: Start, table: Table) -> None:
    await start_hearing(start, sweep_s=600)
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
    start: Start, table: Table, observer: Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = await start()
    await until_hearing(context)
    with monkeypatch.context() as impatient:
        impatient.setattr(listener, "ANSWER_S", 0.5)
        async with seeing(observer, Seen.LISTEN_DEAF):
            # As behind a transaction pooler: the session lives and hears nothing.
            context.listener._probe_channel = "reactor_elsewhere"
    await until_hearing(context)

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
    """Every connection is cut at once, several times, while jobs run.

    What was claimed by an answer that never came is free again when its lease has run out.
    """
    await start(lease_s=2)
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


async def test_ears_that_are_torn_down_are_closed_however_busy_the_loop_is(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that was busy for long lets others run at every step, and a cancellation in."""
    monkeypatch.setattr(waiting, "MAX_BUSY_TIME", 0)
    with anyio.CancelScope() as torn_down:
        async with await connect(dsn, name="ears") as conn:
            torn_down.cancel()
            await anyio.sleep_forever()

    assert conn.closed
