"""A real PostgreSQL for the session, and a fresh migrated database for every test that asks for one."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import psutil
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_postgresql import factories

from reactor.db.embedded import ensure
from reactor.db.migrate import migrate
from reactor.db.pool import Database, open_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import psycopg

    from reactor.db.embedded import EmbeddedPostgres

ENOUGH = 8 * 2**30


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """psycopg speaks asyncio only."""
    return "asyncio"


@pytest.fixture(scope="session")
def server() -> Iterator[SimpleNamespace]:
    """The embedded server, in the version of REACTOR_TEST_POSTGRES (18)."""
    directory = Path(tempfile.mkdtemp(prefix="reactor-tests-", dir=memory()))
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


def memory() -> str | None:
    """A directory in memory where there is plenty of it: every test's database is four hundred files."""
    place = "/dev/shm"  # noqa: S108
    if sys.platform != "linux" or not os.access(place, os.W_OK):
        return None
    free = min(shutil.disk_usage(place).free, psutil.virtual_memory().available)
    # Where only root can enter the wheel, the server's programs are run from a copy in there.
    may_run = not os.statvfs(place).f_flag & os.ST_NOEXEC
    return place if free > ENOUGH and may_run else None


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
postgresql = factories.postgresql("migrated")


@pytest.fixture
def dsn(postgresql: psycopg.Connection[Any]) -> str:
    """A fresh, migrated database."""
    info = postgresql.info
    return make_conninfo(host=info.host, port=info.port, user=info.user, dbname=info.dbname)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """The same, opened."""
    async with open_database(dsn, name="test") as opened:
        yield opened
