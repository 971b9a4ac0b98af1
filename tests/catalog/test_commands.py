"""`bin/reactor niches`, `pending`, `fill` and their kin: what people read, and exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.acceptance.conftest import command, environment

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

__all__ = ["command", "environment"]


def test_a_catalogue_is_loaded_shown_and_filled_from(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "n.csv"
    file.write_text("niche,performance\ngardening,[2]\nbeekeeping,x\n")
    refused = command("niches", "load", str(file))
    file.write_text("niche,performance\ngardening,1000\n")
    loaded = command("niches", "load", str(file))
    shown = command("niches")
    whole = json.loads(command("niches", "--json").stdout)
    filled = command("fill", "2")
    waiting = json.loads(command("pending", "--json").stdout)

    assert refused.returncode == 2
    assert [line.partition(": perf")[0] for line in refused.stderr.splitlines()] == [
        "reactor: n.csv line 2",
        "reactor: n.csv line 3",
    ]
    assert loaded.stdout == "niches: 1 new, 0 changed, 0 as they were\n"
    assert "gardening" in shown.stdout
    # Whole headings in 80 columns: they are the names that files and SQL use.
    assert "daily_least daily_target daily_most" in shown.stdout
    assert "title-card  all    all " in shown.stdout
    assert len(whole["niches"]) == 5
    assert filled.stdout == "made 2 jobs; 2 of 2 are pending\n"
    assert [job["niche"] for job in waiting] == ["gardening"] * 2


def test_what_cannot_be_is_a_sentence_and_an_exit_code(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "wanted.csv"
    file.write_text("niche,platform,count\nsolopreneur,x,many\n")
    for arguments, code, words in (
        (("fill", "0"), 2, "target: is 0; allowed: 1 to 10000"),
        (("fill", "-1"), 2, "target: is -1; allowed: 1 to 10000"),
        (("flush-stale", "-3"), 2, "max_age_hours: is -3; allowed: more than 0"),
        (("flush-stale", "nan"), 2, "max_age_hours: is NaN; allowed: more than 0"),
        (("niches", "load", "/none/such.csv"), 2, "/none/such.csv: No such file"),
        (("pending", str(file)), 2, "--check only"),
        (
            ("pending", "--check", str(file)),
            2,
            "wanted.csv line 2: count: is 'many'; allowed: 1 to",
        ),
    ):
        done = command(*arguments)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def test_the_check_says_what_is_missing(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "wanted.csv"
    file.write_text("niche,platform,count\nsolopreneur,x,1\n")
    first = command("pending", "--check")
    missing = command("pending", "--check", str(file))
    command("fill", "20")
    there = command("pending", "--check", str(file))

    assert first.returncode == 1
    assert "content_creation/threads: 5 missing of 5" in first.stdout.splitlines()
    assert (missing.returncode, missing.stdout) == (1, "solopreneur/x: 1 missing of 1\n")
    assert (there.returncode, there.stdout) == (0, "all 1 jobs are there\n")
