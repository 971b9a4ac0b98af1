"""A hundred thousand finished rows cost the statements of every second nothing: they are not read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import scalar_row

from reactor.db.attempts import claim_next_jobs
from reactor.db.migrate import migrate
from reactor.db.statements import statements
from tests.integration.conftest import created

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import SimpleNamespace

    from reactor.db.pool import Database

ROWS = """
INSERT INTO actp_gen_jobs (renderer, priority, status, completed_at, run_after)
SELECT (ARRAY['server', 'server', 'oven'])[1 + n % 3], n % 5,
       CASE WHEN n % 100 < 96 THEN 'complete' WHEN n % 100 = 96 THEN 'failed' ELSE 'pending' END,
       CASE WHEN n % 100 < 97 THEN now() - make_interval(secs => n) END,
       CASE WHEN n % 100 = 97 THEN now() + make_interval(secs => n) ELSE now() END
  FROM generate_series(1, 100000) AS n;
UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed', claim_token = gen_random_uuid(),
       lease_expires_at = now() + make_interval(secs => CASE WHEN id % 1000 = 98 THEN -60 ELSE 86400 END)
 WHERE id % 200 = 98;
UPDATE actp_gen_jobs SET stage = 'rendered' WHERE id % 400 = 98;
VACUUM ANALYZE actp_gen_jobs;
"""
IDS = list(range(98, 100_000, 2000))


class Expectation(NamedTuple):
    """Parameters as in life, an index that must be used, and how many rows may be looked at."""

    parameters: dict[str, Any]
    uses: str
    rows: int


EXPECTED = {
    "look_ahead": Expectation({"renderers": ["server"]}, "actp_gen_jobs_due", 10),
    # Every lease is looked at: the clock that must not stand still cannot be looked up in an index.
    "take_back_expired_jobs": Expectation({"ours": [1, 2]}, "actp_gen_jobs_leases", 800),
    "take_over_outputs": Expectation(
        {"ours": [1], "reactor_id": uuid4(), "token": uuid4(), "lease_s": 30.0},
        "actp_gen_jobs_leases",
        800,
    ),
    "find_unfinished_outputs": Expectation(
        {"ours": [1], "reactor_id": uuid4()}, "actp_gen_jobs_leases", 500
    ),
    "find_recent_jobs": Expectation({"most": 12}, "actp_gen_jobs_completed", 60),
    "renew_leases": Expectation(
        {"ids": IDS, "tokens": [uuid4() for _ in IDS], "lease_s": 30.0}, "actp_gen_jobs_pkey", 100
    ),
    "release_jobs": Expectation(
        {"ids": IDS, "tokens": [uuid4() for _ in IDS]}, "actp_gen_jobs_pkey", 100
    ),
    "complete_dry_runs": Expectation({"ids": IDS, "token": uuid4()}, "actp_gen_jobs_pkey", 100),
    "get_jobs": Expectation({"ids": IDS}, "actp_gen_jobs_pkey", 100),
}


@pytest.fixture(scope="module")
async def crowded(server: SimpleNamespace) -> AsyncIterator[str]:
    """A farm with a history."""
    async with created(server, encoding="UTF8") as bare:
        await migrate(bare.dsn)
        async with await psycopg.AsyncConnection.connect(bare.dsn, autocommit=True) as conn:
            for statement in filter(str.strip, ROWS.split(";")):
                await conn.execute(statement.encode())
        yield bare.dsn


@pytest.fixture
async def conn(crowded: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A session whose every change is rolled back."""
    async with await psycopg.AsyncConnection.connect(crowded) as opened:
        yield opened
        await opened.rollback()


def text_of(name: str) -> str:
    """The statement of that name, about jobs or about the work on them."""
    return {**statements("jobs"), **statements("attempts")}[name]


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", EXPECTED)
async def test_finished_rows_are_not_read(
    conn: psycopg.AsyncConnection[Any], name: str, mode: str
) -> None:
    expected = EXPECTED[name]

    plan = await explain(conn, text_of(name), expected.parameters, mode=mode)

    scans = [
        node
        for node in nodes(plan)
        if node.get("Relation Name") == "actp_gen_jobs" and "Scan" in node["Node Type"]
    ]
    indexes = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
    assert [node for node in scans if node["Node Type"] == "Seq Scan"] == []
    assert expected.uses in indexes
    assert sum(map(rows_read, scans)) <= expected.rows


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("projects", [0, 40])
async def test_a_claim_reads_no_finished_rows(
    conn: psycopg.AsyncConnection[Any], mode: str, projects: int
) -> None:
    """Its statements are inside of functions, so what was read is counted instead of explained."""
    if projects:
        await conn.execute(
            "UPDATE actp_gen_jobs SET project_id = 'p' || id %% %s WHERE status = 'pending'",
            (projects,),
        )
    await conn.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
    before = await rows_touched(conn)

    claims = await claim_next_jobs(
        conn, {"server": 20, "oven": 5}, reactor_id=uuid4(), token=uuid4(), lease_s=30.0
    )

    sequential, by_index = await rows_touched(conn)
    assert len(claims) == 25
    assert sequential == before[0]
    # Jobs of higher priority that are not due yet are stepped over; with projects, those of each.
    assert by_index - before[1] < 1100 + 150 * projects


async def rows_touched(conn: psycopg.AsyncConnection[Any]) -> tuple[int, int]:
    """How often the job table was read whole, and how many rows came by index, in this transaction."""
    cursor = await conn.execute(
        "SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'actp_gen_jobs'"
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def explain(
    conn: psycopg.AsyncConnection[Any], text: str, parameters: dict[str, Any], *, mode: str
) -> dict[str, Any]:
    """Prepare a statement the way a driver does, run it, and read what was done."""
    names = list(parameters)
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${names.index(found[1]) + 1}", text)
    await conn.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
    await conn.execute(f"PREPARE it AS {numbered.replace('%%', '%')}".encode())
    values = ", ".join("%s" for _ in names)
    cursor = psycopg.AsyncClientCursor(conn, row_factory=scalar_row)
    await cursor.execute(
        f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it({values})".encode(), list(parameters.values())
    )
    explained = await cursor.fetchall()
    plan: dict[str, Any] = explained[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a plan, from the top."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def rows_read(scan: dict[str, Any]) -> float:
    """What a scan fetched, wanted or not."""
    counts = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return float(scan["Actual Loops"] * sum(scan.get(count, 0) for count in counts))


async def test_a_bulk_update_is_not_quadratic_whatever_came_first(database: Database) -> None:
    """The trigger's plan is made at a session's first update; a nested loop would stay for all later ones."""
    async with database.connection() as conn:
        found = await conn.execute(
            "SELECT 'enable_nestloop=off' = ANY (proconfig) FROM pg_proc WHERE proname = 'on_job_update'"
        )

        assert await found.fetchall() == [(True,)]
