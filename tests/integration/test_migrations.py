"""From any database a user may bring to this release's schema: once, and whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import anyio
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reactor import jobs
from reactor.db import migrate as migration
from reactor.db.attempts import claim_next_jobs
from reactor.db.migrate import REAPPLIED, check, migrate, script_text
from reactor.db.pool import open_database
from reactor.errors import BadConfiguration, SchemaMismatch, TryAgain
from tests.fix_reactor import PATIENCE_S
from tests.integration.conftest import created

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import SimpleNamespace

    from tests.fix_reactor import Table
    from tests.integration.conftest import Bare

EVERYTHING = [
    "0001_jobs",
    "0002_farm",
    "0003_roles",
    "0004_service",
    "0005_sessions",
    "0006_batches",
    "0007_webhooks",
    "0008_volume",
    *REAPPLIED,
]

WAITING = """
SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'actp_gen_jobs'::regclass
   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def test_an_empty_database_gets_everything_and_a_second_run_does_nothing(bare: Bare) -> None:
    first = await migrate(bare.dsn)
    second = await migrate(bare.dsn)

    assert (first, second) == (EVERYTHING, [])
    assert not await check(bare.dsn)


async def test_check_names_what_is_missing(bare: Bare) -> None:
    todo = await check(bare.dsn)

    assert [script.name for script in todo.scripts] == EVERYTHING
    assert await bare.run("SELECT to_regnamespace('reactor')") == [(None,)]


def test_numbers_are_contiguous() -> None:
    numbers = [int(script.name.partition("_")[0]) for script in migration.numbered()]

    assert numbers == list(range(1, len(numbers) + 1))


async def test_twelve_at_once_apply_everything_once(bare: Bare) -> None:
    applied: list[list[str]] = []

    async def one() -> None:
        applied.append(await migrate(bare.dsn))

    async with anyio.create_task_group() as tg:
        for _ in range(12):
            tg.start_soon(one)

    assert sorted(applied, reverse=True) == [EVERYTHING, *[[]] * 11]
    assert not await check(bare.dsn)


async def test_reapply_puts_functions_and_triggers_in_again(bare: Bare) -> None:
    await migrate(bare.dsn)

    assert await migrate(bare.dsn, reapply=True) == list(REAPPLIED)


async def test_a_changed_function_file_is_applied_again(bare: Bare) -> None:
    await migrate(bare.dsn)
    await bare.run("UPDATE reactor.migrations SET checksum = 'older' WHERE name = 'triggers'")

    assert [script.name for script in (await check(bare.dsn)).scripts] == ["triggers"]
    assert "triggers" in await migrate(bare.dsn)
    assert not await check(bare.dsn)


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TRIGGER reactor_job_insert ON actp_gen_jobs",
        "ALTER TABLE actp_gen_jobs DISABLE TRIGGER reactor_job_update",
        "ALTER TABLE actp_gen_jobs DISABLE TRIGGER USER",
        "ALTER TABLE actp_gen_jobs ENABLE REPLICA TRIGGER reactor_job_insert",
        "DROP TRIGGER reactor_alert_insert ON reactor.alerts",
        "DROP TRIGGER reactor_edl_truncate ON reactor.edls",
        "ALTER TABLE actp_gen_jobs RENAME TO old_jobs;"
        "CREATE TABLE actp_gen_jobs (LIKE old_jobs INCLUDING ALL)",
    ],
)
async def test_a_trigger_dropped_or_switched_off_is_put_back(bare: Bare, damage: str) -> None:
    await migrate(bare.dsn)
    await bare.run(damage)

    assert [script.name for script in (await check(bare.dsn)).scripts] == list(REAPPLIED)
    await migrate(bare.dsn)

    assert not await check(bare.dsn)
    firing = (
        "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'reactor%' AND tgenabled = 'O'"
        " AND tgrelid IN ('actp_gen_jobs'::regclass, 'reactor.alerts'::regclass, 'reactor.control'::regclass, 'reactor.edls'::regclass)"
    )
    assert await bare.run(firing) == [(11,)]


