"""`bin/reactor doctor`: what is missing and what mends it, where settings come from, and no secret."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import psycopg

from reactor.doctor import machine as machine_of_doctor
from reactor.doctor.machine import typefaces as typefaces_of_doctor
from reactor.renderserver import typefaces

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.doctor.conftest import Machine

TOKEN = "hunter2-hunter2-hunter2"


def test_a_machine_that_has_all_it_needs_is_well(machine: Machine) -> None:
    found = machine.doctor()

    assert (found.code, found.ok, found.failed()) == (0, True, set())
    assert found.checks["database"]["said"] == "answers, up to date"
    assert "libx264" in found.checks["encoders"]["said"]
    assert not machine.data.exists(), "looking makes nothing"


def test_the_typefaces_have_every_script(machine: Machine) -> None:
    said = machine.doctor().checks["fonts"]["said"]

    for script in ("9 vendored", "Latin", "Arabic", "Chinese", "Japanese", "Korean", "emoji"):
        assert script in said


def test_a_script_that_no_typeface_has_is_named_with_what_brings_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(typefaces, "FALLBACKS", typefaces.RIGHT_TO_LEFT)
    finding = typefaces_of_doctor()

    assert finding.state == "failed"
    assert "Chinese, Japanese, Korean, emoji" in finding.said
    assert "git checkout -- reactor/renderserver/fonts" in finding.mend


def test_a_typeface_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for path in typefaces.FONTS.glob("*.[ot]tf"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "NotoEmoji-Bold.ttf").write_text("version https://git-lfs.github.com/spec/v1\n")
    monkeypatch.setattr(machine_of_doctor, "FONTS", tmp_path)
    finding = typefaces_of_doctor()

    assert (finding.state, finding.said) == ("failed", "NotoEmoji-Bold.ttf cannot be read")


def test_every_setting_says_where_it_comes_from_and_secrets_are_hidden(machine: Machine) -> None:
    file = machine.data.parent / "reactor.toml"
    file.write_text('name = "from the file"\ncontent_agent_secret = "whsec_hunter2"\n')
    settings = {
        "REACTOR_TOKEN": TOKEN,
        "REACTOR_CONTENT_AGENT_URL": "https://u:hunter2@agent.example/hook",
        "REACTOR_SLOTS": "2",
    }
    found = machine.doctor(**settings).settings
    plain = machine.run("doctor", **settings)

    assert found["REACTOR_NAME"] == {
        "name": "REACTOR_NAME",
        "value": "from the file",
        "origin": "reactor.toml",
    }
    assert (found["REACTOR_SLOTS"]["value"], found["REACTOR_SLOTS"]["origin"]) == (
        "2",
        "environment",
    )
    assert found["REACTOR_LOG"]["origin"] == "default"
    for secret in ("TOKEN", "CONTENT_AGENT_URL", "CONTENT_AGENT_SECRET"):
        assert found[f"REACTOR_{secret}"]["value"] == "***"
    assert found["DATABASE_URL"]["value"] == "***"
    assert "hunter2" not in f"{found}{plain.stdout}{plain.stderr}"


def test_on_a_pipe_it_is_plain_and_eighty_columns_wide(machine: Machine) -> None:
    machine.npm()
    said = machine.run("doctor", REACTOR_RENDERER="remotion").stdout

    assert "\x1b" not in said
    assert max(map(len, said.splitlines())) <= 80
    assert "-> bin/reactor renderer install remotion" in said
    assert said.endswith("for REACTOR_RENDERER=remotion: 3 missing\n")


def test_a_database_that_lacks_something(machine: Machine) -> None:
    with psycopg.connect(machine.dsn, autocommit=True) as conn:
        conn.execute("DELETE FROM reactor.migrations WHERE name = 'triggers'")
    by_daemon = machine.doctor()
    by_hand = machine.doctor(REACTOR_MIGRATE="false")

    assert (by_daemon.code, by_daemon.checks["database"]["state"]) == (0, "note")
    assert by_hand.failed() == {"database"}
    assert by_hand.checks["database"]["mend"] == "bin/reactor migrate"


def test_a_database_that_does_not_answer(machine: Machine) -> None:
    found = machine.doctor(DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x")

    assert found.failed() == {"database"}
    assert "hunter2" not in str(found.checks)


def test_ports_that_somebody_else_has(machine: Machine) -> None:
    with socket.socket() as page, socket.socket() as renderer:
        for other in (page, renderer):
            other.bind(("127.0.0.1", 0))
        # Bound and not listening: who asks is refused at once.
        found = machine.doctor(
            REACTOR_HTTP=f"127.0.0.1:{page.getsockname()[1]}",
            REACTOR_RENDERER_URL=f"http://127.0.0.1:{renderer.getsockname()[1]}",
        )

    assert found.failed() == {"page", "renderer"}
    assert "REACTOR_HTTP" in found.checks["page"]["mend"]
    assert "REACTOR_RENDERER_URL" in found.checks["renderer"]["mend"]


def test_a_data_directory_that_cannot_be(machine: Machine) -> None:
    found = machine.doctor(REACTOR_DATA="/dev/null/data")

    assert found.failed() == {"data directory"}


def test_a_disk_that_is_full_enough(machine: Machine) -> None:
    found = machine.doctor(REACTOR_MIN_FREE_MB=str(10**9))

    assert found.failed() == {"disk"}
    assert "REACTOR_MIN_FREE_MB" in found.checks["disk"]["mend"]
