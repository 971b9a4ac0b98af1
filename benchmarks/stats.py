"""Whether the count of all jobs stays quick when a million have ended."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import psycopg

from benchmarks.bench import tidy
from benchmarks.claims import fill
from benchmarks.spread import paired_ratio
from benchmarks.table import Line, line
from reactor.db.statements import statements

if TYPE_CHECKING:
    from benchmarks.bench import Bench

FEW = 1000
ROUNDS, LOOKS, WARM_UP = 5, 40, 8
# A video every two minutes: most of them ended long ago, as in life.
ENDED = """
INSERT INTO public.actp_gen_jobs (renderer, template_id, status, progress, completed_at)
SELECT 'dry_run', 'none', CASE WHEN n %% 50 = 0 THEN 'cancelled' ELSE 'complete' END, 100,
       now() - make_interval(mins => 2 * n)
  FROM generate_series(1, %s) AS n
"""


def measure(bench: Bench) -> list[Line]:
    """Two tables with few and with many ended jobs, counted in turns; then the many without their tally."""
    many = bench.choose(1_000_000, 200_000)
    small, large = bench.farm("stats_few"), bench.farm("stats_many")
    for dsn, rows in ((small, FEW), (large, many)):
        fill(dsn, ENDED, rows)
        tidy(dsn)
        run(dsn, "SELECT reactor.recount()")
    taken = [(count(small), count(large)) for _ in range(ROUNDS)]
    few_ms, many_ms = [few for few, _ in taken], [lots for _, lots in taken]
    run(large, "SELECT reactor.drop_tallies()")
    untallied_ms = [count(large) for _ in range(ROUNDS)]
    what = "get_job_stats"
    return [
        line(what, f"{many:,} ended jobs", many_ms, "ms", ratio=paired_ratio(many_ms, few_ms)),
        line(what, f"{FEW:,} ended jobs", few_ms, "ms"),
        line(what, f"{many:,}, not counted before", untallied_ms, "ms"),
    ]


def run(dsn: str, statement: str) -> None:
    """One statement."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(statement.encode())


def count(dsn: str) -> float:
    """The median in milliseconds of a session that counts again and again."""
    text, taken = statements("jobs")["get_job_stats"].encode(), []
    with psycopg.connect(dsn, autocommit=True, options="-c jit=off") as conn:
        for _ in range(WARM_UP + LOOKS):
            began = perf_counter()
            conn.execute(text).fetchall()
            taken.append((perf_counter() - began) * 1e3)
    return median(taken[WARM_UP:])
