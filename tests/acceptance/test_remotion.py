"""A real daemon with Remotion: a row becomes a film, also when its browser is killed on the way."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import av
import psutil
import pytest

from tests.acceptance.conftest import Daemon, until_gone
from tests.acceptance.test_daemon import VIDEO
from tests.renderserver.conftest import missing_for_remotion
from tests.renderserver.target import BUNDLED_S, observed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fix_reactor import Table

DRAWN_S = 90


@pytest.fixture
async def daemon(start: Callable[..., Daemon]) -> Daemon:
    """A daemon whose Remotion server answers; `.ci/run` brings what that needs."""
    if missing := missing_for_remotion():
        pytest.skip(missing)
    started = start(REACTOR_RENDERER="remotion", REACTOR_SLOTS="1")
    await started.until("renderer.up", patience_s=BUNDLED_S)
    return started


def browsers(daemon: Daemon) -> list[psutil.Process]:
    """The leaders of the browsers: who was started with a profile, but as no kind of helper."""
    found = []
    for process in daemon.family():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            said = " ".join(process.cmdline())
            if "--user-data-dir" in said and "--type=" not in said:
                found.append(process)
    return found


async def test_a_row_becomes_a_film_and_no_process_outlives_the_daemon(
    daemon: Daemon, table: Table
) -> None:
    job = await table.insert(**VIDEO, params='{"title": "Remotion", "duration_s": 0.5}')
    await table.until_status(job, "complete", patience_s=DRAWN_S)

    path, width, height = await table.get(job, "output_path", "width", "height")
    with av.open(path) as film:
        frames = len(list(film.decode(video=0)))
    assert (width, height, frames) == (720, 720, 15)
    drawn_by = "SELECT renderer_version FROM reactor.attempts"
    assert str((await table.rows(drawn_by))[0][0]).startswith("remotion 4.")

    family = daemon.family()
    daemon.process.terminate()
    assert await daemon.ended(patience_s=30) == 0
    await until_gone(family, patience_s=5)


async def test_a_killed_browser_ends_in_a_film_on_the_next_attempt(
    daemon: Daemon, table: Table, data: Path
) -> None:
    job = await table.insert(**VIDEO, params='{"title": "Survivor", "duration_s": 6}')
    await table.until(
        "coalesce(max(rendered_frames), 0) > 0 FROM reactor.progress WHERE job_id = %(id)s",
        patience_s=DRAWN_S,
        id=job,
    )
    for browser in observed(lambda: browsers(daemon), bool):
        browser.kill()
    await table.until_status(job, "complete", patience_s=DRAWN_S)

    attempts = "SELECT attempt, outcome, error_class FROM reactor.attempts ORDER BY 1"
    assert await table.rows(attempts) == [(1, "failed", "crash"), (2, "complete", None)]
    videos = [path for path in (data / "library").iterdir() if path.suffix == ".mp4"]
    assert videos == [Path(await table.get(job, "output_path"))]
