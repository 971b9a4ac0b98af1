"""The unit's text: systemd understands it, and nothing in it is lost or shown."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reactor.cli import unit
from reactor.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.boot.conftest import Machine

TOKEN = "0123456789abcdef"
UGLY = 'a "b" \\c %h $HOME `d` ünï'


def values(text: str, name: str) -> list[str]:
    """What stands behind a name."""
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{name}=")]


def unquoted(value: str) -> str:
    """What systemd makes of a quoted value of Environment=."""
    [word] = shlex.split(value)
    return word.replace("%%", "%")


@pytest.mark.parametrize("kind", ["--user", "--system"])
def test_systemd_understands_it(machine: Machine, verify: Callable[..., str], kind: str) -> None:
    printed = machine.run("install", "--print", kind, REACTOR_TOKEN=TOKEN, REACTOR_NAME=UGLY)

    assert (printed.returncode, printed.stderr) == (0, "")
    assert verify(printed.stdout, system=kind == "--system") == ""
    assert machine.told() == []
    assert not machine.unit.exists()


def test_the_tool_would_have_complained(verify: Callable[..., str]) -> None:
    broken = "[Service]\nExecStart=/bin/true\nRestart=sometimes\n"

    assert "specifier, ignoring: sometimes" in verify(broken, system=True)


def test_it_starts_on_boot_heals_itself_and_stops_in_order(machine: Machine) -> None:
    text = machine.run("install", "--print", "--system", REACTOR_GRACE_S="99.5").stdout

    facts = {
        "Type": "notify",
        "NotifyAccess": "main",
        "Restart": "always",
        "StartLimitIntervalSec": "0",
        "WatchdogSec": "60",
        "KillMode": "mixed",
        "TimeoutStopSec": "145",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "full",
        "OOMPolicy": "continue",
        "WantedBy": "multi-user.target",
        "After": "network-online.target postgresql.service",
    }
    assert {name: values(text, name) for name in facts} == {n: [v] for n, v in facts.items()}
    # The sockets of the embedded PostgreSQL may lie in /tmp.
    assert values(text, "PrivateTmp") == []


def test_it_runs_this_checkout_with_the_settings_of_now(machine: Machine) -> None:
    text = machine.install(
        "--print", REACTOR_NAME=UGLY, REACTOR_SLOTS="3", REACTOR_LEASE_S=""
    ).stdout

    assert values(text, "ExecStart") == [f'"{unit.ROOT / "bin" / "reactor"}"']
    said = [unquoted(value) for value in values(text, "Environment")]
    assert f"REACTOR_NAME={UGLY}" in said
    assert "REACTOR_SLOTS=3" in said
    assert any(value.startswith(f"REACTOR_DATA={Path('/')}") for value in said)
    assert not any("LEASE" in value for value in said)
    assert values(text, "WantedBy") == ["default.target"]
    assert "%%h" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REACTOR_TOKEN", TOKEN),
        ("DATABASE_URL", "postgresql://u:hunter2@db/x"),
        ("REACTOR_LISTEN_URL", "postgresql://u:hunter2@db/x"),
        ("REACTOR_CONTENT_AGENT_SECRET", "whsec_hunter2"),
        ("REACTOR_SOMETHING_OF_A_PLUGIN", "hunter2"),
    ],
)
def test_what_is_secret_is_not_in_the_unit(machine: Machine, name: str, value: str) -> None:
    text = machine.install("--print", **{name: value}).stdout

    assert value not in text
    assert name not in text
    escaped = str(machine.secrets).replace("%", "%%")
    assert values(text, "EnvironmentFile") == [escaped]


def test_the_embedded_postgres_is_waited_for_and_another_is_not(machine: Machine) -> None:
    ours = machine.install("--print").stdout
    theirs = machine.install("--print", DATABASE_URL="postgresql://db/x").stdout

    assert values(ours, "ExecStopPost")[0].endswith('"service" "settle"')
    assert values(theirs, "ExecStopPost") == []


def test_it_runs_where_its_settings_file_is(machine: Machine) -> None:
    elsewhere = machine.install("--print").stdout
    (machine.home / "reactor.toml").write_text('name = "here"\n')
    here = machine.install("--print").stdout

    assert values(elsewhere, "WorkingDirectory") == ["/"]
    assert values(here, "WorkingDirectory") == [str(machine.home).replace("%", "%%")]


def test_another_renderers_command_keeps_its_path(machine: Machine) -> None:
    text = machine.install("--print", REACTOR_RENDERER="npx remotion-server").stdout

    paths = [value for value in values(text, "Environment") if value.startswith('"PATH=')]
    assert [str(machine.tools) in path for path in paths] == [True]


def test_a_line_break_in_a_setting_is_refused(machine: Machine) -> None:
    done = machine.install("--print", REACTOR_NAME="a\n[Service]\nUser=root")

    assert done.returncode == 78
    assert "REACTOR_NAME: has a line break" in done.stderr


def test_words_of_commands_and_secrets_have_their_own_quoting() -> None:
    assert unit.quoted_argument('/a b/$x"%') == '"/a b/$$x\\"%%"'
    assert unit.quoted_secret('$a`"\\%') == '"\\$a\\`\\"\\\\%"'
    assert unit.raw_path(Path("/a b/*[x]%"), glob=True) == "/a b/\\*\\[x]%%"


def test_every_secret_setting_is_known_as_one() -> None:
    environment = unit.find_environment(
        load(), {"REACTOR_RENDERER_URL": "http://u:p@h:1", "HOME": "/"}
    )

    assert list(environment.secret) == ["REACTOR_RENDERER_URL"]
    assert list(environment.open) == ["REACTOR_DATA"]
