"""What is locked stays as it is, also for the tables' owner in psql."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import psycopg
import pytest

from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from tests.fix_reactor import Table
    from tests.sessions.conftest import Psql

UNLOCK = "UPDATE reactor.edls SET status = 'draft'"
LOCK = "UPDATE reactor.edls SET status = 'locked'"
BLOCKED = "cardinality(pg_blocking_pids(pid)) > 0 FROM pg_stat_activity WHERE pid = %(pid)s"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reactor.edls SET cuts = '[]'",
        "UPDATE reactor.edls SET cuts = '[]', status = 'draft'",
        "UPDATE reactor.edls SET cuts = cuts - 0 WHERE session_id = 's1'",
        "INSERT INTO reactor.edls (session_id, cuts) VALUES ('s1', '[]')"
        " ON CONFLICT (session_id) DO UPDATE SET cuts = excluded.cuts",
        "DELETE FROM reactor.edls",
        "DELETE FROM reactor.sessions",
        "TRUNCATE reactor.edls",
        "TRUNCATE reactor.sessions CASCADE",
        "INSERT INTO reactor.sessions (session_id) VALUES ('s2');"
        "UPDATE reactor.edls SET session_id = 's2'",
    ],
)
async def test_locked_cuts_cannot_be_changed(ready: str, psql: Psql, statement: str) -> None:
    before = await psql.run("SELECT session_id, cuts FROM reactor.edls")

    with pytest.raises(psycopg.errors.RestrictViolation) as refused:
        await psql.run(statement)

    assert "locked" in str(refused.value)
    assert "UPDATE reactor.edls SET status = 'draft'" in str(refused.value.diag.message_hint)
    assert await psql.run("SELECT session_id, cuts FROM reactor.edls") == before


async def test_the_refusal_names_the_session(ready: str, psql: Psql) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation) as refused:
        await psql.run("UPDATE reactor.edls SET cuts = '[]'")

    said = refused.value.diag
    assert said.message_primary == "session s1: its EDL is locked and cannot be changed"
    await psql.run(str(said.message_hint).removeprefix("Before that, "))
    await psql.run("UPDATE reactor.edls SET cuts = '[]'")


async def test_locking_and_unlocking_write_down_when(ready: str, psql: Psql) -> None:
    at = "SELECT status, locked_at IS NOT NULL, locked_at FROM reactor.edls"
    [locked] = await psql.run(at)
    # Whoever says otherwise is not heard.
    await psql.run("UPDATE reactor.edls SET locked_at = NULL, status = 'locked'")
    assert await psql.run(at) == [locked]

    await psql.run(UNLOCK)
    assert await psql.run(at) == [("draft", False, None)]
    await psql.run("UPDATE reactor.edls SET cuts = '[1]'")
    await psql.run(LOCK)

    [again] = await psql.run(at)
    assert again[:2] == ("locked", True)
    assert again[2] > locked[2]


async def test_a_locked_one_may_be_inserted(ready: str, psql: Psql) -> None:
    await psql.run("INSERT INTO reactor.sessions (session_id) VALUES ('s2')")
    await psql.run("INSERT INTO reactor.edls (session_id, status) VALUES ('s2', 'locked')")

    assert await psql.run(
        "SELECT locked_at IS NOT NULL FROM reactor.edls WHERE session_id = 's2'"
    ) == [(True,)]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM reactor.assets WHERE asset_id = 'left'",
        "UPDATE reactor.assets SET mezzanine_url = NULL WHERE asset_id = 'right'",
        "UPDATE reactor.assets SET mezzanine_url = '  ' WHERE asset_id = 'right'",
        "UPDATE reactor.assets SET asset_id = 'other' WHERE asset_id = 'left'",
        "TRUNCATE reactor.assets",
    ],
)
async def test_assets_of_locked_cuts_stay(ready: str, psql: Psql, statement: str) -> None:
    before = await psql.run("SELECT * FROM reactor.assets ORDER BY 2")

    with pytest.raises(psycopg.errors.RestrictViolation, match="locked"):
        await psql.run(statement)

    assert await psql.run("SELECT * FROM reactor.assets ORDER BY 2") == before


async def test_other_assets_and_other_columns_may_be_changed(ready: str, psql: Psql) -> None:
    await psql.run("INSERT INTO reactor.assets (session_id, asset_id) VALUES ('s1', 'unused')")
    await psql.run("UPDATE reactor.assets SET mezzanine_url = 'moved.mov', duration_s = 20")
    await psql.run("UPDATE reactor.assets SET mezzanine_url = NULL WHERE asset_id = 'unused'")
    await psql.run("DELETE FROM reactor.assets WHERE asset_id = 'unused'")

    assert await psql.run("SELECT DISTINCT mezzanine_url, duration_s FROM reactor.assets") == [
        ("moved.mov", 20)
    ]


async def test_a_draft_can_be_changed_and_a_session_without_locked_cuts_deleted(
    ready: str, psql: Psql
) -> None:
    await psql.run(UNLOCK)
    await psql.run("UPDATE reactor.assets SET mezzanine_url = NULL")
    await psql.run("DELETE FROM reactor.sessions")

    assert await psql.run("SELECT count(*) FROM reactor.edls") == [(0,)]
    assert await psql.run("SELECT count(*) FROM reactor.assets") == [(0,)]


async def test_an_asset_that_is_deleted_in_the_moment_of_locking_stays(
    ready: str, psql: Psql, table: Table
) -> None:
    await psql.run(UNLOCK)
    refused: list[str] = []

    async def delete(conn: psycopg.AsyncConnection) -> None:
        try:
            await conn.execute("DELETE FROM reactor.assets WHERE asset_id = 'left'")
        except psycopg.errors.RestrictViolation as wrong:
            refused.append(str(wrong.diag.message_primary))

    async with await psycopg.AsyncConnection.connect(psql.dsn, autocommit=True) as deleter:
        with anyio.fail_after(PATIENCE_S):
            async with anyio.create_task_group() as tg, psql.held(LOCK):
                tg.start_soon(delete, deleter)
                await table.until(BLOCKED, pid=deleter.info.backend_pid)

    assert refused == [
        "session s1: asset 'left' is in the locked EDL and must keep its name and its mezzanine_url"
    ]


@pytest.mark.parametrize("cuts", ["NULL", "'null'", "'{}'", "'7'"])
async def test_cuts_are_a_list_at_least(ready: str, psql: Psql, cuts: str) -> None:
    await psql.run(UNLOCK)

    with pytest.raises(psycopg.IntegrityError, match="cuts"):
        await psql.run(f"UPDATE reactor.edls SET cuts = {cuts}")


@pytest.mark.parametrize("seconds", ["'NaN'", "'infinity'", "0", "-1"])
async def test_a_film_lasts_some_seconds(ready: str, psql: Psql, seconds: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="duration_s"):
        await psql.run(f"UPDATE reactor.assets SET duration_s = {seconds}")
