"""The embedded server starts on demand, is shared, and stops with its last user, however that ends."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from reactor.db.binaries import account
from reactor.db.embedded import ensure
from tests.embedded.servers import DEADLINE_S, has_ended, server_pid, wait_until

if TYPE_CHECKING:
    from tests.embedded.conftest import Users


def keeper_pids(data: Path) -> list[int]:
    """The keepers of that data directory."""
    found = psutil.process_iter(["cmdline"])
    return [
        process.pid
        for process in found
        if "keep" in (line := process.info["cmdline"] or []) and f"{data}/postgres" in line
    ]


def answer(dsn: str, query: str) -> object:
    """The one value a query gives."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


@pytest.mark.parametrize("version", [16, 18])
def test_a_server_starts_on_demand_and_stops_with_its_only_user(
    cluster_dir: Path, version: int
) -> None:
    with ensure(cluster_dir, version=version, durable=False) as server:
        shown = answer(server.dsn, "SELECT current_setting('server_version_num')::int / 10000")

    assert shown == version
    wait_until(lambda: server_pid(cluster_dir) is None)


def test_who_closes_it_may_wait_for_its_end(made_dir: Path) -> None:
    server = ensure(made_dir, durable=False)
    server.close(wait_s=DEADLINE_S)

    assert server_pid(made_dir) is None


def test_a_durable_server_writes_through_to_the_disk(made_dir: Path) -> None:
    with ensure(made_dir) as server:
        shown = answer(server.dsn, "SELECT current_setting('fsync')")

    assert shown == "on"


def test_nothing_listens_on_the_network_and_the_socket_is_private(made_dir: Path) -> None:
    with ensure(made_dir, durable=False) as server:
        addresses = answer(server.dsn, "SELECT current_setting('listen_addresses')")

        assert addresses == ""
        assert server.pgdata.stat().st_mode & 0o777 == 0o700


def test_two_processes_share_one_server(cluster_dir: Path, user: Users) -> None:
    with user(cluster_dir) as other, ensure(cluster_dir, durable=False) as server:
        assert other.dsn() == server.dsn
        first = server_pid(cluster_dir)
        other.leave()

        assert answer(server.dsn, "SELECT 1") == 1
        assert server_pid(cluster_dir) == first


def test_killed_users_are_forgotten_and_the_last_one_takes_the_server_along(
    made_dir: Path, user: Users
) -> None:
    with user(made_dir) as first, user(made_dir) as last:
        dsn = first.dsn()
        assert last.dsn() == dsn
        first.kill()
        assert answer(dsn, "SELECT 1") == 1
        last.kill()

        wait_until(lambda: server_pid(made_dir) is None)
        wait_until(lambda: keeper_pids(made_dir) == [])


def test_a_killed_keeper_is_replaced_and_the_server_goes_on(made_dir: Path) -> None:
    with ensure(made_dir, durable=False):
        before = server_pid(made_dir)
        (keeper,) = keeper_pids(made_dir)
        os.kill(keeper, signal.SIGKILL)
        wait_until(lambda: has_ended(keeper))
        with ensure(made_dir, durable=False):
            assert server_pid(made_dir) == before
            assert len(keeper_pids(made_dir)) == 1

    wait_until(lambda: server_pid(made_dir) is None)


def test_a_killed_server_is_started_again_with_its_data(made_dir: Path) -> None:
    with ensure(made_dir, durable=False) as server:
        with psycopg.connect(server.dsn) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        before = server_pid(made_dir)
        assert before
        os.kill(before, signal.SIGKILL)
        with ensure(made_dir, durable=False) as again:
            assert server_pid(made_dir) != before
            assert answer(again.dsn, "SELECT value FROM kept") == 7


def test_a_server_told_to_stop_by_somebody_else_is_started_again(made_dir: Path) -> None:
    with ensure(made_dir, durable=False):
        before = server_pid(made_dir)
        assert before
        os.kill(before, signal.SIGINT)
        with ensure(made_dir, durable=False) as again:
            assert answer(again.dsn, "SELECT 1") == 1
            assert server_pid(made_dir) != before


def test_twelve_processes_at_once_on_an_empty_directory_make_one_server(
    cluster_dir: Path, user: Users
) -> None:
    with ExitStack() as together:
        others = [together.enter_context(user(cluster_dir)) for _ in range(12)]
        addresses = {other.dsn() for other in others}

        assert len(addresses) == 1
        assert answer(addresses.pop(), "SELECT 1") == 1
        assert len(keeper_pids(cluster_dir)) == 1


