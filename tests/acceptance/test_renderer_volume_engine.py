"""The tests that the volume engine's first brief asks for, by its names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from reactor import filler, volume
from reactor.daemon import running
from reactor.db import attempts
from reactor.demo.script import SCRIPT
from reactor.observe import Seen
from tests.acceptance.conftest import ENDS_S
from tests.fix_reactor import LOOK_S, PATIENCE_S, seeing
from tests.noon import noon_zone
from tests.ports import free_port

if TYPE_CHECKING:
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Table


async def test_renderer_health_check_detects_down(settings: Settings, observer: Observer) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ours = settings.model_copy(update={"renderer": "embedded", "renderer_url": url})
    async with running(ours, observe=observer, api=False) as context:
        assert await context.supervisor.start()
        # An answer may be late once.
        with anyio.fail_after(PATIENCE_S):
            while not await context.supervisor.is_running():
                await anyio.sleep(LOOK_S)

        await context.supervisor.stop()
        assert await context.supervisor.is_running() is False


async def test_job_queue_filler_creates_jobs(table: Table) -> None:
    async with table.database.connection() as conn:
        before = await filler.count_pending_jobs(conn)
        filled = await filler.fill_queue(conn, target_count=15)
        again = await filler.fill_queue(conn, target_count=15)
        waiting = await filler.get_pending_jobs(conn)

    assert (before, len(filled.ids), again.ids) == (0, 15, [])
    assert {job.id for job in waiting} == set(filled.ids)
    rows = await table.rows(
        "SELECT count(*), count(DISTINCT (niche, platform, template_id)), count(DISTINCT platform)"
        " FROM actp_gen_jobs WHERE status = 'pending'"
    )
    assert rows == [(15, 15, 5)]


async def test_dispatch_claims_atomically(table: Table) -> None:
    first, second = [await table.insert() for _ in range(2)]
    claimed: list[int] = []

    async def claim() -> None:
        async with table.database.connection() as conn:
            claims = await attempts.claim_next_jobs(
                conn, {"easel": 1}, reactor_id=uuid4(), token=uuid4(), lease_s=60
            )
        [one] = claims
        claimed.append(one.id)

    async with anyio.create_task_group() as tg:
        tg.start_soon(claim)
        tg.start_soon(claim)

    assert sorted(claimed) == [first, second]


async def test_flush_pending_jobs_dispatches_all(
    settings: Settings, observer: Observer, table: Table
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ours = settings.model_copy(update={"renderer": "embedded", "renderer_url": url})
    async with running(ours, observe=observer, api=False) as context:
        assert await context.supervisor.start()
        await context.supervisor.stop()  # and so it stays down until somebody wants it
        for niche, platform, _, title, _ in SCRIPT:
            await table.insert(
                renderer="server",
                template_id="title-card",
                format="clip_1_1",
                quality="360p",
                niche=niche,
                platform=platform,
                params=json.dumps({"title": title, "duration_s": 0.5}),
                run_after="infinity",
            )

        async with seeing(observer, Seen.RENDERER_STARTED, url=url):
            await table.rows("SELECT reactor.flush()")

        await table.until(
            "count(*) = 12 FROM actp_gen_jobs WHERE status = 'complete'", patience_s=ENDS_S
        )
    tries = await table.rows("SELECT count(*), max(attempt) FROM reactor.attempts")
    assert (len(SCRIPT), tries) == (12, [(12, 1)])


async def test_volume_tracker_pace(table: Table) -> None:
    """Five renders of ten are not enough, and ten are; where it is about noon, so that no day ends."""
    await table.rows("UPDATE reactor.control SET time_zone = %(zone)s", zone=noon_zone())
    made = """
        INSERT INTO actp_gen_jobs (platform, status, completed_at)
        SELECT 'youtube', 'complete', reactor.day_begins(reactor.today()) FROM generate_series(1, 5)
    """
    await table.rows(made)
    async with table.database.connection() as conn:
        assert not await volume.is_on_pace(conn, target_per_day=10)
    await table.rows(made)
    async with table.database.connection() as conn:
        assert await volume.is_on_pace(conn, target_per_day=10)