async def test_a_migration_edited_after_it_was_applied_is_refused(bare: Bare) -> None:
    await migrate(bare.dsn)
    await bare.run("UPDATE reactor.migrations SET checksum = 'other' WHERE name = '0002_farm'")

    with pytest.raises(SchemaMismatch, match=r"0002_farm\.sql was changed after it was applied"):
        await migrate(bare.dsn)


async def test_a_database_of_a_newer_release_is_refused(bare: Bare) -> None:
    await migrate(bare.dsn)
    await bare.run("INSERT INTO reactor.migrations VALUES ('9999_future', 'x')")

    with pytest.raises(SchemaMismatch, match=r"newer release \(it has 9999_future\)"):
        await migrate(bare.dsn)


async def test_the_printed_script_makes_the_same_database(bare: Bare, table: Table) -> None:
    """`table` lies in a database migrated the usual way."""
    await bare.run(script_text(await check(bare.dsn)))

    assert not await check(bare.dsn)
    for what, statement in CATALOG.items():
        usual = await table.rows(statement)
        assert usual, what
        assert await bare.run(statement) == usual, what


async def test_the_printed_script_of_an_old_database_brings_it_up_to_date(bare: Bare) -> None:
    await migrate(bare.dsn)
    await bare.run("UPDATE reactor.migrations SET checksum = 'older' WHERE name = 'control'")

    await bare.run(script_text(await check(bare.dsn)))

    assert not await check(bare.dsn)


