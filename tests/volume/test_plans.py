"""A hundred thousand finished rows cost the numbers nothing: what is counted is found by index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.noon import farm_at_noon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import SimpleNamespace

# Ten years of a video an hour; each hundredth was cancelled.
ROWS = """
INSERT INTO actp_gen_jobs (platform, status, completed_at)
SELECT (ARRAY['youtube', 'x', NULL])[1 + n % 3], CASE WHEN n % 100 = 0 THEN 'cancelled' ELSE 'complete' END,
       now() - make_interval(hours => n)
  FROM generate_series(0, 99999) AS n;
INSERT INTO actp_gen_jobs (platform) SELECT 'x' FROM generate_series(1, 20);
SELECT reactor.recount();
VACUUM ANALYZE actp_gen_jobs
"""
MOST = {
    "SELECT reactor.count_renders_today()": 24,
    "SELECT * FROM reactor.count_by_platform(reactor.today())": 25,
    "SELECT reactor.get_daily_velocity()": 168,
    "SELECT reactor.is_on_pace()": 24,
    "SELECT * FROM reactor.pace": 24 + 168 + 24,
    "SELECT * FROM reactor.platform_pace": 48 + 200,
    "SELECT * FROM reactor.renders_by_day": 720,
    "SELECT * FROM reactor.renders_by_day_and_platform": 720,
    "SELECT * FROM reactor.get_job_stats()": 100,
    "SELECT * FROM reactor.stats()": 100,
}
"""How many rows each may look at."""


@pytest.fixture(scope="module")
async def old_farm(server: SimpleNamespace) -> AsyncIterator[str]:
    """A farm with a history."""
    # Right after midnight nothing is of today, and no index has anything to give.
    async with farm_at_noon(server, *ROWS.split(";\n")) as dsn:
        yield dsn


async def looked_at(conn: psycopg.AsyncConnection[Any]) -> tuple[int, int]:
    """How often the job table was read whole in this transaction, and how many entries its indexes gave."""
    cursor = await conn.execute(
        "SELECT pg_stat_get_xact_numscans('actp_gen_jobs'::regclass), sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint"
        "  FROM pg_index WHERE indrelid = 'actp_gen_jobs'::regclass"
    )
    [(whole, entries)] = await cursor.fetchall()
    return whole, entries


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("statement", MOST)
async def test_finished_rows_are_not_read(old_farm: str, statement: str, mode: str) -> None:
    async with await psycopg.AsyncConnection.connect(old_farm) as conn:
        await conn.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())

        await conn.execute(statement.encode())

        whole, entries = await looked_at(conn)
        await conn.rollback()
    assert whole == 0
    assert 0 < entries <= MOST[statement]


async def test_without_a_tally_all_are_counted_and_the_counter_sees_it(old_farm: str) -> None:
    """Right, only slower; and the test above would notice."""
    async with await psycopg.AsyncConnection.connect(old_farm) as conn:
        await conn.execute("SELECT reactor.drop_tallies()")
        cursor = await conn.execute("SELECT complete, cancelled FROM reactor.stats()")
        counted = await cursor.fetchall()
        whole, entries = await looked_at(conn)
        await conn.rollback()

    assert counted == [(99_000, 1000)]
    assert whole > 0 or entries >= 100_000
