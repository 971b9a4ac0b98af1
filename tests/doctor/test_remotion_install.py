"""`REACTOR_RENDERER=remotion` without what it needs, and `bin/reactor renderer install remotion`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reactor.errors import BadConfiguration
from reactor.renderers import remotion
from reactor.renderers.process import command_line, environment

if TYPE_CHECKING:
    from reactor.settings import Settings
    from tests.doctor.conftest import Machine

INSTALL = "bin/reactor renderer install remotion"


@pytest.fixture
def wanted(settings: Settings) -> Settings:
    """Settings that ask for Remotion, here."""
    return settings.model_copy(update={"renderer": "remotion"})


@pytest.fixture
def here(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """This process sees the machine of the test: its PATH and its checkout."""
    monkeypatch.setenv("PATH", str(machine.programs))
    monkeypatch.setattr(remotion, "PROJECT", machine.project)
    return machine


def test_the_server_of_the_checkout_is_started(here: Machine, wanted: Settings) -> None:
    here.node()
    here.packages()

    assert command_line(wanted) == ["node", str(here.project / "server" / "start.mjs")]


def test_elsewhere_nothing_is_started_and_nothing_is_needed(wanted: Settings) -> None:
    elsewhere = wanted.model_copy(update={"renderer_url": "http://192.0.2.1:3100"})

    assert command_line(elsewhere) is None


def test_without_a_checkout_it_says_so(
    wanted: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(remotion, "PROJECT", tmp_path / "site-packages" / "remotion")

    with pytest.raises(BadConfiguration, match="from a checkout"):
        command_line(wanted)


def test_without_node_or_packages_it_names_the_command_that_mends_it(
    here: Machine, wanted: Settings
) -> None:
    with pytest.raises(BadConfiguration, match=f"node is not on PATH.*{INSTALL}"):
        command_line(wanted)
    here.node()
    # npm was interrupted: its record is missing.
    here.modules.mkdir()
    with pytest.raises(BadConfiguration, match=f"npm packages are not installed; run {INSTALL}"):
        command_line(wanted)


def test_a_browser_that_is_set_must_be_one(here: Machine, wanted: Settings) -> None:
    here.node()
    here.packages()
    absent = wanted.model_copy(update={"browser": Path("/no/such/browser")})

    with pytest.raises(BadConfiguration, match="REACTOR_BROWSER: /no/such/browser is not a"):
        command_line(absent)


def test_the_server_is_told_which_browser_and_how_many_tabs(
    wanted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REACTOR_RENDERER_DRAIN_S", "2")
    changed = wanted.model_copy(update={"browser": Path("/b"), "remotion_tabs": 3, "slots": 2})
    told = environment(changed)

    assert told["REACTOR_BROWSER"] == "/b"
    assert told["REACTOR_REMOTION_TABS"] == "3"
    assert told["REACTOR_SLOTS"] == "2"
    assert told["REACTOR_RENDERER_DRAIN_S"] == "2"


def test_the_demo_says_at_once_what_is_missing(machine: Machine) -> None:
    done = machine.run("demo", "--renderer", "remotion", DATABASE_URL="")

    assert done.returncode == 78
    assert done.stderr.startswith("reactor: REACTOR_RENDERER=remotion: node is not on PATH")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("version", "programs", "said"),
    [
        (None, ["npm"], "node is not on PATH; install Node 20.11 or newer with npm"),
        ("v18.20.4", ["npm"], "Node 18.20.4 is too old; install Node 20.11 or newer"),
        ("v20.11.1", [], "npm is not on PATH; apt-get install npm"),
    ],
)
def test_the_installer_refuses_in_a_sentence(
    machine: Machine, version: str | None, programs: list[str], said: str
) -> None:
    if version:
        machine.node(version)
    if programs:
        machine.npm()
    done = machine.run("renderer", "install", "remotion")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert done.stdout == ""
    assert not machine.calls.exists()


def test_without_a_checkout_every_way_in_says_so_in_a_sentence(machine: Machine) -> None:
    machine.node()
    (machine.project / "package.json").unlink()
    install = machine.run("renderer", "install", "remotion")
    daemon = machine.run(REACTOR_RENDERER="remotion")

    assert (install.returncode, daemon.returncode) == (1, 78)
    for done in (install, daemon):
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert "an installed package does not contain it; run bin/reactor from" in done.stderr


def test_only_what_there_is_can_be_installed(machine: Machine) -> None:
    assert machine.run("renderer", "install", "blender").returncode == 2


def test_it_brings_the_lock_and_starts_the_server_once(machine: Machine) -> None:
    machine.node()
    machine.npm()
    first = machine.run("renderer", "install", "remotion")
    second = machine.run("renderer", "install", "remotion")

    assert first.returncode == 0, first.stderr
    assert "not open source" in first.stdout
    assert "npm talks" in first.stdout
    assert "fake 7 starts" in first.stdout
    assert second.returncode == 0, second.stderr
    assert "up to date" in second.stdout
    assert machine.calls.read_text() == "ci --omit=dev\n"
    assert not machine.data.exists(), "the data directory is not touched"


def test_a_new_lock_is_brought_and_the_tools_of_a_developer_stay(machine: Machine) -> None:
    machine.node()
    machine.npm()
    machine.run("renderer", "install", "remotion")
    (machine.modules / "typescript").mkdir()
    (machine.project / "package-lock.json").write_text("{}")
    machine.run("renderer", "install", "remotion")

    assert machine.calls.read_text().splitlines() == ["ci --omit=dev", "ci --include=dev"]


def test_an_npm_that_fails_is_named_and_tried_again(machine: Machine) -> None:
    machine.node()
    machine.npm(code=3)
    failed = machine.run("renderer", "install", "remotion")
    machine.npm()
    done = machine.run("renderer", "install", "remotion")

    assert failed.returncode == 1
    assert "exit code 3" in failed.stderr
    assert done.returncode == 0


def test_a_server_that_does_not_start_has_the_last_word(machine: Machine) -> None:
    machine.node(runs="echo no compositor for this machine >&2; exit 9")
    machine.npm()
    done = machine.run("renderer", "install", "remotion")

    assert done.returncode == 1
    assert "exit code 9: no compositor for this machine" in done.stderr
