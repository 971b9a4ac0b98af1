"""Claims: who gets which job, in which order, and that nobody gets one twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import psycopg
import pytest

from reactor.db import attempts, commands
from reactor.events import SlotFreed
from reactor.handlers.claim import claim

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.db.pool import Database
    from reactor.models import JobId
    from tests.fix_reactor import Table
    from tests.integration.conftest import Worker


async def test_dispatch_claims_atomically(table: Table, worker: Worker, rival: Worker) -> None:
    """Seed 000, test 42: two claims at the same moment get one job each."""
    for _ in range(25):
        await table.insert()
        await table.insert()
        taken: list[list[JobId]] = []

        async def take(who: Worker, taken: list[list[JobId]] = taken) -> None:
            taken.append(await who.claim(1))

        async with anyio.create_task_group() as tg:
            tg.start_soon(take, worker)
            tg.start_soon(take, rival)

        assert [len(ids) for ids in taken] == [1, 1]
        assert taken[0] != taken[1]
    assert await table.rows("SELECT DISTINCT attempt FROM actp_gen_jobs") == [(1,)]


async def test_of_many_claims_at_once_every_job_goes_to_one(table: Table, worker: Worker) -> None:
    await table.rows(
        "INSERT INTO actp_gen_jobs (renderer) SELECT 'easel' FROM generate_series(1, 200)"
    )
    taken: list[JobId] = []

    async def drain() -> None:
        while ids := await worker.claim(7):
            taken.extend(ids)

    async with anyio.create_task_group() as tg:
        for _ in range(6):
            tg.start_soon(drain)

    assert sorted(taken) == list(range(1, 201))
    assert await table.rows("SELECT DISTINCT attempt FROM actp_gen_jobs") == [(1,)]


async def test_the_most_urgent_goes_first_and_then_the_oldest(table: Table, worker: Worker) -> None:
    ids = [await table.insert(priority=priority) for priority in (0, 5, 0, 9, 5, -1)]

    order = [(await worker.claim(1))[0] for _ in ids]

    assert order == [ids[3], ids[1], ids[4], ids[0], ids[2], ids[5]]


async def test_never_more_than_the_slots_and_each_renderer_for_itself(
    table: Table, database: Database
) -> None:
    for renderer in ("a", "b", "c"):
        for _ in range(5):
            await table.insert(renderer=renderer)

    async with database.connection() as conn:
        claims = await attempts.claim_next_jobs(
            conn, {"a": 2, "b": 4, "d": 9}, reactor_id=uuid4(), token=uuid4(), lease_s=30
        )

    assert sorted(claim.renderer for claim in claims) == ["a", "a", "b", "b", "b", "b"]


async def test_no_slots_take_nothing(table: Table, worker: Worker) -> None:
    job = await table.insert()

    assert await worker.claim(0) == []
    assert await table.get(job, "status") == "pending"


async def test_what_is_not_due_or_not_approved_waits(table: Table, worker: Worker) -> None:
    await table.insert(priority=9, run_after="infinity")
    await table.insert(priority=9, approved=False)
    for status in ("complete", "failed", "cancelled"):
        await table.insert(priority=9, status=status)
    due = await table.insert()

    assert await worker.claim(10) == [due]


async def test_a_paused_farm_claims_nothing(
    table: Table, worker: Worker, database: Database
) -> None:
    job = await table.insert()

    async with database.connection() as conn:
        await commands.obey(conn, "pause", given_by="test")
        while_paused = await worker.claim()
        await commands.obey(conn, "resume", given_by="test")

    assert while_paused == []
    assert await worker.claim() == [job]


async def test_a_row_in_somebodys_hand_is_stepped_over(
    table: Table, worker: Worker, dsn: str
) -> None:
    """Somebody edits the most urgent job in psql and has not committed; a claim that waited would never end."""
    top = await table.insert(priority=9)
    next_best = await table.insert()

    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        await conn.execute("UPDATE actp_gen_jobs SET niche = 'x' WHERE id = %s", (top,))
        meanwhile = await worker.claim(5)

    assert meanwhile == [next_best]
    assert await worker.claim(5) == [top]


async def test_a_claim_writes_who_has_it_and_for_how_long(table: Table, worker: Worker) -> None:
    job = await table.insert(error_class="stall", error_message="of the last attempt")

    began = await now(table)
    await worker.claim(lease_s=30)
    ended = await now(table)

    assert await table.get(
        job, "status", "stage", "progress", "attempt", "claimed_by", "claim_token", "error_class"
    ) == ("processing", "claimed", 10, 1, worker.reactor_id, worker.token, None)
    lease = await table.get(job, "lease_expires_at")
    assert began <= lease - timedelta(seconds=30) <= ended


async def now(table: Table) -> datetime:
    """By the database's clock."""
    moment: datetime = (await table.rows("SELECT clock_timestamp()"))[0][0]
    return moment


