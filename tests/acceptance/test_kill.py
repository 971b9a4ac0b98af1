"""kill -9 of everybody in turn: no video is lost, doubled or rendered by the dead."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.acceptance.conftest import ENDS_S, MORTAL, Daemon, painter, until_drawing, until_gone
from tests.acceptance.test_daemon import LONG, SHORT, VIDEO

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.fix_reactor import Table

    Command = Callable[..., subprocess.CompletedProcess[str]]

SHORTEN = "UPDATE actp_gen_jobs SET params = %(params)s WHERE id = %(id)s"
"""For the next attempt: so a first one is long enough to be caught, and the test is not."""
CUT = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'reactor%%'"
)


async def test_a_killed_daemon_leaves_no_renderer_and_another_finishes_the_job(
    start: Callable[..., Daemon], table: Table, data: Path
) -> None:
    first = start(**MORTAL)
    await first.until("renderer.up")
    job = await table.insert(**VIDEO, params=LONG)
    await until_drawing(data, job)
    family = first.family()
    assert len(family) >= 3

    first.process.kill()
    await until_gone(family)
    await table.rows(SHORTEN, id=job, params=SHORT)
    second = start()
    await table.until_status(job, "complete", patience_s=ENDS_S)

    videos = [path for path in (data / "library").iterdir() if path.suffix == ".mp4"]
    assert videos == [Path(await table.get(job, "output_path"))]
    outcomes = await table.rows("SELECT attempt, outcome FROM reactor.attempts ORDER BY 1")
    assert outcomes == [(1, "lost"), (2, "complete")]
    assert second.process.poll() is None


async def test_a_killed_renderer_is_replaced_and_the_job_uncharged(
    start: Callable[..., Daemon], table: Table, data: Path
) -> None:
    daemon = start()
    server = (await daemon.until("renderer.started"))["pid"]
    await daemon.until("renderer.up")
    job = await table.insert(**VIDEO, params=LONG)
    await until_drawing(data, job)
    await table.rows(SHORTEN, id=job, params=SHORT)

    psutil.Process(server).kill()
    await table.until("count(*) > 0 FROM reactor.attempts WHERE error_class = 'infrastructure'")
    await table.rows("SELECT reactor.flush()")
    await table.until_status(job, "complete", patience_s=ENDS_S)

    assert await table.get(job, "retry_count") == 0
    assert len(list((data / "library").glob("*.mp4"))) == 1
    events = [line["event"] for line in daemon.lines()]
    assert events.count("renderer.started") >= 2
    assert "renderer.down" in events


async def test_a_killed_encoder_is_a_crash_and_tried_again(
    start: Callable[..., Daemon], table: Table
) -> None:
    daemon = start()
    await daemon.until("renderer.up")
    job = await table.insert(**VIDEO, params=LONG)
    encoder = await painter(daemon.family, job)

    encoder.kill()
    await table.until("retry_count = 1 FROM actp_gen_jobs WHERE id = %(id)s", id=job)

    error = await table.rows(
        "SELECT error_class, error_message FROM reactor.attempts WHERE attempt = 1"
    )
    assert error[0][0] == "crash"
    assert "SIGKILL" in error[0][1]


async def test_a_job_that_kills_three_reactors_is_stopped_and_others_go_on(
    start: Callable[..., Daemon], table: Table
) -> None:
    killer = await table.insert(**VIDEO, params=LONG, attempt=2, approved=False)
    for attempt in (1, 2):
        await table.rows(
            "INSERT INTO reactor.attempts (job_id, attempt, renderer, ended_at, outcome)"
            " VALUES (%(job)s, %(attempt)s, 'server', now(), 'lost')",
            job=killer,
            attempt=attempt,
        )
    await table.rows("UPDATE actp_gen_jobs SET approved = true")
    third = start(**MORTAL)
    await third.until("render.started", job_id=killer, attempt=3)

    third.kill()
    innocent = await table.insert(renderer="server", template_id="title-card")
    start()
    await table.until_status(innocent, "complete", patience_s=ENDS_S)
    await table.until_status(killer, "failed")

    assert await table.get(killer, "error_class", "attempt") == ("poison", 3)


async def test_a_database_that_cuts_every_connection_costs_no_render(
    start: Callable[..., Daemon], table: Table, data: Path
) -> None:
    daemon = start()
    await daemon.until("reactor.started")
    await daemon.until("renderer.up")
    job = await table.insert(**VIDEO, params='{"duration_s": 5}')
    await until_drawing(data, job)

    for times in (1, 2, 3):
        await table.rows(CUT)
        await daemon.until("listener.listening", times=times + 1)
    await table.until_status(job, "complete", patience_s=ENDS_S)

    assert await table.get(job, "attempt") == 1
    assert daemon.process.poll() is None


async def test_a_killed_embedded_database_comes_back_and_the_render_is_not_repeated(
    start: Callable[..., Daemon], command: Command, data: Path
) -> None:
    daemon = start(DATABASE_URL="")
    await daemon.until("renderer.up")
    clip = "INSERT INTO actp_gen_jobs (template_id, format, quality, params)"
    clip += """ VALUES ('title-card', 'clip_1_1', '720p', '{"duration_s": 5}') RETURNING id"""
    job = int(command("psql", "-Atqc", clip, DATABASE_URL="").stdout)
    await until_drawing(data, job)

    os.kill(int((data / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    await daemon.until("job.complete", job_id=job, attempt=1, patience_s=ENDS_S)

    assert daemon.process.poll() is None
    assert all(line.startswith("{") for line in daemon.text().splitlines())
