"""Directories that somebody removed under a running reactor: no job pays for it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from reactor.observe import Seen
from tests.fix_reactor import seeing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Easel, Table

    Start = Callable[..., Awaitable[Context]]


async def test_a_video_waits_for_its_library(
    start: Start, table: Table, easel: Easel, settings: Settings, observer: Observer
) -> None:
    await start()
    settings.library_dir.rmdir()

    async with seeing(observer, Seen.CLAIM_HELD, reason="publishing"):
        job = await table.insert()
    settings.library_dir.mkdir()
    await table.until_status(job, "complete")

    assert len(easel.orders) == 1
    assert await table.get(job, "retry_count") == 0
    assert Path(await table.get(job, "output_path")).parent == settings.library_dir


async def test_the_render_directory_is_made_again(
    start: Start, table: Table, settings: Settings
) -> None:
    await start(scan_s=600)
    shutil.rmtree(settings.renders_dir)

    job = await table.insert()
    await table.until_status(job, "complete")

    assert await table.get(job, "attempt", "retry_count") == (1, 0)
