"""How long a single job waits in an idle system, from its INSERT until its handler begins."""

from __future__ import annotations

from functools import partial
from random import uniform
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import anyio
from psycopg import AsyncConnection

from benchmarks import pgqueuers
from benchmarks.reactors import reactor_on
from benchmarks.spread import paired_ratio, percentile
from benchmarks.table import Line, at_most, line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.bench import Bench
    from benchmarks.pgqueuers import Driver
    from reactor.renderers.base import Order, Progress, Rendered

LIMIT_S = 10.0
WARM_UP = 5
# That driver listens and asks over one connection, so each question waits up to a second for the
# ear: what a few samples say, many would only say for longer.
SLOW_SAMPLES = 5
PAUSE_S = (0.02, 0.04)
# A batch of one completes at once; larger ones wait up to 0.1 s and would be in the next job's way.
BATCH_SIZE = 1
INSERT = "INSERT INTO public.actp_gen_jobs (renderer, template_id) VALUES ('noted', 'none')"


class Pickup(NamedTuple):
    """Milliseconds until the handler began: since the INSERT was sent, and since it returned."""

    since_sent_ms: float
    since_commit_ms: float


class Moment:
    """When something began, for whoever waits for it."""

    def __init__(self) -> None:
        self._at = 0.0
        self._event = anyio.Event()

    def note(self) -> None:
        """Now."""
        if not self._event.is_set():
            self._at = perf_counter()
            self._event.set()

    def forget(self) -> None:
        """Be ready for the next."""
        self._event = anyio.Event()

    async def wait(self) -> float:
        """When it was."""
        with anyio.fail_after(LIMIT_S):
            await self._event.wait()
        return self._at


class Noted:
    """A dry run that notes when dispatch, the handler of a claimed job, first looks at its renderer."""

    slots = 100

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    @property
    def draws(self) -> bool:
        """False, as for every dry run; and now is when dispatch began."""
        self._moment.note()
        return False

    async def render(self, order: Order, report: Callable[[Progress], None]) -> Rendered:
        """Never called, because nothing is drawn."""
        raise NotImplementedError


def measure(bench: Bench) -> list[Line]:
    """Samples in three rounds, the contestants in turns."""
    contestants: dict[str, Callable[[int], list[Pickup]]] = {
        "reactor": partial(pick_up_reactor, bench, bench.farm("pickup_reactor"))
    }
    for driver in pgqueuers.drivers():
        dsn = bench.database(f"pickup_{driver}")
        anyio.run(pgqueuers.install, dsn)
        contestants[f"PgQueuer, {driver}"] = partial(pick_up_pgqueuer, driver, dsn)
    taken: dict[str, list[list[Pickup]]] = {name: [] for name in contestants}
    for _ in range(3):
        for name, pick_up in contestants.items():
            slow = name.endswith("psycopg")
            taken[name].append(pick_up(SLOW_SAMPLES if slow else bench.choose(200, 40)))
    return [
        found
        for since, percent, bound in (
            ("it returned", 50, 1),
            ("it returned", 99, 2),
            ("it was sent", 50, None),
        )
        for found in lines(taken, since, percent, bound)
    ]


def lines(
    taken: dict[str, list[list[Pickup]]], since: str, percent: int, bound: float | None
) -> list[Line]:
    """One percentile of every round, ours against each of the others."""
    what = f"INSERT, since {since} → handler, idle, p{percent}"
    index = Pickup._fields.index("since_sent_ms" if since == "it was sent" else "since_commit_ms")
    values = {
        who: [percentile([sample[index] for sample in samples], percent) for samples in rounds]
        for who, rounds in taken.items()
    }
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
        moment = Moment()
        async with (
            await AsyncConnection.connect(dsn, autocommit=True) as producer,
            reactor_on(bench, dsn, renderers={"noted": Noted(moment)}),
        ):

            async def insert() -> None:
                await producer.execute(INSERT, prepare=True)

            return await samples(insert, moment, count)

    return anyio.run(run)


def pick_up_pgqueuer(driver: Driver, dsn: str, count: int) -> list[Pickup]:
    """With one of PgQueuer's workers."""

    async def run() -> list[Pickup]:
        moment = Moment()
        async with pgqueuers.worker(
            dsn, driver, batch_size=BATCH_SIZE, handle=moment.note
        ) as producer:
            return await samples(producer.enqueue_one, moment, count)

    return anyio.run(run, backend_options=pgqueuers.UVLOOP)


async def samples(
    insert: Callable[[], Awaitable[None]], moment: Moment, count: int
) -> list[Pickup]:
    """One job after another, with a pause in which all comes to rest."""
    taken = []
    for _ in range(WARM_UP + count):
        await anyio.sleep(uniform(*PAUSE_S))
        moment.forget()
        sent = perf_counter()
        await insert()
        returned = perf_counter()
        began = await moment.wait()
        taken.append(Pickup((began - sent) * 1e3, (began - returned) * 1e3))
    return taken[WARM_UP:]