async def test_a_farm_of_the_first_release_is_brought_up_to_date_with_its_jobs(
    bare: Bare, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_release = migration.numbered()[:3]
    monkeypatch.setattr(migration, "numbered", lambda: first_release)
    monkeypatch.setattr(migration, "reappliable", list)
    await migrate(bare.dsn)
    await bare.run(
        "INSERT INTO actp_gen_jobs (template_id, status, retry_count, project_id, idempotency_key) VALUES"
        " ('t', 'pending', 0, 'p', 'k'), ('t', 'failed', 3, NULL, NULL), ('t', 'complete', 0, NULL, NULL)"
    )
    monkeypatch.undo()

    await migrate(bare.dsn)

    assert not await check(bare.dsn)
    async with open_database(bare.dsn) as database, database.connection() as conn:
        await jobs.retry(conn, 2, force=True, given_by="test")
        claims = await claim_next_jobs(
            conn, {"server": 9}, reactor_id=uuid4(), token=uuid4(), lease_s=30
        )
    assert sorted(claim.id for claim in claims) == [1, 2]


async def test_a_file_that_fails_leaves_no_trace(bare: Bare) -> None:
    """0002 meets a table of its own name: 0001 stays whole, nothing of 0002 does."""
    await bare.run("CREATE SCHEMA reactor; CREATE TABLE reactor.commands (mine text)")

    with pytest.raises(SchemaMismatch, match="0002_farm") as refused:
        await migrate(bare.dsn)

    assert "\n" not in str(refused.value)
    assert await bare.run("SELECT name FROM reactor.migrations") == [("0001_jobs",)]
    assert await bare.run("SELECT to_regclass('reactor.attempts')") == [(None,)]


async def test_somebody_elses_migration_is_waited_for_and_then_left_alone(
    bare: Bare, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await psycopg.AsyncConnection.connect(bare.dsn, autocommit=True) as other:
        await other.execute("SELECT pg_advisory_lock(hashtext('reactor:migrate'))")

        with monkeypatch.context() as patch:
            patch.setattr(migration, "LOCK_WAIT_S", 1)
            with pytest.raises(TryAgain, match="another migration has been running for 1 s"):
                await migrate(bare.dsn)

    assert await bare.run("SELECT to_regnamespace('reactor')") == [(None,)]
    # The other's session lets go of the lock some time after it was closed.
    assert await migrate(bare.dsn) == EVERYTHING


async def test_a_locked_job_table_is_try_again(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "LOCK_WAIT_S", 1)
    await bare.run("CREATE TABLE actp_gen_jobs (id bigint PRIMARY KEY)")
    async with await psycopg.AsyncConnection.connect(bare.dsn) as other:
        await other.execute("LOCK TABLE actp_gen_jobs")

        with pytest.raises(TryAgain, match=r"0001_jobs\.sql: a table is locked"):
            await migrate(bare.dsn)

    assert await bare.run("SELECT count(*) FROM reactor.migrations") == [(0,)]


async def test_a_wait_in_a_circle_is_try_again(bare: Bare) -> None:
    """Somebody has the job table and wants what the migration holds; one of the two has to give way."""
    async with await migration.open_plain(bare.dsn) as conn:
        await migration.prepare_bookkeeping(conn)
        for script in migration.numbered()[:7]:
            await migration.apply(conn, script)
    ended: list[Exception] = []

    async def migrate_again() -> None:
        try:
            await migrate(bare.dsn)
        except TryAgain as wrong:
            ended.append(wrong)

    async with (
        await psycopg.AsyncConnection.connect(bare.dsn) as other,
        anyio.create_task_group() as tg,
    ):
        # It is never the one that looks for a circle. The migration looks once, a second after it began to wait;
        # should the circle be closed later than that, it gives way when it has waited for LOCK_WAIT_S.
        await other.execute("SET deadlock_timeout = '1h'")
        await other.execute("INSERT INTO actp_gen_jobs DEFAULT VALUES")
        tg.start_soon(migrate_again)
        with anyio.fail_after(PATIENCE_S):
            while not await bare.run(WAITING):
                await anyio.sleep(0.01)
        await other.execute("SELECT count(*) FROM reactor.control")
        await other.commit()

    assert str(ended[0]) == "0008_volume.sql: a table is locked by somebody else"
    assert await migrate(bare.dsn) == EVERYTHING[7:]


async def test_an_encoding_other_than_utf8_is_refused(server: SimpleNamespace) -> None:
    async with created(server, encoding="SQL_ASCII") as ascii_only:
        with pytest.raises(SchemaMismatch, match="encoding is not UTF8"):
            await migrate(ascii_only.dsn)


@pytest.fixture
async def reader(bare: Bare) -> AsyncIterator[str]:
    """The DSN of a role that may connect and read."""
    role = f"reader_{uuid4().hex}"
    await bare.run(f"CREATE ROLE {role} LOGIN; GRANT pg_read_all_data TO {role}")
    yield make_conninfo(bare.dsn, user=role)
    await bare.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_who_may_not_create_is_told_of_the_script(bare: Bare, reader: str) -> None:
    with pytest.raises(BadConfiguration, match="migrate --sql") as refused:
        await migrate(reader)

    assert "\n" not in str(refused.value)
    assert script_text(await check(reader)) == script_text(await check(bare.dsn))


async def test_who_may_only_read_the_finished_schema_finds_nothing_to_do(
    bare: Bare, reader: str
) -> None:
    await migrate(bare.dsn)

    assert await migrate(reader) == []


async def test_who_may_not_even_look_is_told_of_the_script(bare: Bare, reader: str) -> None:
    await migrate(bare.dsn)
    await bare.run(
        f"REVOKE pg_read_all_data FROM {psycopg.conninfo.conninfo_to_dict(reader)['user']}"
    )

    with pytest.raises(BadConfiguration, match="migrate --sql"):
        await migrate(reader)


CATALOG = {
    "columns": """
        SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               a.attidentity, pg_get_expr(d.adbin, d.adrelid), c.reloptions::text, c.relacl::text
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relnamespace IN ('public'::regnamespace, 'reactor'::regnamespace) AND c.relkind = 'r'
         ORDER BY 1, a.attnum""",
    "indexes": """
        SELECT indexdef FROM pg_indexes WHERE schemaname IN ('public', 'reactor')
         ORDER BY indexdef COLLATE "C" """,
    "constraints": """
        SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE connamespace IN ('public'::regnamespace, 'reactor'::regnamespace) ORDER BY 1, 2""",
    "triggers": "SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1",
    "functions": """
        SELECT pg_get_functiondef(oid), proacl::text FROM pg_proc
         WHERE pronamespace = 'reactor'::regnamespace ORDER BY oid::regprocedure::text COLLATE "C" """,
    "migrations": 'SELECT name, checksum FROM reactor.migrations ORDER BY name COLLATE "C"',
}
