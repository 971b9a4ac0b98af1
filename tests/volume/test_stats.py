"""The quick count of jobs is the plain count, whatever was inserted, changed, removed and recounted, and by whom."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from reactor.db.jobs import get_job_stats
from reactor.db.volume import recount
from reactor.loops.housekeeping import Housekeeping

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from reactor.db.pool import Database
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Table

STATES = ("pending", "processing", "complete", "failed", "cancelled")
PLAIN = "SELECT status, count(*) FROM actp_gen_jobs GROUP BY status"
AGES = ("10 days", "61 minutes", "59 minutes", "0 minutes", "-1 day")
INSERT = """
INSERT INTO actp_gen_jobs (status, completed_at)
SELECT %(status)s::text, now() - %(age)s::interval FROM generate_series(1, %(jobs)s::integer)
"""
SOME = "SELECT id FROM actp_gen_jobs WHERE status = %(status)s ORDER BY random() LIMIT %(jobs)s"
OPEN = "SELECT id FROM actp_gen_jobs WHERE status IN ('pending', 'processing') ORDER BY random() LIMIT %(jobs)s"
CHANGES = {
    "insert": INSERT,
    "delete": f"DELETE FROM actp_gen_jobs WHERE id IN ({SOME})",
    "date back": f"UPDATE actp_gen_jobs SET completed_at = now() - %(age)s::interval WHERE id IN ({SOME})",
    "forget the date": f"UPDATE actp_gen_jobs SET completed_at = NULL WHERE id IN ({SOME})",
    "claim": "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed' WHERE id IN"
    " (SELECT id FROM actp_gen_jobs WHERE status = 'pending' LIMIT %(jobs)s)",
    "end": "UPDATE actp_gen_jobs SET status = 'complete', stage = NULL, completed_at = now() - %(age)s::interval"
    " WHERE id IN (SELECT id FROM actp_gen_jobs WHERE status = 'processing' LIMIT %(jobs)s)",
    "cancel": "UPDATE actp_gen_jobs SET status = 'cancelled', stage = NULL, completed_at = now() - %(age)s::interval"
    f" WHERE id IN ({OPEN})",
    "recount": "SELECT reactor.recount()",
}

OFTEN = [*CHANGES, "recount", "recount"]


async def plain(conn: AsyncConnection) -> dict[str, int]:
    """Every row, counted."""
    counted: dict[str, int] = dict(await (await conn.execute(PLAIN)).fetchall())
    return {state: counted.get(state, 0) for state in STATES}


async def quick(conn: AsyncConnection) -> dict[str, int]:
    """What the statistics say."""
    stats = await get_job_stats(conn)
    assert stats["total"] == sum(stats[state] for state in STATES)
    return {state: stats[state] for state in STATES}


async def tallied(conn: AsyncConnection) -> int:
    """How many jobs need not be counted any more."""
    cursor = await conn.execute("SELECT sum(jobs)::integer FROM reactor.tallies")
    [(jobs,)] = await cursor.fetchall()
    return int(jobs)


async def written(conn: AsyncConnection) -> int:
    """How many tallies this session has written lately."""
    cursor = await conn.execute(
        "SELECT n_tup_upd::integer FROM pg_stat_xact_user_tables WHERE relname = 'tallies'"
    )
    [(rows,)] = await cursor.fetchall()
    return int(rows)


async def change(conn: AsyncConnection, what: str, **values: Any) -> None:
    """One of the changes above."""
    await conn.execute(CHANGES[what].encode(), values)


@pytest.mark.parametrize("seed", range(6))
async def test_it_is_the_plain_count_after_any_changes(conn: AsyncConnection, seed: int) -> None:
    """In transactions that commit and that do not, recounts among them."""
    dice = random.Random(seed)
    tallies = set()
    await change(conn, "insert", status="complete", age="10 days", jobs=30)
    for _ in range(40):
        async with conn.transaction() as transaction:
            for _ in range(dice.randint(1, 3)):
                await change(
                    conn,
                    dice.choice(OFTEN),
                    status=dice.choice(("pending", "complete", "failed", "cancelled")),
                    age=dice.choice(AGES),
                    jobs=dice.randint(1, 4),
                )
                assert await quick(conn) == await plain(conn)
            if dice.random() < 0.3:
                raise psycopg.Rollback(transaction)
        assert await quick(conn) == await plain(conn)
        tallies.add(await tallied(conn))

    # Or there was nothing to get wrong.
    assert 0 in tallies
    assert max(tallies) > 10


@pytest.mark.parametrize("seed", range(6))
async def test_it_is_so_with_transactions_side_by_side(
    database: Database, conn: AsyncConnection, seed: int
) -> None:
    """Three sessions whose transactions overlap, a recount in between, and somebody who looks."""
    dice = random.Random(seed)
    await change(conn, "insert", status="complete", age="10 days", jobs=50)
    await change(conn, "insert", status="cancelled", age="61 minutes", jobs=50)
    async with database.connection() as a, database.connection() as b, database.connection() as c:
        for session in (a, b, c):
            # A row that another holds is left to it.
            await session.execute("SET lock_timeout = '50ms'")
        for _ in range(60):
            session = dice.choice((a, b, c))
            try:
                if session.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                    level = dice.choice(("READ COMMITTED", "REPEATABLE READ"))
                    await session.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
                await change(
                    session,
                    dice.choice(OFTEN),
                    status=dice.choice(("complete", "cancelled", "pending")),
                    age=dice.choice(AGES),
                    jobs=dice.randint(1, 5),
                )
                if dice.random() < 0.4:
                    await session.execute(dice.choice((b"COMMIT", b"COMMIT", b"ROLLBACK")))
            except (psycopg.errors.LockNotAvailable, psycopg.errors.SerializationFailure):
                await session.execute("ROLLBACK")
            if dice.random() < 0.3:
                await recount(conn)
            assert await quick(conn) == await plain(conn)
        for session in (a, b, c):
            await session.execute("ROLLBACK")
            await session.execute("RESET lock_timeout")


async def test_what_ended_long_ago_is_not_counted_again(conn: AsyncConnection) -> None:
    await change(conn, "insert", status="complete", age="2 hours", jobs=7)
    await change(conn, "insert", status="cancelled", age="2 hours", jobs=2)
    await change(conn, "insert", status="complete", age="30 minutes", jobs=3)

    assert await recount(conn)

    assert await tallied(conn) == 9
    assert (await quick(conn))["complete"] == 10


@pytest.mark.parametrize(
    ("what", "age", "kept"),
    [
        ("insert", "59 minutes", 9),
        ("insert", "61 minutes", 0),
        ("delete", "0 minutes", 0),
        ("date back", "0 minutes", 0),
        ("forget the date", "0 minutes", 0),
    ],
)
async def test_only_what_was_counted_drops_the_tally(
    conn: AsyncConnection, what: str, age: str, kept: int
) -> None:
    await change(conn, "insert", status="complete", age="2 hours", jobs=9)
    assert await recount(conn)

    await change(conn, what, status="complete", age=age, jobs=1)

    assert await tallied(conn) == kept
    assert await quick(conn) == await plain(conn)


async def test_what_the_farm_does_all_day_does_not(conn: AsyncConnection) -> None:
    await change(conn, "insert", status="complete", age="2 hours", jobs=9)
    await change(conn, "insert", status="failed", age="2 hours", jobs=1)
    await conn.execute("UPDATE reactor.tallies SET jobs = 0, up_to = '-infinity'")
    assert await recount(conn)

    await conn.execute("INSERT INTO actp_gen_jobs DEFAULT VALUES")
    await conn.execute("INSERT INTO actp_gen_jobs DEFAULT VALUES")
    await change(conn, "claim", jobs=1)
    await change(conn, "end", age="0 minutes", jobs=1)
    await change(conn, "cancel", age="0 minutes", jobs=1)
    await conn.execute(
        "UPDATE actp_gen_jobs SET output_path = '/archive' WHERE status = 'complete'"
    )
    await conn.execute(
        "UPDATE actp_gen_jobs SET status = 'pending', completed_at = NULL WHERE status = 'failed'"
    )
    await conn.execute("DELETE FROM actp_gen_jobs WHERE status = 'pending'")

    assert await tallied(conn) == 9
    assert await quick(conn) == await plain(conn)


async def test_a_million_old_dates_drop_the_tally_once(conn: AsyncConnection) -> None:
    """Else each row writes it again, and reads all that the others wrote."""
    await change(conn, "insert", status="complete", age="2 hours", jobs=50)
    assert await recount(conn)
    async with conn.transaction():
        before = await written(conn)
        await change(conn, "date back", status="complete", age="3 hours", jobs=40)

        assert await written(conn) == before + 2
        # What is counted in between is dropped again.
        assert await recount(conn)
        await change(conn, "date back", status="complete", age="1 minute", jobs=10)
        assert await quick(conn) == await plain(conn)
    assert await tallied(conn) == 0


async def test_truncate_leaves_nothing(conn: AsyncConnection) -> None:
    await change(conn, "insert", status="complete", age="2 hours", jobs=9)
    assert await recount(conn)

    await conn.execute("TRUNCATE actp_gen_jobs")

    assert set((await quick(conn)).values()) == {0}


async def test_a_transaction_that_commits_late_is_counted(
    conn: AsyncConnection, database: Database
) -> None:
    """What it wrote may end up below `up_to`: so that stays an hour behind the beginning of the oldest one."""
    async with database.connection() as late:
        await late.execute("BEGIN")
        await late.execute(
            "INSERT INTO actp_gen_jobs (status, completed_at) VALUES ('complete', now())"
        )

        assert await recount(conn)

        cursor = await conn.execute(
            "SELECT bool_and(up_to = xact_start - interval '1 hour') FROM reactor.tallies, pg_stat_activity"
            " WHERE pid = %s",
            (late.info.backend_pid,),
        )
        assert await cursor.fetchall() == [(True,)]
        await late.execute("COMMIT")
    assert (await quick(conn))["complete"] == 1


async def test_while_somebody_takes_the_tally_away_nobody_counts(
    conn: AsyncConnection, database: Database
) -> None:
    await change(conn, "insert", status="complete", age="2 hours", jobs=9)
    assert await recount(conn)
    async with database.connection() as other:
        await other.execute("BEGIN")
        await change(other, "delete", status="complete", jobs=4)

        assert not await recount(conn)
        assert (await quick(conn))["complete"] == 9

        await other.execute("COMMIT")
    assert (await quick(conn))["complete"] == 5
    assert await recount(conn)
    assert await tallied(conn) == 5


async def test_an_old_view_of_the_table_is_not_counted_in(conn: AsyncConnection) -> None:
    await conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")

    assert not await recount(conn)

    await conn.execute("ROLLBACK")


async def test_housekeeping_counts(
    settings: Settings, database: Database, observer: Observer, table: Table, conn: AsyncConnection
) -> None:
    await change(conn, "insert", status="complete", age="2 hours", jobs=9)

    await Housekeeping(settings, database, observer, lambda: 0).tidy()

    assert await table.rows("SELECT status, jobs FROM reactor.tallies ORDER BY status") == [
        ("cancelled", 0),
        ("complete", 9),
    ]
