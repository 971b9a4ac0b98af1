"""`bin/reactor service`: the daemon starts on boot, and is started again whenever it ends.

Only what carries our first line is ever replaced or removed.
"""

from __future__ import annotations

import difflib
import getpass
import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from reactor.cli import unit
from reactor.cli.app import app
from reactor.errors import Refused
from reactor.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from reactor.cli.unit import Place

LIVING = ("running", "degraded", "starting", "initializing", "maintenance")
COMMAND_S = 30.0
SETTLE_S = 15.0
NOT_INSTALLED = 1
"""The exit code where there is no systemd: nothing was installed."""
commands = typer.Typer(help="Start on boot: a unit of systemd, of this user or of the machine.")
app.add_typer(commands, name="service")
System = Annotated[
    bool | None,
    typer.Option(
        "--system/--user",
        help="Of the machine, or of this user; by default the machine's for root.",
    ),
]


@commands.command()
def install(
    system: System = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Only print the unit; install nothing.")
    ] = False,
) -> None:
    """Write the unit, enable it and start it; again after a change of settings to bring it up to date.

    The settings are those of the environment now. Where no systemd runs, the unit and the steps are
    printed, and the exit code is 1: nothing was installed.
    """
    place, settings = place_of(system), load()
    environment = unit.find_environment(settings, os.environ)
    text = unit.unit_text(place, settings, environment)
    if print_only:
        typer.echo(text, nl=False)
        return
    if not is_there(place):
        typer.echo(text)
        typer.echo(by_hand(place, secret=sorted(environment.secret)), err=True)
        raise typer.Exit(NOT_INSTALLED)
    refuse_without_root(place)
    refuse_foreign(place.unit)
    refuse_foreign(place.secrets)
    changed = put(place.unit, text, mode=0o644, shown=True)
    # An empty file says that there are no secrets any more; none is made for that.
    if environment.secret or place.secrets.exists():
        changed |= put(place.secrets, unit.secrets_text(environment), mode=0o600, shown=False)
    start(place, changed=changed)


@commands.command()
def uninstall(system: System = None) -> None:
    """Stop and disable the unit and remove it; data and settings stay where they are."""
    place = place_of(system)
    if not place.unit.exists():
        typer.echo(f"there is no {place.unit}; nothing is to be done")
        return
    refuse_without_root(place)
    refuse_foreign(place.unit)
    if is_there(place):
        run(place, "disable", "--now", unit.NAME)
    place.unit.unlink()
    typer.echo(f"removed {place.unit}")
    if place.secrets.exists() and is_ours(place.secrets):
        place.secrets.unlink()
        typer.echo(f"removed {place.secrets}")
    if is_there(place):
        run(place, "daemon-reload")
    typer.echo(f"the data stay in {load().data}")
    if not place.system:
        typer.echo(f"lingering stays on; loginctl disable-linger {user()} switches it off")


@commands.command()
def show(system: System = None) -> None:
    """Print the unit that is installed, and how it does."""
    place = place_of(system)
    if not place.unit.exists():
        raise Refused(f"there is no {place.unit}; bin/reactor service install writes it")
    typer.echo(f"# {place.unit}")
    typer.echo(place.unit.read_text("utf-8"), nl=False)
    if is_there(place):
        facts = ("ActiveState", "SubState", "UnitFileState", "StatusText", "NRestarts")
        said = ask(place, "show", unit.NAME, *(f"--property={fact}" for fact in facts))
        typer.echo("\n".join(f"# {line}" for line in said.splitlines()))


@commands.command(hidden=True)
def settle() -> None:
    """Wait a while until the embedded PostgreSQL has stopped by itself; the unit's last step."""
    from reactor.db import keeper
    from reactor.db.cluster import prepare

    settings = load()
    pgdata = str(prepare(settings.data, version=settings.postgres_version, durable=True).pgdata)
    ends_at = time.monotonic() + SETTLE_S
    while keeper.postmaster(pgdata) and time.monotonic() < ends_at:
        time.sleep(0.1)


