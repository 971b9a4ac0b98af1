"""`bin/reactor flush` beside a real daemon: what it prints, when it ends, and with which code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Daemon
    from tests.fix_reactor import Table

    Command = Callable[..., subprocess.CompletedProcess[str]]

STILL = {"renderer": "server", "template_id": "title-card", "niche": "n", "platform": "p"}


async def test_each_job_has_a_line_and_the_killed_renderer_is_started(
    start: Callable[..., Daemon], command: Command, table: Table
) -> None:
    daemon = start()
    pid = (await daemon.until("renderer.started"))["pid"]
    await daemon.until("renderer.up")
    jobs = [await table.insert(**STILL, run_after="infinity") for _ in range(3)]
    next(p for p in daemon.family() if p.pid == pid).kill()

    done = command("flush")

    first, *lines, last = done.stdout.splitlines()
    assert (done.returncode, done.stderr, first) == (0, "", "3 pending jobs are due now")
    for number, line in enumerate(sorted(lines), 1):
        assert line.startswith(f"{number}/3  job ")
        assert "  n/p  complete in " in line
        assert ".jpg  (" in line
        assert line.endswith(f"({3 - number} left)")
    assert last.startswith("3 complete in ")
    paths = [await table.get(job, "output_path") for job in jobs]
    assert all(path in done.stdout for path in paths)
    assert len([line for line in daemon.lines() if line["event"] == "renderer.started"]) == 2


async def test_a_job_that_fails_is_named_with_its_reason(
    start: Callable[..., Daemon], command: Command, table: Table
) -> None:
    daemon = start()
    await daemon.until("renderer.up")
    await table.insert(**STILL | {"template_id": "disco"}, run_after="infinity")

    done = command("flush")
    told = command("flush", "--json")

    assert done.returncode == 1
    assert "1/1  job 1  n/p  failed" in done.stdout
    assert "input: template: 'disco' is unknown" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("0 complete, 1 failed in ")
    # By now nothing is pending.
    assert (told.returncode, json.loads(told.stdout)["flushed"]) == (0, 0)


async def test_programs_read_a_json_object_a_line(
    start: Callable[..., Daemon], command: Command, table: Table
) -> None:
    daemon = start()
    await daemon.until("renderer.up")
    job = await table.insert(**STILL, run_after="infinity")

    done = command("flush", "--json")

    first, line, last = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, first["jobs"]) == (0, [job])
    assert (line["id"], line["status"], line["left"]) == (job, "complete", 0)
    assert (last["complete"], last["left"], last["reason"]) == (1, 0, None)


async def test_nobody_waits_where_nobody_works(command: Command, table: Table) -> None:
    await table.insert(**STILL)

    waited = command("flush")
    given = command("flush", "--no-wait")
    await table.rows("SELECT reactor.pause()")
    await table.rows(
        "INSERT INTO actp_agent_registry (agent_id, kind, status, heartbeat_at)"
        " VALUES (gen_random_uuid(), 'reactor', 'running', now())"
    )
    paused = command("flush")

    assert (waited.returncode, waited.stdout) == (75, "1 pending jobs are due now\n")
    assert "1 job is left, and no reactor is running: start one with bin/reactor" in waited.stderr
    assert (given.returncode, given.stderr) == (0, "")
    assert paused.returncode == 75
    assert "the farm is paused: bin/reactor resume" in paused.stderr
    assert await table.rows("SELECT paused FROM reactor.control") == [(True,)]


async def test_ctrl_c_leaves_the_jobs_alone(
    start: Callable[..., Daemon], environment: dict[str, str], table: Table
) -> None:
    daemon = start(REACTOR_MIN_FREE_MB=str(2**40))  # which claims nothing
    await daemon.until("reactor.started")
    job = await table.insert(**STILL)

    with subprocess.Popen(
        [sys.executable, "-m", "reactor", "flush"],
        env=environment,
        cwd=tempfile.gettempdir(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as flush:
        await table.until(
            "count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'reactor farm' AND state = 'idle' AND query LIKE '%%in_work%%'"
        )
        flush.send_signal(signal.SIGINT)
        try:
            out, errors = flush.communicate(timeout=PATIENCE_S)
        finally:
            flush.kill()

    assert flush.returncode == 130
    assert out == "1 pending jobs are due now\n"
    assert errors == "the jobs go on; bin/reactor status shows them\n"
    assert await table.get(job, "status") == "pending"
