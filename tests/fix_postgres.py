"""A real PostgreSQL for the session, and a fresh migrated database for every test that asks for one."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_postgresql import factories
from pytest_postgresql.janitor import DatabaseJanitor

from reactor.db.embedded import ensure
from reactor.db.migrate import migrate
from reactor.db.pool import Database, open_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pytest_postgresql.executor_noop import NoopExecutor

    from reactor.db.embedded import EmbeddedPostgres


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """psycopg speaks asyncio only."""
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[SimpleNamespace]:
    """The embedded server, in the version of REACTOR_TEST_POSTGRES (18)."""
    directory = Path(tempfile.mkdtemp(prefix="reactor-tests-"))
    # As root, Postgres runs under a user of its own, which has to get in.
    directory.chmod(0o755)
    version = int(os.environ.get("REACTOR_TEST_POSTGRES", "18"))
    try:
        with closing_for_good(ensure(directory, version=version, durable=False)) as embedded:
            where = conninfo_to_dict(embedded.dsn)
            yield SimpleNamespace(
                host=where["host"],
                port=where["port"],
                user=where["user"],
                password=None,
                options="",
                maintenance_dbname="postgres",
                template_dbname=None,
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def closing_for_good(embedded: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """Wait until the server is gone, because its files are removed next."""
    try:
        yield embedded
    finally:
        embedded.close(wait_s=30)


def load_schema(**where: Any) -> None:
    """Migrate the template that every test's database is cloned from."""
    names = ("host", "port", "user", "dbname")
    anyio.run(migrate, make_conninfo(**{name: where[name] for name in names}))


migrated = factories.postgresql_noproc(
    dbname="reactor_test", load=[load_schema], depends_on="server"
)


class QuickJanitor(DatabaseJanitor):
    """Copies the template's files, which takes a third of the time that logging their pages does."""

    def init(self) -> None:
        """Clone the template."""
        clone = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        assert self.template_dbname
        names = (self.dbname, self.template_dbname)
        with self.cursor() as cursor:
            cursor.execute(clone.format(*map(sql.Identifier, names)))


@pytest.fixture
def dsn(migrated: NoopExecutor) -> Iterator[str]:
    """A fresh, migrated database."""
    where = {"host": migrated.host, "port": migrated.port, "user": migrated.user}
    where["dbname"] = migrated.dbname
    with QuickJanitor(**where, template_dbname=migrated.template_dbname):
        yield make_conninfo(**where)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The same, opened."""
    async with open_database(dsn, name="test") as opened:
        yield opened
