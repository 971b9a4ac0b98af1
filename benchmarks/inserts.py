"""What our triggers cost whoever inserts jobs: the same INSERT with and without them, in turns."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import psycopg

from benchmarks.bench import tidy
from benchmarks.spread import paired_ratio
from benchmarks.table import Line, at_most, line
from reactor.events import EVENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.bench import Bench

ONE = """
INSERT INTO public.actp_gen_jobs (niche, platform, template_id, params)
VALUES ('benchmark', 'youtube', 'title-card', '{"title": "A title", "duration_s": 4}')
"""
THOUSAND = """
INSERT INTO public.actp_gen_jobs (niche, platform, template_id, params)
SELECT 'benchmark', 'youtube', 'title-card', '{"title": "A title", "duration_s": 4}'
  FROM generate_series(1, 1000)
"""
LIMIT = 1.2
WARM_UP = 10
# Triggers are off for this session only: both insert into the same table.
WITHOUT = "SET session_replication_role = replica"


def measure(bench: Bench) -> list[Line]:
    """Single rows, each its own commit; and statements of a thousand rows."""
    dsn = bench.farm("inserts")
    kinds = (
        ("INSERT of one row, durable commit", ONE, bench.choose(400, 100)),
        ("INSERT of 1,000 rows, one statement", THOUSAND, bench.choose(30, 10)),
    )
    found = []
    for what, statement, count in kinds:
        rounds = [compare(dsn, statement, count) for _ in range(3)]
        with_triggers, without = zip(*rounds, strict=True)
        found += lines(what, with_triggers, without)
    return found


def lines(what: str, with_triggers: Sequence[float], without: Sequence[float]) -> list[Line]:
    """The two medians of each round side by side."""
    ratio = paired_ratio(with_triggers, without)
    target = at_most(ratio, LIMIT)
    return [
        line(what, "with our triggers", with_triggers, "ms", ratio=ratio, target=target),
        line(what, "triggers disabled", without, "ms"),
    ]


def compare(dsn: str, statement: str, count: int) -> tuple[float, float]:
    """Medians in milliseconds with and without triggers, statement by statement in turns."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("TRUNCATE public.actp_gen_jobs")
    tidy(dsn)
    with (
        psycopg.connect(dsn, autocommit=True) as announced,
        psycopg.connect(dsn, autocommit=True) as silent,
        psycopg.connect(dsn, autocommit=True) as listener,
    ):
        silent.execute(WITHOUT)
        listener.execute(f"LISTEN {EVENTS}")
        taken: tuple[list[float], list[float]] = ([], [])
        for number in range(WARM_UP + count):
            # Whoever goes second finds warmer caches: they change places every time.
            order = (0, 1) if number % 2 else (1, 0)
            for side in order:
                taken[side].append(timed((announced, silent)[side], statement))
            drop_notices(listener)
        return median(taken[0][WARM_UP:]), median(taken[1][WARM_UP:])


def timed(conn: psycopg.Connection, statement: str) -> float:
    """Milliseconds of one statement, from sending it until its commit is confirmed."""
    began = perf_counter()
    conn.execute(statement.encode(), prepare=True)
    return (perf_counter() - began) * 1e3


def drop_notices(listener: psycopg.Connection) -> None:
    """Hear what was announced, as a reactor would, outside the measured time."""
    for _ in listener.notifies(timeout=0):
        pass
