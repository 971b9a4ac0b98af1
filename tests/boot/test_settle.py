"""The unit's last step: the embedded PostgreSQL ends by itself before systemd kills what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.db import keeper
from reactor.db.embedded import ensure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.boot.conftest import Machine


def test_it_waits_for_the_embedded_postgres(machine: Machine, data: Path) -> None:
    with ensure(data, durable=False) as server:
        pgdata = str(server.pgdata)
        assert keeper.postmaster(pgdata)

    # The server outlives its last user for a moment.
    done = machine.run("settle", REACTOR_DATA=str(data))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert keeper.postmaster(pgdata) is None
