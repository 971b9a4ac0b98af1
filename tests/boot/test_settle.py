"""The unit's last step: the embedded PostgreSQL ends by itself before systemd kills what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.testing import CliRunner

from reactor.cli import boot
from reactor.cli.app import app
from reactor.db import keeper
from reactor.db.embedded import ensure
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_waits_for_the_embedded_postgres(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTOR_DATA", str(data))
    # On a slow machine PostgreSQL's end takes longer than systemd would wait.
    monkeypatch.setattr(boot, "SETTLE_S", PATIENCE_S)
    with ensure(data, durable=False) as server:
        pgdata = str(server.pgdata)
        assert keeper.postmaster(pgdata)

    # The server outlives its last user for a moment.
    done = CliRunner().invoke(app, ["service", "settle"])

    assert (done.exit_code, done.output) == (0, "")
    assert keeper.postmaster(pgdata) is None
