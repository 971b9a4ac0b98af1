"""Installing, changing and removing, told to a systemd that writes it down."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.boot.conftest import Machine

TOKEN = "0123456789abcdef"
ENABLED = [
    "systemctl --user daemon-reload",
    "systemctl --user enable reactor.service",
    "loginctl enable-linger ann",
]


def mode(path: Path) -> int:
    """Who may read it."""
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_written_enabled_and_started(machine: Machine) -> None:
    done = machine.install(REACTOR_TOKEN=TOKEN)

    assert (done.returncode, done.stderr) == (0, "")
    assert machine.told() == [*ENABLED, "systemctl --user restart reactor.service"]
    assert "Type=notify" in machine.unit.read_text()
    assert f'REACTOR_TOKEN="{TOKEN}"' in machine.secrets.read_text()
    assert (mode(machine.unit), mode(machine.secrets)) == (0o644, 0o600)
    assert TOKEN not in machine.unit.read_text() + done.stdout
    assert "lingering is on" in done.stdout


def test_again_changes_nothing_and_only_starts(machine: Machine) -> None:
    machine.install(REACTOR_TOKEN=TOKEN)
    before = machine.unit.stat().st_mtime_ns
    machine.secrets.chmod(0o644)
    machine.told()

    done = machine.install(REACTOR_TOKEN=TOKEN)

    assert machine.told() == [*ENABLED, "systemctl --user start reactor.service"]
    assert f"{machine.unit} is up to date" in done.stdout
    assert machine.unit.stat().st_mtime_ns == before
    assert mode(machine.secrets) == 0o600


def test_a_change_is_shown_unless_it_is_secret(machine: Machine) -> None:
    machine.install(REACTOR_TOKEN=TOKEN, REACTOR_SLOTS="1")
    machine.told()

    done = machine.install(REACTOR_TOKEN=TOKEN[::-1], REACTOR_SLOTS="2")

    assert machine.told()[-1] == "systemctl --user restart reactor.service"
    assert '-Environment="REACTOR_SLOTS=1"\n+Environment="REACTOR_SLOTS=2"' in done.stdout
    assert f"changed {machine.secrets}" in done.stdout
    assert TOKEN not in done.stdout
    assert TOKEN[::-1] not in done.stdout


def test_a_secret_that_is_gone_is_gone_from_the_file(machine: Machine) -> None:
    machine.install(REACTOR_TOKEN=TOKEN)
    machine.install()

    assert TOKEN not in machine.secrets.read_text()
    assert "EnvironmentFile" not in machine.unit.read_text()


def test_what_somebody_else_wrote_is_let_alone(machine: Machine) -> None:
    machine.unit.parent.mkdir(parents=True)
    machine.unit.write_text("[Service]\nExecStart=/bin/true\n")

    installed = machine.install()
    removed = machine.run("uninstall", "--user")

    for done in (installed, removed):
        assert done.returncode == 1
        assert "was not written by" in done.stderr
    assert machine.unit.read_text() == "[Service]\nExecStart=/bin/true\n"
    assert machine.told() == []


def test_uninstall_stops_and_removes_ours(machine: Machine) -> None:
    machine.install(REACTOR_TOKEN=TOKEN)
    machine.told()

    done = machine.run("uninstall", "--user")
    again = machine.run("uninstall", "--user")

    assert done.returncode == 0
    assert machine.told() == [
        "systemctl --user disable --now reactor.service",
        "systemctl --user daemon-reload",
    ]
    assert not machine.unit.exists()
    assert not machine.secrets.exists()
    assert "the data stay in" in done.stdout
    assert (again.returncode, "nothing is to be done" in again.stdout) == (0, True)


def test_without_a_systemd_the_unit_and_the_steps_are_printed(machine: Machine) -> None:
    offline = machine.install(STATE="offline", REACTOR_TOKEN=TOKEN)
    (machine.tools / "systemctl").unlink()
    absent = machine.install(PATH=str(machine.tools))

    assert (offline.returncode, absent.returncode) == (1, 1)
    assert "Type=notify" in offline.stdout
    assert "nothing was installed" in offline.stderr
    assert f'write REACTOR_TOKEN as NAME="value" to {machine.secrets}' in offline.stderr
    assert "systemctl --user enable --now reactor.service" in absent.stderr
    assert TOKEN not in offline.stdout + offline.stderr
    assert machine.told() == []
    assert not machine.unit.exists()


def test_what_systemd_refuses_is_said_in_its_words(machine: Machine) -> None:
    done = machine.install(REFUSES="restart")

    assert done.returncode == 1
    assert "systemctl --user restart reactor.service: Access denied" in done.stderr


def test_lingering_that_is_not_allowed_is_no_reason_to_stop(machine: Machine) -> None:
    machine.tool("loginctl", "#!/bin/sh\nexit 1\n")

    done = machine.install()

    assert done.returncode == 0
    assert "let root run loginctl enable-linger ann" in done.stderr


def test_show_prints_the_unit_and_how_it_does(machine: Machine) -> None:
    nothing = machine.run("show", "--user")
    machine.install()

    done = machine.run("show", "--user")

    assert nothing.returncode == 1
    assert "bin/reactor service install writes it" in nothing.stderr
    assert machine.unit.read_text() in done.stdout
    assert "# StatusText=in work" in done.stdout


def test_a_directory_that_cannot_be_written_is_one_line(machine: Machine) -> None:
    (machine.home / ".config").write_text("a file")

    done = machine.install()

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert str(machine.unit) in done.stderr
