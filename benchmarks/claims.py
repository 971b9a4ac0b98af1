"""Whether a claim stays quick when the table is full of finished jobs."""

from __future__ import annotations

from contextlib import AsyncExitStack
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
import psycopg

from benchmarks.bench import tidy
from benchmarks.spread import paired_ratio
from benchmarks.table import Line, at_most, line
from reactor.db import attempts
from reactor.db.pool import connect

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from benchmarks.bench import Bench

BATCH = 500
LEASE_S = 600.0
LIMIT = 1.2
ROUNDS = 3
BACKLOG = 50_000
"""Due jobs beside those that are claimed: a full queue is when plans go wrong."""
WARM_UP = 8
"""More than the executions after which Postgres may turn to a generic plan."""
FINISHED = """
INSERT INTO public.actp_gen_jobs (renderer, template_id, status, progress, completed_at)
SELECT 'dry_run', 'none', 'complete', 100, now() FROM generate_series(1, %s)
"""
PENDING = """
INSERT INTO public.actp_gen_jobs (renderer, template_id)
SELECT 'dry_run', 'none' FROM generate_series(1, %s)
"""


def measure(bench: Bench) -> list[Line]:
    """Two tables, one with finished rows; claims in turns from both."""
    finished = bench.choose(1_000_000, 200_000)
    batches, singles = bench.choose(15, 8), bench.choose(100, 40)
    empty, full = bench.farm("claims_empty"), bench.farm("claims_full")
    fill(full, FINISHED, finished)
    for dsn in (empty, full):
        fill(dsn, PENDING, BACKLOG)
    taken: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(ROUNDS):
        for what, size, count in (
            (f"claim of {BATCH} of {BACKLOG:,} due jobs", BATCH, batches),
            (f"claim + complete of one of {BACKLOG:,} due jobs", 1, singles),
        ):
            for dsn in (empty, full):
                fill(dsn, PENDING, size * (count + WARM_UP))
                tidy(dsn)
            without, with_many = anyio.run(compare, empty, full, size, count)
            rounds = taken.setdefault(what, ([], []))
            rounds[0].append(without)
            rounds[1].append(with_many)
    found = []
    for what, (without_ms, with_many_ms) in taken.items():
        ratio = paired_ratio(with_many_ms, without_ms)
        target = at_most(ratio, LIMIT)
        who = f"{finished:,} finished rows"
        found += [
            line(what, who, with_many_ms, "ms", ratio=ratio, target=target),
            line(what, "no finished rows", without_ms, "ms"),
        ]
    return found


def fill(dsn: str, statement: str, count: int) -> None:
    """So many rows, without a word to anybody."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute(statement.encode(), (count,))


async def compare(empty: str, full: str, size: int, count: int) -> tuple[float, float]:
    """Medians in milliseconds for both tables, claim by claim in turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(await connect(dsn, name="benchmark"))
            for dsn in (empty, full)
        ]
        for number in range(WARM_UP + count):
            for side in (0, 1) if number % 2 else (1, 0):
                taken[side].append(await timed(connections[side], size))
    return median(taken[0][WARM_UP:]), median(taken[1][WARM_UP:])


async def timed(conn: AsyncConnection, size: int) -> float:
    """Milliseconds of one claim; with one job, of its completion as well."""
    token = uuid4()
    began = perf_counter()
    claimed = await attempts.claim_next_jobs(
        conn, {"dry_run": size}, reactor_id=uuid4(), token=token, lease_s=LEASE_S
    )
    claim_ms = (perf_counter() - began) * 1e3
    done = await attempts.complete_dry_runs(conn, [job.id for job in claimed], token)
    both_ms = (perf_counter() - began) * 1e3
    assert len(claimed) == done == size, "the table has run out of jobs"
    return both_ms if size == 1 else claim_ms
