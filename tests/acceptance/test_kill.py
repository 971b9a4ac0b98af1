"""kill -9 of everybody in turn: no video is lost, doubled or rendered by the dead."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.acceptance.conftest import Daemon, until_gone
from tests.acceptance.test_daemon import LONG, VIDEO

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactor.settings import Settings
    from tests.fix_reactor import Table

CUT = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'reactor%%'"
)


async def test_a_killed_daemon_leaves_no_renderer_and_another_finishes_the_job(
    start: Callable[..., Daemon], table: Table, settings: Settings
) -> None:
    first = start()
    await first.until("renderer.up")
    job = await table.insert(**VIDEO, params='{"title": "Survivor", "duration_s": 15}')
    await first.until("render.started")
    await table.until("count(*) = 1 FROM reactor.progress")
    family = first.family()
    assert len(family) >= 3

    first.process.kill()
    await until_gone(family, patience_s=3)
    second = start()
    await table.until_status(job, "complete", patience_s=60)

    videos = [path for path in settings.library_dir.iterdir() if path.suffix == ".mp4"]
    assert videos == [Path(await table.get(job, "output_path"))]
    outcomes = await table.rows("SELECT attempt, outcome FROM reactor.attempts ORDER BY 1")
    assert outcomes == [(1, "lost"), (2, "complete")]
    assert second.process.poll() is None


async def test_a_killed_renderer_is_replaced_and_the_job_uncharged(
    start: Callable[..., Daemon], table: Table
) -> None:
    daemon = start()
    up = await daemon.until("renderer.up")
    job = await table.insert(**VIDEO, params='{"duration_s": 15}')
    await table.until("count(*) = 1 FROM reactor.progress")
    server = next(p for p in daemon.family() if p.cmdline()[-2:] == ["reactor", "renderer"])

    server.kill()
    await table.until_status(job, "complete", patience_s=60)

    assert await table.get(job, "retry_count") == 0
    ups = [line for line in daemon.lines() if line["event"] == "renderer.up"]
    assert len(ups) >= 2
    assert ups[0] == up


async def test_a_killed_encoder_is_a_crash_and_tried_again(
    start: Callable[..., Daemon], table: Table
) -> None:
    daemon = start()
    await daemon.until("renderer.up")
    job = await table.insert(**VIDEO, params=LONG)
    await table.until("count(*) = 1 FROM reactor.progress")
    encoders = [
        p for p in daemon.family() if "reactor.renderserver.render" in " ".join(p.cmdline())
    ]
    busy = max(encoders, key=lambda process: sum(process.cpu_times()[:2]))

    busy.kill()
    await table.until("retry_count = 1 FROM actp_gen_jobs WHERE id = %(id)s", id=job)

    error = await table.rows(
        "SELECT error_class, error_message FROM reactor.attempts WHERE attempt = 1"
    )
    assert error[0][0] == "crash"
    assert "SIGKILL" in error[0][1]


async def test_a_job_that_kills_three_reactors_is_stopped_and_others_go_on(
    start: Callable[..., Daemon], table: Table
) -> None:
    killer = await table.insert(**VIDEO, params=LONG)
    for attempt in (1, 2, 3):
        daemon = start()
        await table.until(
            "stage = 'rendering' AND attempt = %(attempt)s FROM actp_gen_jobs WHERE id = %(id)s",
            patience_s=40,
            id=killer,
            attempt=attempt,
        )
        family = daemon.family()
        daemon.process.kill()
        await until_gone(family, patience_s=5)

    innocent = await table.insert(renderer="server", template_id="title-card")
    start()
    await table.until_status(innocent, "complete", patience_s=60)
    await table.until_status(killer, "failed")

    assert await table.get(killer, "error_class", "attempt") == ("poison", 3)


async def test_a_database_that_cuts_every_connection_costs_no_render(
    start: Callable[..., Daemon], table: Table
) -> None:
    daemon = start()
    await daemon.until("renderer.up")
    job = await table.insert(**VIDEO, params='{"duration_s": 3}')
    await daemon.until("render.started")

    for _ in range(3):
        await table.rows(CUT)
        await daemon.until("listener.lost")
    await table.until_status(job, "complete", patience_s=60)

    assert await table.get(job, "attempt") == 1
    assert psutil.pid_exists(daemon.process.pid)
