"""Bring a database to this release's schema: numbered files once each, then the re-appliable ones.

Forward only, one transaction each, guarded by an advisory lock, so twelve daemons that start together
apply everything exactly once. A file that was edited after it was applied is refused.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, LiteralString

import anyio
import psycopg
from psycopg.rows import tuple_row

from reactor.db.pool import connect, unavailable
from reactor.db.statements import sql_dir
from reactor.errors import BadConfiguration, SchemaMismatch, TryAgain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from psycopg import AsyncConnection

    from reactor.settings import Settings

CONNECT_WAIT_S = 60
LOCK_WAIT_S = 60
MIGRATION_TIMEOUT_S = 600
OLDEST_POSTGRES = 140000
REAPPLIED = (
    "triggers",
    "views",
    "sessions",
    "volume",
    "stats",
    "alerts",
    "publish",
    "filler",
    "claim",
    "why",
    "control",
    "grants",
)
"""Functions, views and triggers in the order of what they need; the grants come last."""

BOOKKEEPING = """
CREATE SCHEMA IF NOT EXISTS reactor;
CREATE TABLE IF NOT EXISTS reactor.migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""
REMEMBER = """
INSERT INTO reactor.migrations (name, checksum) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()
"""
# Present and firing: a trigger somebody dropped or switched off is put back at the next start, also
# when the job table is not the one it was (renamed away and made anew).
TRIGGERS = """
SELECT count(*)
  FROM unnest(%s::text[], %s::text[]) AS wanted (name, of_table)
  JOIN pg_trigger ON tgname = wanted.name AND tgrelid = to_regclass(wanted.of_table)
 WHERE tgenabled IN ('O', 'A')
"""
TRIGGER = re.compile(
    r"^CREATE OR REPLACE TRIGGER (\w+) (?:BEFORE|AFTER) [\w, ]+? ON ([\w.]+)", re.MULTILINE
)


