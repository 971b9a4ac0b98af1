"""The text of the systemd unit, and of the file beside it that holds its secrets.

Quoting is that of systemd.syntax(7): in units a percent sign is a specifier and in commands a dollar a
variable; environment files know neither, but four characters that a backslash has to precede.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

from pydantic import SecretStr

import reactor
from reactor.errors import BadConfiguration
from reactor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "reactor.service"
SIGN = "# Written by `bin/reactor service install`"
"""How files of ours begin."""
START_S = 600
"""The first start makes a virtual environment and a database."""
LAST_WORDS_S = 45
"""What a drain may take after the renders: stopping them, answering, ending the renderer and PostgreSQL."""
WATCHDOG_S = 60
URL_SECRET = re.compile(r"://[^/]*@|[?&=]")
ROOT = Path(reactor.__file__).parents[1]


class Place(NamedTuple):
    """Where the unit and its secrets lie, and whose it is."""

    unit: Path
    secrets: Path
    system: bool

    @property
    def systemctl(self) -> tuple[str, ...]:
        """The command that steers it."""
        return ("systemctl",) if self.system else ("systemctl", "--user")

    @property
    def edit(self) -> str:
        """How to add to it."""
        return " ".join((*self.systemctl, "edit", NAME))


def find_place(*, system: bool) -> Place:
    """The machine's place, or this user's."""
    if system:
        return Place(Path("/etc/systemd/system") / NAME, Path("/etc/reactor/service.env"), system)
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Place(config / "systemd" / "user" / NAME, config / "reactor" / "service.env", system)


def program() -> list[str]:
    """What starts the daemon: this checkout's own script, or the installed one."""
    script = ROOT / "bin" / "reactor"
    if script.is_file():
        return [str(script)]
    installed = Path(sys.executable).parent / "reactor"
    return [str(installed)] if installed.is_file() else [sys.executable, "-m", "reactor"]


def directory(settings: Settings) -> Path:
    """Where it runs: here, when something here is meant; else where nothing depends on it."""
    here = Path.cwd()
    meant = (
        (here / "reactor.toml").is_file()
        or settings.renderer not in ("embedded", "remotion", "none")
        or not all(path.is_absolute() for path in settings.asset_dirs)
    )
    return here if meant else Path("/")


class Environment(NamedTuple):
    """The settings of the service: those that everybody may read, and those that nobody may."""

    open: Mapping[str, str]
    secret: Mapping[str, str]


def find_environment(settings: Settings, given: Mapping[str, str]) -> Environment:
    """Every setting that is set in the environment now, and in any case the data directory."""
    ours = {
        name: value
        for name, value in given.items()
        if value and (name.startswith("REACTOR_") or name == "DATABASE_URL")
    }
    ours["REACTOR_DATA"] = str(settings.data)
    if settings.renderer not in ("embedded", "none") and "PATH" in given:
        ours["PATH"] = given["PATH"]  # its command, node or a browser is looked up there
    for name, value in ours.items():
        if not value.isprintable():
            raise BadConfiguration(f"{name}: has a line break or another control character in it")
    secret = {name: value for name, value in ours.items() if is_secret(name, value)}
    return Environment({n: v for n, v in sorted(ours.items()) if n not in secret}, secret)


def is_secret(name: str, value: str) -> bool:
    """Whether a setting is one to hide: declared as such, unknown, or an address with something in it."""
    if name in ("PATH", "REACTOR_PYTHON"):
        return False
    known = {setting(field): info.annotation for field, info in Settings.model_fields.items()}
    kind = known.get(name)
    declared = kind is SecretStr or SecretStr in get_args(kind)
    return (
        name not in known or declared or (name.endswith("_URL") and bool(URL_SECRET.search(value)))
    )


def setting(field: str) -> str:
    """A field's name in the environment."""
    return "DATABASE_URL" if field == "database_url" else f"REACTOR_{field.upper()}"


def unit_text(place: Place, settings: Settings, environment: Environment) -> str:
    """The whole unit."""
    return "\n".join(unit_lines(place, settings, environment)) + "\n"


