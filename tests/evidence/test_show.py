"""`bin/reactor show`: one job in a terminal, or as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from reactor.db import attempts
from reactor.evidence import Evidence
from reactor.models import JobId

if TYPE_CHECKING:
    from reactor.settings import Settings
    from tests.evidence.conftest import Farm
    from tests.fix_reactor import Table

ROOT = Path(__file__).parents[2]


async def show(settings: Settings, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("REACTOR_")},
        "PYTHONPATH": str(ROOT),
        "REACTOR_DATA": str(settings.data),
        "DATABASE_URL": settings.database_url.get_secret_value() if settings.database_url else "",
        "COLUMNS": "120",
        "TZ": "UTC",
    }
    command = [sys.executable, "-m", "reactor", "show", *map(str, arguments)]
    done = await anyio.run_process(command, env=environment, check=False, cwd="/")
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(
        command, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


async def failed(table: Table, farm: Farm, **said: Any) -> int:
    """A job that has failed at frame 17."""
    job = await farm.rendering(seconds=1, max_attempts=1, params='{"title": "[bold]Hi[/]"}')
    async with table.database.connection() as conn:
        await attempts.fail_attempt(
            conn,
            JobId(job),
            await table.get(job, "claim_token"),
            **{
                "error_class": "crash",
                "error_message": "Target closed",
                "charged": True,
                "may_retry": True,
                "delay_s": 1,
                "version": "easel 1",
                "frame": 17,
                "log": "first line\nlast line",
                **said,
            },
        )
    return job


async def test_a_failed_job_shows_why_where_and_the_log(
    settings: Settings, table: Table, farm: Farm
) -> None:
    job = await failed(table, farm)

    done = await show(settings, job)

    assert done.returncode == 0
    for words in (
        f"job {job}  failed",
        "[bold]Hi[/]",
        "crash: Target closed",
        "at frame 17",
        "easel 1",
        "log of try 1",
        "last line",
    ):
        assert words in done.stdout
    assert "done in" not in done.stdout


async def test_a_waiting_job_shows_its_reason_and_when(
    settings: Settings, table: Table, farm: Farm
) -> None:
    await farm.join(renderers=["easel"])
    await farm.takes(75)
    await table.insert()
    job = await table.insert()

    done = await show(settings, job)

    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["waits", *["it", "waits", "for", "a", "slot", "behind", "one", "job"]] in lines
    assert ["starts", "in", "1", "min", "15", "s"] in lines
    assert ["done", "in", "2", "min", "30", "s"] in lines


async def test_what_others_wrote_moves_no_cursor(
    settings: Settings, table: Table, farm: Farm
) -> None:
    job = await failed(table, farm, error_message="\x1b[2J\x07gone", log="\x1b]0;title\x07")

    done = await show(settings, job)

    assert "gone" in done.stdout
    assert not set(done.stdout) & {"\x1b", "\x07"}


async def test_as_json_it_is_the_evidence(settings: Settings, table: Table, farm: Farm) -> None:
    job = await failed(table, farm)

    done = await show(settings, job, "--json")

    assert json.loads(done.stdout).keys() == Evidence.model_fields.keys()
    found = Evidence.model_validate_json(done.stdout)
    assert (found.job.id, found.attempts[0].error_frame) == (job, 17)


async def test_an_unknown_job_is_one_line(settings: Settings) -> None:
    done = await show(settings, 4711)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "reactor: there is no job 4711\n"
