"""The command line: what it does, what it says, and its exit codes."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.fix_reactor import Table

    Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"REACTOR_SLOTS": "zero"}, 78, ["REACTOR_SLOTS"]),
        ({"REACTOR_HTTP": "0.0.0.0:80"}, 78, ["REACTOR_HTTP", "REACTOR_TOKEN"]),
        ({"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}, 69, ["127.0.0.1:1/x"]),
        ({"DATABASE_URL": "nonsense"}, 69, ["DATABASE_URL"]),
        ({"REACTOR_DATA": "/dev/null/data"}, 78, ["REACTOR_DATA"]),
    ],
)
def test_what_cannot_work_is_one_line_and_an_exit_code(
    command: Command, changes: dict[str, str], code: int, words: list[str]
) -> None:
    done = command(**changes)

    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert "hunter2" not in done.stderr


def test_a_taken_port_is_said_before_anything_is_claimed(
    command: Command, environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        environment["REACTOR_HTTP"] = f"127.0.0.1:{port}"
        done = command()

    assert done.returncode == 78
    assert str(port) in done.stderr
    assert "REACTOR_HTTP" in done.stderr


def test_an_unknown_command_is_a_usage_error(command: Command) -> None:
    assert command("dance").returncode == 2


def test_migrate_says_and_does(command: Command, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("DROP SCHEMA reactor CASCADE")
        conn.execute("DROP TABLE actp_gen_jobs, actp_agent_registry")

    missing = command("migrate", "--check")
    script = command("migrate", "--sql")
    applied = command("migrate")
    fine = command("migrate", "--check")

    assert (missing.returncode, "0001_jobs" in missing.stdout) == (1, True)
    assert "CREATE TABLE IF NOT EXISTS public.actp_gen_jobs" in script.stdout
    assert applied.returncode == 0
    assert (fine.returncode, fine.stdout.strip()) == (0, "up to date")


def test_psql_opens_the_configured_database_and_hands_arguments_on(
    command: Command, dsn: str
) -> None:
    given = command("psql", "--", "-Atc", "SELECT current_database()")
    wrong = command("psql", "-c", "SELECT nonsense")

    assert given.stdout.strip() == psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    assert wrong.returncode == 1
    assert "nonsense" in wrong.stderr


def test_a_password_is_not_among_psqls_arguments(command: Command, dsn: str) -> None:
    shown = command(
        "psql",
        "-Atc",
        "\\! tr '\\\\0' ' ' < /proc/$PPID/cmdline",
        DATABASE_URL=make_conninfo(dsn, password="hunter2"),
    )

    assert shown.returncode == 0
    assert "hunter2" not in shown.stdout


async def test_jobs_are_added_steered_and_shown(command: Command, table: Table) -> None:
    added = command(
        "add",
        "title-card",
        "--title",
        "Hi [red]there[/red]",
        "--niche",
        "n",
        "--renderer",
        "nobody",
    )
    job = int(added.stdout.split()[1])

    row = await table.get(job, "template_id", "niche", "params", "quality", "status")
    assert row == ("title-card", "n", {"title": "Hi [red]there[/red]"}, "1080p", "pending")
    assert "paused" in command("pause").stdout
    assert await table.rows("SELECT paused FROM reactor.control") == [(True,)]
    assert command("status").stdout.startswith("paused: 1 pending")
    assert command("resume").returncode == 0
    assert "1 pending jobs are due now" in command("flush").stdout
    too_early = command("retry", str(job))
    assert (too_early.returncode, "only a failed job" in too_early.stderr) == (1, True)
    assert command("cancel", str(job), "--reason", "enough").returncode == 0
    assert command("cancel", "999").returncode == 1
    status = json.loads(command("status", "--json").stdout)
    assert status["stats"]["pending"] == 0
    assert await table.get(job, "status", "error_message") == ("cancelled", "enough")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["add", "title-card", "--params", "[1]"], 2, "--params"),
        (["add", "title-card", "--params", '{"a": NaN}'], 2, "params: must be plain JSON"),
        (["add", "title-card", "--title", "a\udcffb"], 2, "params: must be valid Unicode"),
        (["show", "404"], 1, "there is no job 404"),
        (["approve", "404"], 1, "there is no job 404"),
        (["cancel", "99999999999999999999"], 2, "job"),
        (["retry", "404"], 1, "there is no job 404"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused_in_a_sentence(
    command: Command, arguments: list[str], code: int, words: str
) -> None:
    done = command(*arguments)

    assert done.returncode == code
    assert words in done.stderr


async def test_a_failed_job_is_retried_and_a_delayed_one_made_due(
    command: Command, table: Table
) -> None:
    failed = await table.insert(status="failed", error_class="crash", retry_count=3)
    delayed = await table.insert(run_after="infinity")

    refused = command("retry", str(failed))
    retried = command("retry", str(failed), "--force")
    flushed = command("flush")

    assert refused.returncode == 1
    assert "has used its 3 attempts; retry it with force" in refused.stderr
    assert retried.stdout.strip() == f"job {failed} is pending again"
    assert flushed.stdout.strip() == "2 pending jobs are due now"
    assert await table.get(failed, "status", "retry_count") == ("pending", 0)
    assert await table.rows(
        "SELECT run_after <= now() FROM actp_gen_jobs WHERE id = %(id)s", id=delayed
    ) == [(True,)]