def place_of(system: bool | None) -> Place:  # noqa: FBT001 - it is an option
    """The place that was asked for, or the one that fits whoever asks."""
    return unit.find_place(system=os.geteuid() == 0 if system is None else system)


def is_there(place: Place) -> bool:
    """Whether a systemd runs that could run the unit."""
    return unit.has_systemctl() and ask(place, "is-system-running").strip() in LIVING


def refuse_without_root(place: Place) -> None:
    """The machine's units are root's."""
    if place.system and os.geteuid() != 0:
        raise Refused("units of the machine are root's: use sudo, or leave --system away")


def refuse_foreign(path: Path) -> None:
    """Let alone what somebody else wrote."""
    if path.exists() and not is_ours(path):
        raise Refused(
            f"{path} was not written by `bin/reactor service install`; move it away, then try again"
        )


def is_ours(path: Path) -> bool:
    """Whether a file carries our first line."""
    with path.open("rb") as file:
        return file.readline(200).startswith(unit.SIGN.encode())


def put(path: Path, text: str, *, mode: int, shown: bool) -> bool:
    """Write a file whole or not at all, and say what is different; whether anything is."""
    before = path.read_text("utf-8", "replace") if path.exists() else ""
    if before == text:
        path.chmod(mode)
        typer.echo(f"{path} is up to date")
        return False
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Nobody may read a secret even while it is being written.
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as wrong:
        with suppress(OSError):
            part.unlink()
        raise Refused(f"{path} cannot be written: {wrong.strerror}") from None
    typer.echo(f"{'changed' if before else 'wrote'} {path}")
    if before and shown:
        typer.echo("\n".join(difference(before, text)))
    return True


def difference(before: str, after: str) -> list[str]:
    """The lines that came and went."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def start(place: Place, *, changed: bool) -> None:
    """Let systemd read the unit, start it now and on every boot."""
    run(place, "daemon-reload")
    run(place, "enable", unit.NAME)
    if not place.system:
        linger()
    typer.echo("starting it; the first time takes a few minutes …")
    # A restart lets renders finish first.
    run(place, "restart" if changed else "start", unit.NAME, patience_s=None)
    typer.echo(
        f"it runs, and starts on boot; `{' '.join(place.systemctl)} status {unit.NAME}` shows it"
    )


def linger() -> None:
    """Let this user's services run without a login; where that is not allowed somebody else has to."""
    done = subprocess.run(
        ["loginctl", "enable-linger", user()],  # noqa: S607 - that of PATH
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        typer.echo(f"lingering is on: services of {user()} run without a login, and from boot on")
        return
    typer.echo(
        "lingering could not be switched on, so it runs only while you are logged in; let root run"
        f" loginctl enable-linger {user()}",
        err=True,
    )


def user() -> str:
    """Whose services these are."""
    return getpass.getuser()


def run(place: Place, *arguments: str, patience_s: float | None = COMMAND_S) -> None:
    """Give systemd a command; Refused with its own words when it will not."""
    command = [*place.systemctl, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience_s, check=False)
    if done.returncode != 0:
        why = done.stderr.strip() or f"exit code {done.returncode}"
        raise Refused(f"{' '.join(command)}: {' '.join(why.split())}")


def ask(place: Place, *arguments: str) -> str:
    """What systemd answers; nothing when it is not there."""
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(
            [*place.systemctl, *arguments],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        ).stdout
    return ""


def by_hand(place: Place, *, secret: list[str]) -> str:
    """What to do where no systemd answers."""
    ctl = " ".join(place.systemctl)
    steps = [
        "nothing was installed: no systemd answers here. Where one does, the steps are:",
        f"  write the text above to {place.unit}",
    ]
    if secret:
        steps.append(f'  write {", ".join(secret)} as NAME="value" to {place.secrets}, mode 0600')
    steps += [f"  {ctl} daemon-reload", f"  {ctl} enable --now {unit.NAME}"]
    if not place.system:
        steps.append(f"  loginctl enable-linger {user()}")
    if sys.platform == "darwin":
        steps.append(
            "on macOS launchd does it: a property list in ~/Library/LaunchAgents that has this program,"
            " RunAtLoad and KeepAlive"
        )
    return "\n".join(steps)
