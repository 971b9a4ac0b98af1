"""`bin/reactor doctor` on a machine that lacks what Remotion needs: each finding has what mends it."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import TYPE_CHECKING

import pytest

from reactor.doctor.finding import State
from reactor.doctor.remotion import look
from reactor.renderers import remotion
from reactor.settings import load
from tests.doctor.conftest import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from reactor.doctor.finding import Finding

REMOTION = {"REACTOR_RENDERER": "remotion"}
INSTALL = "bin/reactor renderer install remotion"
NEEDED = {"node", "npm packages", "browser"}


@pytest.fixture
def equipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine that has everything, and that this process sees as its own."""
    machine = Machine(tmp_path, dsn="")
    equip(machine)
    monkeypatch.setenv("PATH", str(machine.programs))
    monkeypatch.setattr(remotion, "PROJECT", machine.project)
    return machine


def equip(machine: Machine) -> None:
    """Node, npm, its packages and a browser."""
    machine.node()
    machine.npm()
    machine.packages()
    machine.browser()


def checks(**changes: Any) -> Mapping[str, Finding]:
    """What is found here, by name."""
    settings = load(**{"renderer": "remotion", **changes})
    return {finding.name: finding for finding in look(settings)}


def failed(found: Mapping[str, Finding]) -> set[str]:
    """What is missing; each with what mends it."""
    missing = [finding for finding in found.values() if finding.state is State.FAILED]
    assert all(finding.mend for finding in missing)
    return {finding.name for finding in missing}


def test_what_only_remotion_needs_is_a_note_while_another_renderer_draws(machine: Machine) -> None:
    found = machine.doctor().checks

    for name in NEEDED:
        assert found[name]["state"] == "note"
        assert "only Remotion needs it" in found[name]["said"]
        assert found[name]["mend"]


def test_remotion_needs_node_its_packages_and_a_browser(machine: Machine) -> None:
    found = machine.doctor(**REMOTION)

    assert (found.code, found.ok) == (1, False)
    assert found.failed() == NEEDED
    assert "nodejs npm" in found.checks["node"]["mend"]
    assert found.checks["npm packages"]["said"] == "are not installed"
    assert found.checks["npm packages"]["mend"].endswith(f"then {INSTALL}")
    assert "apt-get install npm" in found.checks["npm packages"]["mend"]
    assert "apt-get install chromium" in found.checks["browser"]["mend"]


def test_with_everything_there_remotion_is_well(machine: Machine) -> None:
    equip(machine)
    found = machine.doctor(**REMOTION)

    assert (found.code, found.failed()) == (0, set())
    assert found.checks["node"]["said"] == "20.11.0"
    assert found.checks["browser"]["said"] == str(machine.programs / "chromium")


@pytest.mark.parametrize("version", ["v18.20.4", "v20.10.9", "nonsense"])
def test_an_old_node_is_not_enough(equipped: Machine, version: str) -> None:
    equipped.node(version)
    found = checks()

    assert failed(found) == {"node"}
    assert "too old" in found["node"].said
    assert "n lts" in found["node"].mend, "the system's would be the same again"


def another_version(record: dict[str, Any]) -> None:
    record["packages"]["node_modules/remotion"]["version"] = "4.0.1"


def one_missing(record: dict[str, Any]) -> None:
    del record["packages"]["node_modules/@remotion/renderer"]


def another_machine(record: dict[str, Any]) -> None:
    for name in [name for name in record["packages"] if "@remotion/compositor-" in name]:
        del record["packages"][name]


def only_what_is_needed(record: dict[str, Any]) -> None:
    packages = record["packages"]
    words = ("dev", "devOptional", "peer")
    for name in [name for name in packages if any(packages[name].get(word) for word in words)]:
        del packages[name]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (another_version, "remotion is 4.0.1, not "),
        (one_missing, "@remotion/renderer is missing, not "),
        (another_machine, f"nothing is there for {sys.platform}-"),
    ],
)
def test_packages_that_are_not_those_of_the_lock_are_named(
    equipped: Machine, spoil: Callable[[dict[str, Any]], None], said: str
) -> None:
    change(equipped, spoil)
    found = checks()

    assert failed(found) == {"npm packages"}
    assert said in found["npm packages"].said
    assert found["npm packages"].mend == INSTALL