@dataclass(frozen=True)
class Script:
    """One SQL file."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def text(self) -> LiteralString:
        return self.path.read_text("utf-8")

    @cached_property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Plan:
    """What has to be applied, in order; nothing when the database is up to date."""

    migrations: Sequence[Script]
    reapplied: Sequence[Script]

    def __bool__(self) -> bool:
        return bool(self.migrations or self.reapplied)

    @property
    def scripts(self) -> list[Script]:
        """Everything, in the order of application."""
        return [*self.migrations, *self.reapplied]


def numbered() -> list[Script]:
    """The migrations of this release, in order."""
    return [Script(path) for path in sorted((sql_dir() / "migrations").glob("[0-9]*.sql"))]


def reappliable() -> list[Script]:
    """Functions and triggers: one current text each."""
    return [Script(sql_dir() / f"{name}.sql") for name in REAPPLIED]


async def check(dsn: str) -> Plan:
    """What `migrate` would apply; SchemaMismatch when the database is not one it can help."""
    async with await open_plain(dsn) as conn:
        return await plan(conn)


async def migrate(dsn: str, *, reapply: bool = False) -> list[str]:
    """Apply what is missing; the names of what was applied. Safe to run from many processes at once."""
    async with await open_plain(dsn) as conn:
        await refuse_old_servers(conn)
        if not reapply and not await plan(conn):
            return []
        await take_lock(conn)
        await prepare_bookkeeping(conn)
        todo = await plan(conn)
        scripts = [*todo.migrations, *(reappliable() if reapply or todo else ())]
        for script in scripts:
            await apply(conn, script)
        return [script.name for script in scripts]


async def bring_up_to_date(dsn: str, settings: Settings) -> None:
    """Migrate unless told not to; then an old schema is refused."""
    if settings.migrate:
        await migrate(dsn)
    elif todo := await check(dsn):
        names = ", ".join(script.name for script in todo.scripts)
        raise SchemaMismatch(f"the database lacks {names}; run `bin/reactor migrate`")


def script_text(todo: Plan) -> str:
    """The plan as one SQL text for an administrator to read and run."""
    parts = ["BEGIN;", BOOKKEEPING.strip()]
    for script in [*todo.migrations, *reappliable()]:
        parts += [
            f"-- {script.path.name}",
            script.text.strip(),
            REMEMBER.strip().replace("%s, %s", f"'{script.name}', '{script.checksum}'") + ";",
        ]
    return "\n\n".join([*parts, "COMMIT;"]) + "\n"


async def plan(conn: AsyncConnection) -> Plan:
    """Compare the files with what the database says was applied."""
    applied = await read_applied(conn)
    known = {script.name for script in [*numbered(), *reappliable()]}
    if newer := sorted(set(applied) - known):
        raise SchemaMismatch(
            f"the database was migrated by a newer release (it has {', '.join(newer)});"
            " run that release, or restore a backup"
        )
    for script in numbered():
        if applied.get(script.name, script.checksum) != script.checksum:
            raise SchemaMismatch(
                f"sql/migrations/{script.path.name} was changed after it was applied;"
                " restore the file and put the change into a new migration"
            )
    missing = [script for script in numbered() if script.name not in applied]
    stale = [s for s in reappliable() if applied.get(s.name) != s.checksum]
    if not missing and not stale and not await triggers_present(conn):
        stale = reappliable()
    return Plan(missing, stale)


async def read_applied(conn: AsyncConnection) -> Mapping[str, str]:
    """Name to checksum; empty for a database that has never been migrated."""
    try:
        cursor = await conn.cursor(row_factory=tuple_row).execute(
            "SELECT name, checksum FROM reactor.migrations"
        )
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return {}
    except psycopg.errors.InsufficientPrivilege as refused:
        raise not_allowed("reactor.migrations", refused) from None
    return dict(await cursor.fetchall())


async def triggers_present(conn: AsyncConnection) -> bool:
    """Whether every trigger of `triggers.sql` is there and switched on."""
    wanted = [found for script in reappliable() for found in TRIGGER.findall(script.text)]
    names, tables = map(list, zip(*wanted, strict=True))
    cursor = await conn.execute(TRIGGERS, (names, tables))
    row = await cursor.fetchone()
    return row is not None and row[0] == len(wanted)


async def prepare_bookkeeping(conn: AsyncConnection) -> None:
    """Have a place to write down what was applied."""
    try:
        await conn.execute(BOOKKEEPING)
    except psycopg.errors.InsufficientPrivilege as refused:
        raise not_allowed("schema reactor", refused) from None


async def apply(conn: AsyncConnection, script: Script) -> None:
    """Run one file and remember it, in one transaction."""
    try:
        async with conn.transaction():
            await conn.execute(script.text)
            await conn.execute(REMEMBER, (script.name, script.checksum))
    except psycopg.errors.InsufficientPrivilege as refused:
        raise not_allowed(script.path.name, refused) from None
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        raise TryAgain(f"{script.path.name}: a table is locked by somebody else") from None
    except psycopg.Error as wrong:
        hint = f" ({wrong.diag.message_hint})" if wrong.diag.message_hint else ""
        raise SchemaMismatch(f"{script.path.name}: {wrong.diag.message_primary}{hint}") from None


def not_allowed(what: str, refused: psycopg.Error) -> BadConfiguration:
    """Who has the right, and what they should run."""
    return BadConfiguration(
        f"{what}: {refused.diag.message_primary}; let the database's owner run what"
        " `bin/reactor migrate --sql` prints, and use a role that is a member of reactor_daemon"
    )


async def take_lock(conn: AsyncConnection) -> None:
    """One migrator at a time; the lock goes with the connection, also when its holder is killed."""
    await conn.execute(f"SET lock_timeout = '{LOCK_WAIT_S}s'")
    await conn.execute(f"SET statement_timeout = '{MIGRATION_TIMEOUT_S}s'")
    try:
        await conn.execute("SELECT pg_advisory_lock(hashtext('reactor:migrate'))")
    except psycopg.errors.LockNotAvailable:
        raise TryAgain(
            f"another migration has been running for {LOCK_WAIT_S} s; try again when it is done"
        ) from None


async def refuse_old_servers(conn: AsyncConnection) -> None:
    """Transition tables, identity and what else we use exist from PostgreSQL 14 on."""
    version = conn.info.server_version
    if version < OLDEST_POSTGRES:
        raise SchemaMismatch(f"PostgreSQL {version // 10000} is too old; 14 to 18 are supported")
    if conn.info.parameter_status("server_encoding") != "UTF8":
        raise SchemaMismatch("the database's encoding is not UTF8; create one with ENCODING 'UTF8'")


async def open_plain(dsn: str) -> AsyncConnection:
    """A connection outside any pool."""
    try:
        with anyio.fail_after(CONNECT_WAIT_S, shield=True):
            return await connect(dsn, name="reactor migrate")
    except (psycopg.Error, UnicodeError, TimeoutError) as wrong:
        raise unavailable(dsn, wrong) from None
