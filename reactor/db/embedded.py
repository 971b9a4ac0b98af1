"""PostgreSQL without a set-up: started on demand, shared by all commands, stopped with the last.

Every user holds a shared lock on `postgres.users` under the data directory; the kernel drops it when
the process ends, however it ends. `keeper.py`, a tiny process in the background, waits for all of
them to be gone and stops the server. Nothing listens on a network; the socket's directory is 0700.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from reactor.db import keeper
from reactor.db.binaries import bin_dir, psql_path
from reactor.db.cluster import (
    PORT,
    Cluster,
    forget_dead_server,
    initialise,
    prepare,
    refuse_foreign,
    socket_directory,
    socket_in_use,
)
from reactor.errors import DatabaseUnavailable, TryAgain

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["EmbeddedPostgres", "ensure", "psql_path"]

GRACE_S = 1.5
"""How long the server outlives its last user, so that one command after another finds it warm."""
START_PATIENCE_S = 90.0
STOP_PATIENCE_S = 90.0
KEEPER_PATIENCE_S = 30.0
POLL_S = 0.02
LAUNCHES = 4
SETTINGS = (
    f"port={PORT}",
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "jit=off",
    # A failed statement is for its sender to report; its values have no place in a log.
    "log_min_messages=log",
    "log_min_error_statement=panic",
    "log_checkpoints=off",
)
NOT_DURABLE = ("fsync=off", "full_page_writes=off")


class EmbeddedPostgres:
    """A running server, ours to use until `close`, or until this process ends."""

    def __init__(self, cluster: Cluster, database: str, *, users: int) -> None:
        socket = quote(str(socket_in_use(cluster)), safe="")
        self.dsn = f"postgresql://postgres@/{quote(database, safe='')}?host={socket}&port={PORT}"
        self.bin_dir = bin_dir(cluster.version)
        self.pgdata = cluster.pgdata
        self._users = users

    def close(self, *, wait_s: float = 0.0) -> None:
        """Stop using the server. Without users it ends a moment later; `wait_s` waits for that."""
        if self._users >= 0:
            os.close(self._users)
            self._users = -1
        deadline = time.monotonic() + wait_s
        while keeper.postmaster(str(self.pgdata)) and time.monotonic() < deadline:
            time.sleep(POLL_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def ensure(
    data: Path, *, version: int = 18, database: str = "reactor", durable: bool = True
) -> EmbeddedPostgres:
    """Make sure the server under `data` runs and has that database, and become one of its users.

    `durable=False` is for throw-away tests: a crash of the machine would spoil the data.
    """
    cluster = prepare(data, version=version, durable=durable)
    try:
        users = lock(cluster, "users", fcntl.LOCK_SH, patience_s=STOP_PATIENCE_S)
        try:
            start(cluster, database)
            return EmbeddedPostgres(cluster, database, users=users)
        except BaseException:
            os.close(users)
            raise
    except OSError as problem:
        raise DatabaseUnavailable(f"{problem.filename or data}: {problem.strerror}") from None


def start(cluster: Cluster, database: str) -> None:
    """Whatever is missing: data directory, keeper, server, database; one process at a time."""
    starting = lock(cluster, "start", fcntl.LOCK_EX, patience_s=START_PATIENCE_S)
    try:
        refuse_foreign(cluster)
        if not cluster.pgdata.exists():
            initialise(cluster)
        start_keeper(cluster)
        with connection(cluster) as first:
            known = "SELECT 1 FROM pg_database WHERE datname = %(name)s"
            if first.execute(known, {"name": database}).fetchone() is None:
                first.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    finally:
        os.close(starting)


def lock(cluster: Cluster, name: str, kind: int, *, patience_s: float) -> int:
    """Open and lock one of the lock files; closing what is returned unlocks it."""
    handle = os.open(cluster.data / f"postgres.{name}", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(POLL_S)
                continue
            os.close(handle)
            raise TryAgain(
                f"another command is still starting or stopping the database in {cluster.data}; "
                "try again in a moment"
            ) from None
        except BaseException:
            os.close(handle)
            raise
        return handle


def start_keeper(cluster: Cluster) -> None:
    """Start the process that stops the server one day, unless there is one already."""
    try:
        os.close(lock(cluster, "keeper", fcntl.LOCK_EX, patience_s=0))
    except TryAgain:
        return
    files = [cluster.data / "postgres.users", cluster.data / "postgres.keeper", cluster.pgdata]
    run_keeper("keep", *map(str, (*files, cluster.log, GRACE_S)))


def run_keeper(*arguments: str) -> str:
    """Run one of `keeper.py`'s commands to its end and return what it printed."""
    command = [sys.executable, "-I", "-S", keeper.__file__, *arguments]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd="/",
        start_new_session=True,
        timeout=KEEPER_PATIENCE_S,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.splitlines() or ["no message"])[-1]
        raise DatabaseUnavailable(f"cannot watch over the embedded PostgreSQL: {said}")
    return done.stdout