async def test_a_claim_relaxes_the_disk_for_itself_alone(
    worker: Worker, table: Table, dsn: str
) -> None:
    """`synchronous_commit` is back when the claim is done, also on the same connection."""
    await table.insert()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        claimed = await attempts.claim_next_jobs(
            conn, {"easel": 1}, reactor_id=worker.reactor_id, token=worker.token, lease_s=30
        )
        after = await (await conn.execute("SHOW synchronous_commit")).fetchone()

    assert (len(claimed), after) == (1, ("on",))


async def test_looking_ahead_finds_what_nobody_can_render(table: Table, database: Database) -> None:
    for renderer in ("easel", "oven", "oven", "kiln", "server"):
        await table.insert(renderer=renderer)
    await table.insert(renderer="gone", status="complete")

    async with database.connection() as conn:
        ahead = await attempts.look_ahead(conn, ["easel", "server"])

    assert (sorted(ahead.unroutable), ahead.next_due_s) == (["kiln", "oven"], None)


async def test_looking_ahead_counts_the_renderers_of_living_reactors(
    table: Table, database: Database
) -> None:
    for renderer in ("oven", "kiln"):
        await table.insert(renderer=renderer)
        age = "1 minute" if renderer == "oven" else "1 hour"
        await table.rows(
            "INSERT INTO actp_agent_registry (kind, capabilities, heartbeat_at) VALUES"
            " ('reactor', jsonb_build_object('renderers', ARRAY[%(name)s]), now() - %(age)s::interval)",
            name=renderer,
            age=age,
        )

    async with database.connection() as conn:
        assert (await attempts.look_ahead(conn, ["easel"])).unroutable == ["kiln"]


async def test_looking_ahead_says_when_the_next_job_is_due(
    table: Table, database: Database
) -> None:
    for wait in ("1 hour", "-1 minute", "10 minutes"):
        job = await table.insert()
        await table.rows(
            "UPDATE actp_gen_jobs SET run_after = now() + %(wait)s::interval WHERE id = %(job)s",
            wait=wait,
            job=job,
        )

    async with database.connection() as conn:
        ahead = await attempts.look_ahead(conn, ["easel"])

    left = "extract(epoch FROM run_after - clock_timestamp())::float8"
    assert ahead.next_due_s is not None
    assert await table.get(job, left) <= ahead.next_due_s <= 600


@pytest.mark.parametrize("slow", ["claim_next_jobs", "look_ahead"])
async def test_a_job_that_becomes_due_meanwhile_is_claimed_or_rung_for(
    context: Context, table: Table, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    """The claim came too early for it, or the look ahead too late; not both."""
    job = await table.insert(renderer="dry_run", run_after="infinity")
    statement = getattr(attempts, slow)

    async def take_until_it_is_due(*args: Any, **how: Any) -> Any:
        answer = await statement(*args, **how)
        await table.until("run_after <= clock_timestamp() FROM actp_gen_jobs")
        return answer

    monkeypatch.setattr(attempts, slow, take_until_it_is_due)
    alarms: list[float] = []
    await table.rows("UPDATE actp_gen_jobs SET run_after = now() + interval '0.5 s'")

    await claim([SlotFreed()], replace(context, wake_in=alarms.append))

    claimed = await table.get(job, "status") == "processing"
    assert claimed or alarms