def test_a_pid_file_that_names_another_program_does_not_stop_the_start(made_dir: Path) -> None:
    with ensure(made_dir, durable=False) as server:
        stale = server.pgdata / "postmaster.pid"
        text = stale.read_text()
    wait_until(lambda: server_pid(made_dir) is None)
    wait_until(lambda: not stale.exists())
    stale.write_text(text.replace(text.splitlines()[0], str(os.getpid()), 1))

    with ensure(made_dir, durable=False) as server:
        assert answer(server.dsn, "SELECT 1") == 1


def test_a_data_directory_that_was_left_half_made_is_made_anew(cluster_dir: Path) -> None:
    (cluster_dir / ".postgres.new/base").mkdir(parents=True)

    with ensure(cluster_dir, durable=False) as server:
        assert answer(server.dsn, "SELECT 1") == 1
        assert not (cluster_dir / ".postgres.new").exists()


def test_a_keeper_of_a_deleted_directory_leaves_the_new_server_alone(
    cluster_dir: Path, user: Users
) -> None:
    with user(cluster_dir) as old:
        old.dsn()
        (keeper,) = keeper_pids(cluster_dir)
        before = server_pid(cluster_dir)
        assert before
        os.kill(before, signal.SIGINT)
        wait_until(lambda: server_pid(cluster_dir) is None)
        shutil.rmtree(cluster_dir)
        with ensure(cluster_dir, durable=False) as server:
            old.leave()
            wait_until(lambda: keeper not in keeper_pids(cluster_dir))

            assert answer(server.dsn, "SELECT 1") == 1


def test_a_server_whose_data_are_deleted_behind_it_ends_with_its_last_user(made_dir: Path) -> None:
    with ensure(made_dir, durable=False) as used, (made_dir / "postgres.log").open() as log:
        pid = server_pid(made_dir)
        assert pid
        with psycopg.connect(used.dsn, autocommit=True) as connection:
            # With nothing left to write it does not miss its files at once.
            connection.execute("CHECKPOINT")
        # Before its last user leaves, or it might be stopping while its files are removed.
        wait_until(lambda: is_removed(made_dir))
        used.close()
        wait_until(lambda: has_ended(pid))
        said = log.read()

    # By itself it would say something else, after a quarter of a minute or a whole one.
    assert "received immediate shutdown request" in said
    assert "lock file" not in said


def is_removed(directory: Path) -> bool:
    """Remove it, and whether that is done: a server that runs may still make a file."""
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


@pytest.mark.parametrize("name", ["with 'quotes\" and $HOME", "a,comma", "x" * 120])
def test_any_directory_name_will_do(cluster_dir: Path, name: str) -> None:
    data = cluster_dir / name
    with ensure(data, durable=False) as server:
        socket = Path(str(conninfo_to_dict(server.dsn)["host"]))
        status = socket.stat()

        assert answer(server.dsn, "SELECT current_database()") == "reactor"
        assert (status.st_mode & 0o777, status.st_uid) == (0o700, account().uid)
    wait_until(lambda: server_pid(data) is None and not (data / "postgres/postmaster.pid").exists())
    if not socket.is_relative_to(data):
        socket.rmdir()


def test_an_interrupt_at_the_terminal_reaches_neither_server_nor_keeper(
    made_dir: Path, user: Users
) -> None:
    with user(made_dir) as other:
        other.dsn()
        (keeper,) = keeper_pids(made_dir)
        pid = server_pid(made_dir)
        assert pid
        terminal = os.getsid(other.process.pid)

        assert terminal not in (os.getsid(keeper), os.getsid(pid))
        assert terminal not in (os.getpgid(keeper), os.getpgid(pid))


def test_the_server_runs_as_a_user_of_its_own_or_as_ours(made_dir: Path) -> None:
    with ensure(made_dir, durable=False):
        pid = server_pid(made_dir)

        assert pid
        assert psutil.Process(pid).uids().effective == account().uid != 0


def test_an_ordinary_user_runs_the_server_as_themselves(cluster_dir: Path, user: Users) -> None:
    """Root becomes one, and keeps only the right to read the Python that tests run with."""
    nobody = 65534 if os.geteuid() == 0 else os.geteuid()
    become = f"setpriv --reuid={nobody} --regid={nobody} --clear-groups".split()
    rights = (
        "--inh-caps=+dac_read_search,+dac_override --ambient-caps=+dac_read_search,+dac_override"
    )
    prefix = [*become, *rights.split()] if os.geteuid() == 0 else []
    os.chown(cluster_dir.parent, nobody, -1)

    with user(cluster_dir, prefix=prefix) as other:
        assert answer(other.dsn(), "SELECT 1") == 1
        assert (cluster_dir / "postgres").stat().st_uid == nobody
        assert [psutil.Process(pid).uids().real for pid in keeper_pids(cluster_dir)] == [nobody]
        other.kill()

        wait_until(lambda: server_pid(cluster_dir) is None)