def unit_lines(place: Place, settings: Settings, environment: Environment) -> Iterator[str]:
    """Line by line; systemd knows no remarks behind a value."""
    yield f"{SIGN}, which replaces it; add to it with `{place.edit}`."
    yield from ("", "[Unit]", "Description=Render reactor")
    if place.system:
        yield from ("Wants=network-online.target", "After=network-online.target postgresql.service")
    yield "# It heals itself for as long as it takes: never give up."
    yield from ("StartLimitIntervalSec=0", "", "[Service]", "Type=notify", "NotifyAccess=main")
    yield f"ExecStart={' '.join(map(quoted_argument, program()))}"
    yield f"WorkingDirectory={raw_path(directory(settings))}"
    yield from (f"Environment={quoted(f'{n}={v}')}" for n, v in environment.open.items())
    if environment.secret:
        yield "# What must stay secret; only its owner can read it."
        yield f"EnvironmentFile={raw_path(place.secrets, glob=True)}"
    yield from restarting(settings)
    yield from hardening(place, settings)
    wanted = "multi-user.target" if place.system else "default.target"
    yield from ("", "[Install]", f"WantedBy={wanted}")


def restarting(settings: Settings) -> Iterator[str]:
    """How it starts, stops, and is started again."""
    yield "# The first start makes a virtual environment and a database."
    yield f"TimeoutStartSec={START_S}"
    yield from ("Restart=always", "RestartSec=5")
    yield "# From systemd 254 on, pauses may grow up to five minutes: take away the two signs."
    yield from ("#RestartSteps=8", "#RestartMaxDelaySec=300")
    yield "# A daemon whose event loop stands still is ended and started again."
    yield f"WatchdogSec={WATCHDOG_S}"
    yield "# SIGTERM goes to the daemon alone, which lets renders finish; SIGKILL at the end to all there is."
    yield from ("KillMode=mixed", f"TimeoutStopSec={math.ceil(settings.grace_s) + LAST_WORDS_S}")
    if settings.database_url is None:
        yield "# The embedded PostgreSQL stops in its own time, a moment after its last user."
        yield f"ExecStopPost=-{' '.join(map(quoted_argument, [*program(), 'service', 'settle']))}"
    yield "# A render that takes too much memory ends alone."
    yield "OOMPolicy=continue"


def hardening(place: Place, settings: Settings) -> Iterator[str]:
    """What it need not be able to do; a user's own systemd cannot take more away."""
    yield from ("NoNewPrivileges=yes", "LockPersonality=yes", "RestrictRealtime=yes")
    if place.system:
        yield "# No PrivateTmp: the embedded PostgreSQL's socket may lie in /tmp, for commands to find."
        yield from ("ProtectSystem=full", f"ReadWritePaths={quoted(f'-{settings.data}')}")
        yield from (
            "ProtectKernelTunables=yes",
            "ProtectKernelModules=yes",
            "ProtectKernelLogs=yes",
        )
        yield from ("ProtectControlGroups=yes", "ProtectClock=yes", "ProtectHostname=yes")


def secrets_text(environment: Environment) -> str:
    """The file of the secrets."""
    lines = (f"{name}={quoted_secret(value)}" for name, value in sorted(environment.secret.items()))
    return "\n".join((f"{SIGN}, which replaces it.", *lines)) + "\n"


def quoted(value: str) -> str:
    """A value in a unit, in quotes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def quoted_argument(value: str) -> str:
    """A word of a command line, where a dollar is special, too."""
    return quoted(value.replace("$", "$$"))


def quoted_secret(value: str) -> str:
    """A value in an environment file."""
    return '"' + re.sub(r'([\\"$`])', r"\\\1", value) + '"'


def raw_path(path: Path, *, glob: bool = False) -> str:
    """A path where quotes would be part of it; `glob` where it is a pattern."""
    text = re.sub(r"([\\*?\[])", r"\\\1", str(path)) if glob else str(path)
    return text.replace("%", "%%")


def has_systemctl() -> bool:
    """Whether there is anybody to ask."""
    return shutil.which("systemctl") is not None
