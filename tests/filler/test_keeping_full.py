"""A running reactor keeps the queue at its target, together with whoever else fills it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest

from reactor.filler import fill_queue
from reactor.observe import Observer, Seen
from tests.fix_reactor import LOOK_S, PATIENCE_S, Easel, seeing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from reactor.db.pool import Database
    from tests.filler.conftest import Farm
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]

TARGET = 15
WATCH = (
    "CREATE TABLE public.seen_pending (jobs bigint, triples bigint)",
    """CREATE FUNCTION public.watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.seen_pending SELECT count(*), count(DISTINCT (niche, platform, template_id))
      FROM public.actp_gen_jobs WHERE status = 'pending';
    RETURN NULL;
END $$""",
    "CREATE TRIGGER zz_watch AFTER INSERT OR UPDATE ON actp_gen_jobs"
    " FOR EACH STATEMENT EXECUTE FUNCTION public.watch()",
)
FULL = "count(*) = 15 FROM actp_gen_jobs WHERE status = 'pending'"


async def watch(table: Table) -> None:
    """Whatever changes the jobs writes down how many are pending then."""
    for statement in WATCH:
        await table.rows(statement)


async def complete(table: Table, jobs: int) -> None:
    """Wait until so many videos are there, with patience for each of them."""
    for number in range(1, jobs + 1):
        await table.until(
            "count(*) >= %(number)s FROM actp_gen_jobs WHERE status = 'complete'", number=number
        )


async def test_an_empty_queue_is_filled_at_start_and_stays_full_while_jobs_finish(
    start: Start, on_easel: Farm, easel: Easel, observer: Observer
) -> None:
    table = on_easel.table
    await watch(table)
    easel.gate = anyio.Event()
    async with seeing(observer, Seen.QUEUE_FILLED, made=TARGET):
        await start(fill_target=TARGET)
    await easel.waiting.wait()
    await table.until(FULL)

    easel.gate.set()
    await complete(table, 25)

    seen = await table.rows("SELECT max(jobs), bool_and(jobs = triples) FROM seen_pending")
    assert seen == [(TARGET, True)]
    platforms = Counter(await on_easel.made("platform"))
    assert max(platforms.values()) - min(platforms.values()) <= 2


async def test_two_reactors_and_people_fill_at_once(
    start: Start, on_easel: Farm, dsn: str, settings: Any
) -> None:
    table = on_easel.table
    await watch(table)
    await start(fill_target=TARGET, easel=Easel(slots=2))
    await start(
        fill_target=TARGET,
        easel=Easel(slots=2),
        data=settings.data / "b",
    )

    async def at_psql() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
            for _ in range(20):
                await conn.execute("SELECT reactor.fill(15)")

    async with anyio.create_task_group() as tg:
        for _ in range(4):
            tg.start_soon(at_psql)
        await complete(table, 20)

    seen = await table.rows("SELECT max(jobs), bool_and(jobs = triples) FROM seen_pending")
    assert seen == [(TARGET, True)]


async def test_without_a_target_nothing_is_made(
    start: Start, on_easel: Farm, observer: Observer
) -> None:
    async with seeing(observer, Seen.SWEPT):
        await start()
    async with seeing(observer, Seen.SWEPT):
        await on_easel.table.rows("UPDATE reactor.niches SET title = 'x'")

    assert await on_easel.made("id") == []


async def test_a_cancelled_job_is_replaced_at_once(start: Start, on_easel: Farm) -> None:
    """No sweep would be in time."""
    table = on_easel.table
    await table.rows("SELECT reactor.pause()")
    await start(fill_target=TARGET, sweep_s=600)
    await table.until(FULL)

    await table.rows("SELECT reactor.cancel(min(id)) FROM actp_gen_jobs")

    await table.until(FULL)
    assert len(await on_easel.made("id")) == TARGET + 1


async def test_a_paused_farm_is_filled_as_well(start: Start, on_easel: Farm) -> None:
    await on_easel.table.rows("SELECT reactor.pause()")
    await start(fill_target=TARGET)

    await on_easel.table.until(FULL)


async def test_a_draining_reactor_makes_nothing_more(
    start: Start, on_easel: Farm, observer: Observer
) -> None:
    context = await start(fill_target=TARGET)
    await complete(on_easel.table, 1)
    context.gate.draining = True
    await on_easel.table.until("count(*) = 0 FROM actp_gen_jobs WHERE status = 'processing'")
    await on_easel.table.rows(
        "UPDATE actp_gen_jobs SET status = 'cancelled' WHERE status = 'pending'"
    )

    for _ in range(2):
        async with seeing(observer, Seen.SWEPT):
            context.reread()

    assert "pending" not in await on_easel.made("status")


async def test_an_emptied_catalogue_is_said_once_and_a_new_one_used_at_once(
    start: Start, on_easel: Farm, observer: Observer
) -> None:
    table = on_easel.table
    said: list[Any] = []
    observer.subscribe(
        lambda seen, facts: said.append(facts["reason"]) if seen is Seen.QUEUE_SHORT else None
    )
    await table.rows("SELECT reactor.pause()")
    await table.rows("UPDATE reactor.templates SET enabled = false")
    async with seeing(observer, Seen.QUEUE_SHORT):
        context = await start(fill_target=TARGET)
    for _ in range(4):
        async with seeing(observer, Seen.SWEPT):
            context.reread()

    await table.rows("UPDATE reactor.templates SET enabled = true")
    await table.until(FULL)
    await table.rows("DELETE FROM reactor.niches")
    await table.rows("UPDATE actp_gen_jobs SET status = 'cancelled'")
    with anyio.fail_after(PATIENCE_S):
        while len(said) < 2:
            await anyio.sleep(LOOK_S)

    assert said == [
        f"the catalogue has no {kind} that is enabled" for kind in ("template", "niche")
    ]


async def test_who_fills_while_another_transaction_has_filled_waits_for_it(
    on_easel: Farm, database: Database, dsn: str
) -> None:
    """And counts what that one has made, or not if it thought better of it."""
    async with (
        await psycopg.AsyncConnection.connect(dsn) as first,
        database.connection() as second,
    ):
        for end, made in ((first.rollback, 10), (first.commit, 0)):
            await on_easel.table.rows("DELETE FROM actp_gen_jobs")
            await first.execute("SELECT reactor.fill(10)")
            async with anyio.create_task_group() as tg:
                filled: list[int] = []

                async def fill(into: list[int] = filled) -> None:
                    into.append(len((await fill_queue(second, 10)).ids))

                tg.start_soon(fill)
                await on_easel.table.until(
                    "count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                await end()
            assert filled == [made]


async def test_a_filler_killed_half_way_leaves_nothing(on_easel: Farm, dsn: str) -> None:
    table = on_easel.table
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        await conn.execute("SELECT reactor.fill(10)")
        pid = conn.info.backend_pid
        await table.rows("SELECT pg_terminate_backend(%(pid)s)", pid=pid)
        with pytest.raises(psycopg.OperationalError):
            await conn.execute("SELECT 1")

    assert await on_easel.made("id") == []
    assert await table.rows("SELECT sum(made) FROM reactor.niches") == [(0,)]
    assert await on_easel.fill(10) == "made 10 jobs; 10 of 10 are pending"


async def test_one_snapshot_for_everything_is_refused(on_easel: Farm, dsn: str) -> None:
    """It would not see what others have made since, and make it again."""
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        await conn.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="allowed: read committed"):
            await conn.execute("SELECT reactor.fill(10)")

    assert await on_easel.made("id") == []


async def test_all_of_a_filling_is_one_announcement(on_easel: Farm, dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as ears:
        await ears.execute("LISTEN reactor_events")
        await on_easel.fill(10)
        await on_easel.table.rows("NOTIFY reactor_events, 'end'")
        heard = []
        async for note in ears.notifies(timeout=PATIENCE_S):
            if note.payload == "end":
                break
            heard.append(note.payload)

    assert [json.loads(said) for said in heard] == [
        {"event": "job.pending", "ids": list(range(1, 11))}
    ]
