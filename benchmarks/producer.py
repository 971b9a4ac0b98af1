"""Somebody who inserts a job now and then: a process of its own, as producers are.

`python -m benchmarks.producer WHOSE DSN COUNT SHORTEST_S LONGEST_S` inserts COUNT jobs with a pause
before each, then prints when each INSERT was sent and when it returned, as JSON. The clock is
`perf_counter`, which is the same in all processes of a machine.
"""

from __future__ import annotations

import json
import sys
from random import uniform
from time import perf_counter, sleep
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

INSERT = "INSERT INTO public.actp_gen_jobs (renderer, template_id) VALUES ('noted', 'none')"


def main(whose: str, dsn: str, count: int, shortest_s: float, longest_s: float) -> None:
    """Insert, and say when."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        insert = inserter(whose, conn)
        times = []
        for _ in range(count):
            sleep(uniform(shortest_s, longest_s))
            sent = perf_counter()
            insert()
            times.append((sent, perf_counter()))
    print(json.dumps(times))


def inserter(whose: str, conn: psycopg.Connection) -> Callable[[], object]:
    """What inserts one job, as its project has it."""
    if whose == "reactor":
        return lambda: conn.execute(INSERT, prepare=True)
    # Only where PgQueuer is measured has it to be installed.
    from pgqueuer.db import SyncPsycopgDriver
    from pgqueuer.queries import SyncQueries

    from benchmarks.pgqueuers import ENTRYPOINT

    queries = SyncQueries(SyncPsycopgDriver(conn))
    return lambda: queries.enqueue(ENTRYPOINT, None)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5]))
