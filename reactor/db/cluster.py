"""The embedded PostgreSQL's files: where its data lies, whose it is, how it is made.

What runs is in `embedded.py`; the programs are in `binaries.py`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reactor.db.binaries import Account, account, server_programs, user_name
from reactor.errors import BadConfiguration, DatabaseUnavailable

PORT = 5432
SOCKET_PATH_LIMIT = 100
"""Bytes; the kernels' limits are 104 and 108."""
SHORT_DIRECTORY = Path("/tmp")  # noqa: S108 - TMPDIR is not the same for all users of one server
INITDB = (
    "--username=postgres",
    "--encoding=UTF8",
    "--auth=trust",
    "--locale=C",
    "--data-checksums",
)
BUILTIN_LOCALE = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8")


@dataclass(frozen=True)
class Cluster:
    """One data directory and the server that belongs to it."""

    data: Path
    version: int
    durable: bool
    account: Account

    @property
    def pgdata(self) -> Path:
        """PostgreSQL's own directory."""
        return self.data / "postgres"

    @property
    def log(self) -> Path:
        """What the server says since it was started; the time before is in `postgres.log.1`."""
        return self.data / "postgres.log"

    @property
    def programs(self) -> Path:
        """Programs the server's user can run."""
        return server_programs(self.version, self.data, runs_as=self.account)


def prepare(data: Path, *, version: int, durable: bool) -> Cluster:
    """Make the data directory and find out as whom the server runs; refuse what cannot work."""
    runs_as = account()
    try:
        data = data.expanduser().resolve()
        if data.exists() and not data.is_dir():
            raise NotADirectoryError(0, "is not a directory", str(data))
        if os.geteuid() == 0:
            refuse_unreachable(data, runs_as)
        make_directory(data)
        cluster = Cluster(data, version, durable, runs_as)
        refuse_foreign(cluster)
    except OSError as problem:
        where = problem.filename or data
        raise BadConfiguration(
            f"REACTOR_DATA: {where}: {problem.strerror}; set it to a directory of your own"
        ) from None
    return cluster


def refuse_unreachable(data: Path, runs_as: Account) -> None:
    """Root's server runs as another user, who must be able to go where the data is."""
    for directory in (*reversed(data.parents), data):
        if directory.exists() and not runs_as.may_enter(directory):
            raise BadConfiguration(
                f"REACTOR_DATA={data}: PostgreSQL's user '{runs_as.name}' cannot enter {directory}; "
                f"set REACTOR_DATA=/var/lib/reactor, or run 'chmod o+x {directory}'"
            )


def make_directory(data: Path) -> None:
    """Create what is missing; root's umask must not lock the server's user out."""
    for directory in (*reversed(data.parents), data):
        if not directory.exists():
            directory.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                directory.chmod(0o755)
    if not os.access(data, os.W_OK):
        raise PermissionError(0, "is not writable", str(data))


def refuse_foreign(cluster: Cluster) -> None:
    """Data of another user or another major version is left alone."""
    if not cluster.pgdata.exists():
        return
    owner = cluster.pgdata.stat().st_uid
    if owner != cluster.account.uid:
        raise BadConfiguration(
            f"{cluster.pgdata} belongs to user '{user_name(owner)}', not to "
            f"'{cluster.account.name}': run as the user who made it, or set REACTOR_DATA to a "
            "directory of your own"
        )
    try:
        found = (cluster.pgdata / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise BadConfiguration(
            f"{cluster.pgdata} is not a PostgreSQL data directory; move it away, "
            "or set REACTOR_DATA to another directory"
        ) from None
    if found != str(cluster.version):
        raise BadConfiguration(
            f"{cluster.pgdata} was made by PostgreSQL {found}, not {cluster.version}: set "
            f"REACTOR_POSTGRES_VERSION={found}, or REACTOR_DATA to another directory"
        )


def initialise(cluster: Cluster) -> None:
    """Make PostgreSQL's directory, whole or not at all."""
    fresh = cluster.data / ".postgres.new"
    with suppress(FileNotFoundError):
        shutil.rmtree(fresh)
    fresh.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(fresh, cluster.account.uid, cluster.account.gid)
    command = [str(cluster.programs / "initdb"), f"--pgdata={fresh}", "--no-instructions", *INITDB]
    command += BUILTIN_LOCALE if cluster.version >= 17 else ()
    command += () if cluster.durable else ("--no-sync",)
    done = subprocess.run(command, capture_output=True, text=True, **cluster.account.popen)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "error:" in line or "FATAL" in line]
        raise DatabaseUnavailable(
            f"cannot create a database in {cluster.data}: "
            + "; ".join(said or done.stderr.splitlines()[-2:])
        )
    fresh.rename(cluster.pgdata)


def forget_dead_server(cluster: Cluster) -> None:
    """Remove the lock files of a server that is no more; their pid may be somebody else's by now."""
    (cluster.pgdata / "postmaster.pid").unlink(missing_ok=True)
    (socket_directory(cluster) / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)


def socket_directory(cluster: Cluster) -> Path:
    """A directory for the socket that is short enough and open to nobody but the server's user."""
    path = os.fsencode(cluster.pgdata / f".s.PGSQL.{PORT}")
    if len(path) < SOCKET_PATH_LIMIT and b"," not in path:  # a client takes it for two hosts
        return cluster.pgdata
    name = hashlib.sha256(os.fsencode(cluster.pgdata)).hexdigest()[:16]
    directory = SHORT_DIRECTORY / f"reactor-{cluster.account.uid}-{name}"
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(directory, cluster.account.uid, cluster.account.gid)
    status = directory.lstat()
    if status.st_mode != 0o040700 or status.st_uid != cluster.account.uid:
        raise BadConfiguration(
            f"{directory} must be a directory of user '{cluster.account.name}' with mode 0700; "
            "remove it, or set REACTOR_DATA to a shorter path"
        )
    return directory


def socket_in_use(cluster: Cluster) -> Path | None:
    """Where the running server says its socket is; None while it does not say so."""
    with suppress(OSError, IndexError):
        directory = (cluster.pgdata / "postmaster.pid").read_text().splitlines()[4]
        return Path(directory) if directory else None
    return None
