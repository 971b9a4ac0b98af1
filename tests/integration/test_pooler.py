"""Behind a real PgBouncer in transaction mode: work goes through it, ears go around it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from reactor.loops import listener
from reactor.observe import Observer, Seen
from tests.fix_reactor import LOOK_S, PATIENCE_S, seeing
from tests.integration.conftest import until_hearing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from reactor.context import Context
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]

pytestmark = pytest.mark.skipif(
    shutil.which("pgbouncer") is None, reason="pgbouncer is not installed; .ci/run installs it"
)


@pytest.fixture
async def pooler_dsn(dsn: str, data: Path) -> AsyncIterator[str]:
    """A PgBouncer in transaction mode before the test's database."""
    where = conninfo_to_dict(dsn)
    owner = Path(str(where["host"])).stat().st_uid
    # A socket of its own: a free port could be somebody else's by the time it is bound.
    sockets = data / "pgbouncer"
    sockets.mkdir()
    os.chown(sockets, owner, -1)
    config = data / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host={where['host']} port={where['port']} user=postgres\n"
        f"[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {sockets}\n"
        "auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\n"
        "ignore_startup_parameters = options\n"
    )
    config.chmod(0o644)
    # PgBouncer refuses to run as root, and only the server's own user gets at its socket.
    command = [shutil.which("pgbouncer") or "pgbouncer", "-q", str(config)]
    with (data / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, user=owner)
    try:
        pooled = make_conninfo(
            host=str(sockets), port=6432, user="postgres", dbname=where["dbname"]
        )
        await until_answering(pooled)
        yield pooled
    finally:
        # A request to stop would wait for clients that have not yet gone, in newer releases.
        process.kill()
        process.wait()


async def until_answering(dsn: str) -> None:
    """Wait until the pooler hands out a connection."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(dsn):
                    return
            except psycopg.OperationalError:
                await anyio.sleep(LOOK_S)


async def test_with_a_direct_way_to_listen_everything_works_through_the_pooler(
    pooler_dsn: str, start: Start, table: Table, dsn: str
) -> None:
    context = await start(
        database_url=SecretStr(pooler_dsn), listen_url=SecretStr(dsn), sweep_s=600
    )
    await until_hearing(context)

    for _ in range(5):
        await table.until_status(await table.insert(), "complete")


async def test_ears_behind_the_pooler_are_found_deaf_and_the_sweep_does_the_work(
    pooler_dsn: str,
    start: Start,
    table: Table,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "ANSWER_S", 1)
    async with seeing(observer, Seen.LISTEN_DEAF):
        context = await start(
            database_url=SecretStr(pooler_dsn), listen_url=SecretStr(pooler_dsn), sweep_s=0.5
        )

    assert context.listener.mode == "poll"
    await table.until_status(await table.insert(), "complete")
