"""Thirty thousand finished videos cost the filler nothing: only the last days' are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.noon import farm_at_noon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import SimpleNamespace

ROWS = 30_000
TODAY = 300
HISTORY = f"""
INSERT INTO actp_gen_jobs (niche, platform, template_id, status, metadata, completed_at)
SELECT (ARRAY['solopreneur', 'ai_automation'])[1 + n % 2], (ARRAY['youtube', 'x', 'threads'])[1 + n % 3], 'title-card',
       CASE WHEN n % 100 = 7 THEN 'failed' ELSE 'complete' END, '{{"made_by": "filler"}}',
       CASE WHEN n < {TODAY} THEN now() ELSE today - interval '7 days' - make_interval(mins => n) END
  FROM generate_series(1, {ROWS}) AS n, (SELECT reactor.day_begins(reactor.today()) AS today OFFSET 0) AS it
"""


@pytest.fixture(scope="module")
async def old_farm(server: SimpleNamespace) -> AsyncIterator[str]:
    """A farm with a history, for all tests; what they change is rolled back."""
    async with farm_at_noon(server, HISTORY, "VACUUM ANALYZE actp_gen_jobs") as dsn:
        yield dsn


@pytest.fixture
async def conn(old_farm: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A session there, whose every change is rolled back."""
    async with await psycopg.AsyncConnection.connect(old_farm) as opened:
        yield opened
        await opened.rollback()


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize(
    ("call", "most"),
    [
        ("reactor.fill(15)", 8 * TODAY),
        ("reactor.create_job('solopreneur', 'youtube')", 8 * TODAY),
        ("reactor.prioritize()", 100),
        ("reactor.flush_stale(24)", 100),
    ],
)
async def test_finished_rows_are_not_read(
    conn: psycopg.AsyncConnection[Any], mode: str, call: str, most: int
) -> None:
    await conn.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())

    await conn.execute(f"SELECT {call}".encode())

    cursor = await conn.execute(
        "SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'actp_gen_jobs'"
    )
    found = await cursor.fetchone()
    assert found is not None
    assert found[0] == 0
    assert found[1] <= most