def connection(cluster: Cluster) -> psycopg.Connection:
    """Connect to the server, after starting it when it does not run."""
    deadline = time.monotonic() + START_PATIENCE_S
    for _ in range(LAUNCHES):
        running = keeper.postmaster(str(cluster.pgdata))
        pid = running or launch(cluster)
        if found := connect_while_alive(cluster, pid, deadline=deadline):
            return found
        if running is None and not rid_of_orphans(cluster):
            break
    raise DatabaseUnavailable(f"the embedded PostgreSQL does not start: {complaint(cluster.log)}")


def launch(cluster: Cluster) -> int:
    """Start a server and return its pid; it may yet fail."""
    forget_dead_server(cluster)
    with suppress(FileNotFoundError):
        cluster.log.replace(cluster.log.with_name(f"{cluster.log.name}.1"))
    directory = str(socket_directory(cluster)).replace('"', '""')
    settings = (*SETTINGS, *(() if cluster.durable else NOT_DURABLE))
    server = [str(cluster.programs / "postgres"), "-D", str(cluster.pgdata)]
    for setting in (f'unix_socket_directories="{directory}"', *settings):
        server += ["-c", setting]
    user = (str(cluster.account.uid), str(cluster.account.gid))
    return int(run_keeper("launch", str(cluster.log), *user, *server))


def connect_while_alive(
    cluster: Cluster, pid: int, *, deadline: float
) -> psycopg.Connection | None:
    """Connect as soon as the server lets us; None when it has ended instead."""
    problem = "it does not say where its socket is"
    while time.monotonic() < deadline:
        if directory := socket_in_use(cluster):
            try:
                return psycopg.connect(
                    host=str(directory),
                    port=PORT,
                    user="postgres",
                    dbname="postgres",
                    connect_timeout=5,
                    autocommit=True,
                )
            except psycopg.OperationalError as refused:
                problem = str(refused).strip().splitlines()[-1]
        if not is_alive(pid):
            return None
        time.sleep(POLL_S)
    raise DatabaseUnavailable(
        f"the embedded PostgreSQL in {cluster.data} does not answer: {problem}"
    )


def is_alive(pid: int) -> bool:
    """Whether that process still does something; in a container nobody may bury the dead."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def rid_of_orphans(cluster: Cluster) -> bool:
    """End what a killed server left behind and holds its memory; whether there was anything."""
    if "shared memory block" not in complaint(cluster.log):
        return False
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and process.info["cwd"] == str(cluster.pgdata):
            # Whoever takes longer meets the next launch.
            with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process.send_signal(signal.SIGQUIT)
                process.wait(timeout=5)
    return True


def complaint(log: Path) -> str:
    """The last things the server said that matter to people, and where the rest is."""
    try:
        said = log.read_text(errors="replace")
    except OSError:
        said = ""
    serious = re.findall(r"(?:FATAL|PANIC|ERROR|HINT):\s+(.+)", said)
    return "; ".join(serious[-2:] or said.splitlines()[-1:] or ["no message"]) + f" (see {log})"
