"""The ground all measurements stand on: one durable PostgreSQL server and one directory."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psycopg
from psycopg import conninfo, sql

from reactor.db.embedded import ensure
from reactor.db.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reactor.db.embedded import EmbeddedPostgres

STOP_S = 60.0


@dataclass(frozen=True)
class Bench:
    """What a measurement is handed."""

    server: EmbeddedPostgres
    directory: Path
    quick: bool

    def choose(self, full: int, quick: int) -> int:
        """How many, for this kind of run."""
        return quick if self.quick else full

    def database(self, name: str) -> str:
        """A new, empty database of that name."""
        with psycopg.connect(self.server.dsn, autocommit=True) as conn:
            named = sql.Identifier(name)
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(named))
            conn.execute(sql.SQL("CREATE DATABASE {}").format(named))
        return conninfo.make_conninfo(self.server.dsn, dbname=name)

    def farm(self, name: str) -> str:
        """A new database with the reactor's schema and no job."""
        dsn = self.database(name)
        anyio.run(migrate, dsn)
        return dsn


@contextmanager
def open_bench(*, quick: bool) -> Iterator[Bench]:
    """A fresh server in a temporary directory; nothing of it is left afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="reactor-benchmarks-"))
    # Root's server runs as another user, who has to get in.
    directory.chmod(0o755)
    try:
        with ensure(directory / "server", durable=True) as server:
            yield Bench(server, directory, quick)
            server.close(wait_s=STOP_S)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def tidy(dsn: str) -> None:
    """Between rounds: what one contestant left to vacuum is not for the next to pay."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")
