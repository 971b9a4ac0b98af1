"""How many jobs that do nothing one process gets through in a second."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
from psycopg import AsyncConnection

from benchmarks import pgbench, pgqueuers
from benchmarks.bench import tidy
from benchmarks.reactors import completed, reactor_on
from benchmarks.spread import paired_ratio
from benchmarks.table import Line, at_least, line
from benchmarks.waiting import until, until_asked

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.bench import Bench
    from benchmarks.pgqueuers import Driver

JOBS = 20_000
WARM_UP = 2_000
LIMIT = 1.5
CLIENTS = (1, 2, 4)
# The fastest for PgQueuer of batches of 10, 100, 250, 500 and 1,000 with 1 to 4 queue managers in the
# process, as its own benchmark runs them. With psycopg more managers only wait for one another.
BATCH_SIZE, MANAGERS = {"asyncpg": 100, "psycopg": 250}, {"asyncpg": 2, "psycopg": 1}
FILL = """
INSERT INTO public.actp_gen_jobs (renderer, template_id)
SELECT 'dry_run', 'none' FROM generate_series(1, %s)
"""
ALL_ENDED = """
SELECT NOT EXISTS (SELECT FROM public.actp_gen_jobs WHERE status = 'pending')
   AND NOT EXISTS (SELECT FROM public.actp_gen_jobs WHERE status = 'processing')
"""


def measure(bench: Bench) -> list[Line]:
    """Everybody drains the same number of jobs, in turns."""
    contestants: dict[str, tuple[str, Callable[[str], float]]] = {
        "reactor": (bench.farm("drain_reactor"), partial(drain_reactor, bench))
    }
    for driver in pgqueuers.drivers():
        dsn = bench.database(f"drain_{driver}")
        anyio.run(pgqueuers.install, dsn)
        contestants[f"PgQueuer, {driver}"] = (dsn, partial(drain_pgqueuer, driver))
    for clients in CLIENTS[1:2] if bench.quick else CLIENTS:
        name = f"pgbench, {clients} client{'s' * (clients > 1)}"
        floor = partial(pgbench.drain, bench, jobs=JOBS, clients=clients)
        contestants[name] = (bench.farm(f"drain_pgbench_{clients}"), floor)
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(bench.choose(3, 2)):
        for name, (dsn, drain) in contestants.items():
            tidy(dsn)
            rates[name].append(drain(dsn))
    return lines(rates)


def lines(rates: dict[str, list[float]]) -> list[Line]:
    """Our rate against the best of PgQueuer's, and against what Postgres allows."""
    what = f"drain of {JOBS:,} no-op jobs, one process"
    ours = rates["reactor"]
    ratios = {who: paired_ratio(ours, theirs) for who, theirs in rates.items() if who != "reactor"}
    best_peer = min(ratio for who, ratio in ratios.items() if who.startswith("PgQueuer"))
    target = at_least(best_peer, LIMIT, "× best PgQueuer")
    return [line(what, "reactor", ours, "jobs/s", ratio=best_peer, target=target)] + [
        line(what, who, rates[who], "jobs/s", ratio=ratio) for who, ratio in ratios.items()
    ]


def drain_reactor(bench: Bench, dsn: str) -> float:
    """Insert in one statement; from the commit until the table says that all are complete."""

    async def run() -> float:
        async with (
            await AsyncConnection.connect(dsn, autocommit=True) as producer,
            reactor_on(bench, dsn) as context,
        ):

            async def drain(count: int) -> float:
                goal = completed(context) + count
                await producer.execute(FILL, (count,))
                began = perf_counter()
                await until(lambda: completed(context) >= goal)
                await until_asked(partial(all_ended, producer))
                return count / (perf_counter() - began)

            await drain(WARM_UP)
            return await drain(JOBS)

    return anyio.run(run)


async def all_ended(conn: AsyncConnection) -> bool:
    """Whether there is no job left to do."""
    row = await (await conn.execute(ALL_ENDED)).fetchone()
    return bool(row and row[0])


def drain_pgqueuer(driver: Driver, dsn: str) -> float:
    """The same: from the commit until its table says that all have left the queue."""

    async def run() -> float:
        handled = 0

        def handle() -> None:
            nonlocal handled
            handled += 1

        async with pgqueuers.worker(
            dsn, driver, batch_size=BATCH_SIZE[driver], managers=MANAGERS[driver], handle=handle
        ) as producer:

            async def drain(count: int) -> float:
                goal = handled + count
                await producer.enqueue(count)
                began = perf_counter()
                await until(lambda: handled >= goal)
                await until_asked(producer.is_empty)
                return count / (perf_counter() - began)

            await drain(WARM_UP)
            return await drain(JOBS)

    return anyio.run(run, backend_options=pgqueuers.UVLOOP)