def test_packages_that_were_changed_after_they_were_installed_are_brought_again(
    equipped: Machine,
) -> None:
    equipped.run("renderer", "install", "remotion")
    change(equipped, another_version)
    done = equipped.run("renderer", "install", "remotion")

    assert "up to date" not in done.stdout
    assert failed(checks()) == set()


def change(machine: Machine, spoil: Callable[[dict[str, Any]], None]) -> None:
    """Spoil the record of what is installed."""
    path = machine.modules / ".package-lock.json"
    record = json.loads(path.read_text())
    spoil(record)
    path.write_text(json.dumps(record))


def test_the_tools_of_a_developer_are_not_needed(equipped: Machine) -> None:
    change(equipped, only_what_is_needed)

    assert failed(checks()) == set()


def test_a_record_that_is_cut_off_counts_as_nothing(equipped: Machine) -> None:
    (equipped.modules / ".package-lock.json").write_text('{"packages": {"node_mod')

    assert failed(checks()) == {"npm packages"}


def test_every_machine_of_the_lock_has_the_name_that_we_look_for(equipped: Machine) -> None:
    lock = json.loads((equipped.project / "package-lock.json").read_text())
    found = [name for name in lock["packages"] if "@remotion/compositor-linux-" in name]

    assert {name.split("-")[2] for name in found} == {"x64", "arm64"}
    assert platform.machine().lower() in ("x86_64", "amd64", "aarch64", "arm64")


def test_the_shell_is_preferred_and_a_browser_that_is_set_wins(equipped: Machine) -> None:
    shell = equipped.browser("chromium-headless-shell")
    mine = equipped.browser("mine")

    assert checks()["browser"].said == str(shell)
    assert checks(browser=mine)["browser"].said == str(mine)


def test_a_browser_that_is_set_and_not_there_is_named(equipped: Machine) -> None:
    found = checks(browser=equipped.programs / "absent")

    assert failed(found) == {"browser"}
    assert str(equipped.programs / "absent") in found["browser"].said


def test_a_browser_that_only_says_how_to_get_one_is_none(equipped: Machine) -> None:
    equipped.program("chromium", "echo; echo 'requires the chromium snap' >&2; exit 10\n")
    found = checks()

    assert failed(found) == {"browser"}
    assert "exit code 10: requires the chromium snap" in found["browser"].said
    assert "REACTOR_BROWSER" in found["browser"].mend


def test_a_project_that_cannot_be_compiled_here_is_noticed(equipped: Machine) -> None:
    # Not to be written to by anybody, root too.
    (equipped.project / "build").touch()
    found = checks()

    assert failed(found) == {"compiled"}
    assert "is not ours to write to" in found["compiled"].said
    assert INSTALL in found["compiled"].mend


@pytest.mark.parametrize(("changed_at", "missing"), [(1_000, set()), (3_000, {"compiled"})])
def test_what_its_owner_compiled_is_run_by_others_until_the_sources_change(
    equipped: Machine, monkeypatch: pytest.MonkeyPatch, changed_at: int, missing: set[str]
) -> None:
    source = equipped.project / "server" / "main.ts"
    program = equipped.project / "build" / "server" / "main.mjs"
    program.parent.mkdir(parents=True)
    for path, at in ((source, changed_at), (program, 2_000)):
        path.touch()
        os.utime(path, (at, at))
    # Root may write everywhere.
    theirs, allowed = equipped.project / "build", os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != theirs and allowed(path, mode))

    assert failed(checks()) == missing


def test_more_tabs_than_processors_are_refused_before_the_server_does(equipped: Machine) -> None:
    assert equipped.project.is_dir()
    found = checks(remotion_tabs=len(os.sched_getaffinity(0)) + 1)

    assert failed(found) == {"tabs"}
    assert "REACTOR_REMOTION_TABS to at most" in found["tabs"].mend


def test_without_a_checkout_there_is_one_finding(equipped: Machine) -> None:
    (equipped.project / "package.json").unlink()
    found = checks()

    assert failed(found) == set(found) == {"Remotion"}
    assert "installed package does not contain it" in found["Remotion"].said
    assert "checkout of the repository" in found["Remotion"].mend
    assert checks(renderer="embedded")["Remotion"].state is State.NOTE
