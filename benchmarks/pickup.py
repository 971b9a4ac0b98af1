"""How long a single job waits in an idle system, from its INSERT until its handler begins."""

from __future__ import annotations

import json
import sys
from bisect import bisect_left
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import anyio

from benchmarks import pgqueuers
from benchmarks.reactors import reactor_on
from benchmarks.spread import paired_ratio, percentile
from benchmarks.table import Line, at_most, line
from benchmarks.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.bench import Bench
    from benchmarks.pgqueuers import Driver
    from reactor.renderers.base import Order, Progress, Rendered

LIMIT_S = 120.0
WARM_UP = 10
PAUSES_S = (0.02, 0.04)
# PgQueuer's psycopg driver listens and asks over one connection, so every question waits up to a
# second for the ear: few samples, far apart.
SLOW_PAUSES_S = (2.5, 3.0)
# A batch of one completes at once; larger ones wait up to 0.1 s and would be in the next job's way.
BATCH_SIZE = 1


class Pickup(NamedTuple):
    """Milliseconds until the handler began: since the INSERT was sent, and since it returned."""

    since_sent: float
    since_returned: float


class Noted:
    """A dry run that notes when dispatch, the handler of a claimed job, first looks at its renderer."""

    slots = 100

    def __init__(self, note: Callable[[], None]) -> None:
        self._note = note

    @property
    def draws(self) -> bool:
        """False, as for every dry run; and now is when dispatch began."""
        self._note()
        return False

    async def render(self, order: Order, report: Callable[[Progress], None]) -> Rendered:
        """Never called, because nothing is drawn."""
        raise NotImplementedError


def measure(bench: Bench) -> list[Line]:
    """The contestants in turns; from all samples of a round its percentiles."""
    contestants: dict[str, Callable[[int], list[Pickup]]] = {
        "reactor": partial(pick_up_reactor, bench, bench.farm("pickup_reactor"))
    }
    for driver in pgqueuers.drivers():
        dsn = bench.database(f"pickup_{driver}")
        anyio.run(pgqueuers.install, dsn)
        contestants[f"PgQueuer, {driver}"] = partial(pick_up_pgqueuer, bench, driver, dsn)
    taken: dict[str, list[list[Pickup]]] = {name: [] for name in contestants}
    for _ in range(bench.choose(3, 2)):
        for name, pick_up in contestants.items():
            taken[name].append(pick_up(bench.choose(250, 50)))
    return [
        *lines("returned", 50, 1.0, by(taken, "since_returned", 50)),
        *lines("returned", 99, 2.0, by(taken, "since_returned", 99)),
        *lines("was sent", 50, None, by(taken, "since_sent", 50)),
        *lines("was sent", 99, None, by(taken, "since_sent", 99)),
    ]


def by(taken: dict[str, list[list[Pickup]]], field: str, percent: int) -> dict[str, list[float]]:
    """One percentile of one field for every round of everybody."""
    return {
        who: [
            percentile([getattr(sample, field) for sample in samples], percent)
            for samples in rounds
        ]
        for who, rounds in taken.items()
    }


def lines(
    since: str, percent: int, bound: float | None, values: dict[str, list[float]]
) -> list[Line]:
    """Ours against each of the others."""
    what = f"idle: INSERT {since} → handler begins, p{percent}"
    ours = values["reactor"]
    target = None if bound is None else at_most(median(ours), bound, "ms")
    return [line(what, "reactor", ours, "ms", target=target)] + [
        line(what, who, theirs, "ms", ratio=paired_ratio(ours, theirs))
        for who, theirs in values.items()
        if who != "reactor"
    ]


def pick_up_reactor(bench: Bench, dsn: str, count: int) -> list[Pickup]:
    """With a whole reactor."""

    async def run() -> list[Pickup]:
        begun: list[float] = []
        noted = Noted(lambda: begun.append(perf_counter()))
        async with reactor_on(bench, dsn, renderers={"noted": noted}):
            sent = await produce("reactor", dsn, count + WARM_UP, PAUSES_S)
            await until(lambda: begun != [] and begun[-1] > sent[-1][0])
        return matched(sent, begun)[WARM_UP:]

    return anyio.run(run)


def pick_up_pgqueuer(bench: Bench, driver: Driver, dsn: str, count: int) -> list[Pickup]:
    """With one of PgQueuer's workers."""
    warm_up, pauses = WARM_UP, PAUSES_S
    if driver == "psycopg":
        count, warm_up, pauses = bench.choose(3, 1), 0, SLOW_PAUSES_S

    async def run() -> list[Pickup]:
        begun: list[float] = []

        def handle() -> None:
            begun.append(perf_counter())

        async with pgqueuers.worker(dsn, driver, batch_size=BATCH_SIZE, handle=handle):
            sent = await produce("pgqueuer", dsn, count + warm_up, pauses)
            await until(lambda: begun != [] and begun[-1] > sent[-1][0])
        return matched(sent, begun)[warm_up:]

    return anyio.run(run, backend_options=pgqueuers.UVLOOP)


async def produce(
    whose: str, dsn: str, count: int, pauses_s: tuple[float, float]
) -> list[tuple[float, float]]:
    """Let another process insert, while nothing but the handlers runs in this one."""
    command = [sys.executable, "-m", "benchmarks.producer", whose, dsn, str(count)]
    with anyio.fail_after(LIMIT_S):
        done = await anyio.run_process(
            [*command, *map(str, pauses_s)], stderr=None, cwd=Path(__file__).parents[1]
        )
    return [(sent, returned) for sent, returned in json.loads(done.stdout)]


def matched(sent: list[tuple[float, float]], begun: list[float]) -> list[Pickup]:
    """For each INSERT the first handler that began after it was sent; the next one is sent much later."""
    handlers = [begun[bisect_left(begun, sent_at)] for sent_at, _ in sent]
    return [
        Pickup((at - sent_at) * 1e3, (at - returned_at) * 1e3)
        for at, (sent_at, returned_at) in zip(handlers, sent, strict=True)
    ]
