"""What callers of the service wait for: creating a batch, reading one job, a page of a long list."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
from psycopg import AsyncConnection

from benchmarks.bench import tidy
from benchmarks.claims import FINISHED, fill
from benchmarks.drain import FILL, all_ended
from benchmarks.ports import free_port
from benchmarks.reactors import reactor_on
from benchmarks.spread import paired_ratio, percentile
from benchmarks.table import Line, at_most, line
from benchmarks.waiting import until_asked
from reactor import jobs
from reactor.db.pool import connect
from reactor.records import NewJob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from benchmarks.bench import Bench

BATCH = 1000
BATCH_LIMIT_MS = 1000.0
DRAINED = 20_000
READ_LIMIT_MS = 10.0
READ_PAUSE_S = 0.002
PAGE = 50
PAGES = 200
LIST_LIMIT = 1.2


def measure(bench: Bench) -> list[Line]:
    """Each on a farm of its own."""
    return [
        *measure_creating(bench),
        *measure_reading(bench),
        *measure_listing(bench),
    ]


def measure_creating(bench: Bench) -> list[Line]:
    """One statement for a thousand jobs, committed."""
    dsn = bench.farm("service_create")
    asked = [NewJob(template_id="none", renderer="nobody", params={"n": n}) for n in range(BATCH)]

    async def create() -> list[float]:
        async with await connect(dsn, name="benchmark") as conn:
            taken = []
            for _ in range(bench.choose(7, 4)):
                began = perf_counter()
                await jobs.create_jobs(conn, asked)
                taken.append((perf_counter() - began) * 1e3)
            return taken[1:]

    taken_ms = anyio.run(create)
    target = at_most(max(taken_ms), BATCH_LIMIT_MS, "ms")
    return [line(f"create {BATCH:,} jobs in one batch", "reactor", taken_ms, "ms", target=target)]


def measure_reading(bench: Bench) -> list[Line]:
    """`GET /api/renders/{id}` from another process while this one drains, and while it idles."""
    dsn = bench.farm("service_read")
    busy, idle = [], []
    for _ in range(bench.choose(3, 2)):
        tidy(dsn)
        drained, rested = anyio.run(read_while_draining, bench, dsn)
        busy.append(percentile(drained, 99))
        idle.append(percentile(rested, 99))
    what = "GET of one job, p99"
    target = at_most(median(busy), READ_LIMIT_MS, "ms")
    return [
        line(what, f"while {DRAINED:,} jobs drain", busy, "ms", target=target),
        line(what, "idle", idle, "ms"),
    ]


async def read_while_draining(bench: Bench, dsn: str) -> tuple[list[float], list[float]]:
    """Milliseconds of every request that was answered while jobs were left, and of the others."""
    address = f"127.0.0.1:{free_port()}"
    spans = []
    async with (
        await AsyncConnection.connect(dsn, autocommit=True) as producer,
        reactor_on(bench, dsn, api=True, http=address),
    ):
        created = await jobs.create_job(producer, NewJob(template_id="none", renderer="dry_run"))
        async with asking(f"http://{address}/api/renders/{created.id}") as times:
            await anyio.sleep(1)
            for _ in range(bench.choose(6, 3)):
                began = perf_counter()
                await producer.execute(FILL, (DRAINED,))
                await until_asked(partial(all_ended, producer))
                spans.append((began, perf_counter()))
                await anyio.sleep(0.2)
    busy: list[float] = []
    idle: list[float] = []
    for sent, answered in times:
        within = any(sent < end and answered > began for began, end in spans)
        (busy if within else idle).append((answered - sent) * 1e3)
    return busy, idle


@asynccontextmanager
async def asking(url: str) -> AsyncIterator[list[tuple[float, float]]]:
    """Let another process ask meanwhile; the list is filled when the block has ended."""
    times: list[tuple[float, float]] = []
    command = [sys.executable, "-m", "benchmarks.requester", url, str(READ_PAUSE_S)]
    where = Path(__file__).parents[1]
    async with await anyio.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None, cwd=where
    ) as process:
        assert process.stdin
        assert process.stdout
        yield times
        await process.stdin.aclose()
        said = b"".join([chunk async for chunk in process.stdout])
    times += [(sent, answered) for sent, answered in json.loads(said)]


def measure_listing(bench: Bench) -> list[Line]:
    """A page of fifty from the end and from the middle, with and without a million rows."""
    finished = bench.choose(1_000_000, 200_000)
    short, long = bench.farm("service_short"), bench.farm("service_long")
    fill(short, FINISHED, 1000)
    fill(long, FINISHED, finished)
    for dsn in (short, long):
        tidy(dsn)
    found = []
    for what, status in (("all", None), ("failed only", "failed")):
        rounds: tuple[list[float], list[float]] = ([], [])
        for _ in range(bench.choose(3, 2)):
            for dsn, taken in ((short, rounds[0]), (long, rounds[1])):
                taken.append(anyio.run(list_pages, dsn, status))
        ratio = paired_ratio(rounds[1], rounds[0])
        name = f"page of {PAGE} jobs, {what}"
        target = at_most(ratio, LIST_LIMIT)
        who = f"{finished:,} finished rows"
        found += [
            line(name, who, rounds[1], "ms", ratio=ratio, target=target),
            line(name, "1,000 finished rows", rounds[0], "ms"),
        ]
    return found


async def list_pages(dsn: str, status: str | None) -> float:
    """The median of many pages, half of them from the middle, in milliseconds."""
    taken = []
    async with await connect(dsn, name="benchmark") as conn:
        newest = (await jobs.list_jobs(conn, most=1)).jobs[0].id
        for number in range(PAGES):
            before = newest // 2 if number % 2 else None
            began = perf_counter()
            await jobs.list_jobs(conn, most=PAGE, before=before, status=status)
            taken.append((perf_counter() - began) * 1e3)
    return median(taken)
