"""A real daemon with Remotion: a row becomes a film, and no process outlives the daemon."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import av
import psutil
import pytest

from tests.acceptance.conftest import Daemon, until_gone
from tests.renderserver.conftest import missing_for_remotion
from tests.renderserver.target import BUNDLED_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fix_reactor import Table

DRAWN_S = 300
DRAFT = {
    "renderer": "server",
    "template_id": "title-card",
    "format": "clip_1_1",
    "quality": "360p",
}
LONG = '{"title": "Long", "duration_s": 120}'
SHORTEN = "UPDATE actp_gen_jobs SET params = %(params)s WHERE id = %(id)s"
"""For the next attempt: so a first one is long enough to be caught, and the test is not."""


async def with_remotion(start: Callable[..., Daemon], **changes: str) -> Daemon:
    """A daemon whose Remotion server answers; `.ci/run` brings what that needs."""
    if missing := missing_for_remotion():
        pytest.skip(missing)
    started = start(**{"REACTOR_RENDERER": "remotion", "REACTOR_SLOTS": "1"} | changes)
    await started.until("renderer.up", patience_s=BUNDLED_S)
    return started


async def until_frames(table: Table, job: int) -> None:
    """Wait until the renderer has drawn some of this job's frames."""
    await table.until(
        "coalesce(max(rendered_frames), 0) > 0 FROM reactor.progress WHERE job_id = %(id)s",
        patience_s=DRAWN_S,
        id=job,
    )


def processes(daemon: Daemon, *, has: str, lacks: str = "\0") -> list[psutil.Process]:
    """What the daemon runs, by words of the command line."""
    found = []
    for process in daemon.family():
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            said = " ".join(process.cmdline())
            if has in said and lacks not in said:
                found.append(process)
    return found


def films(data: Path) -> list[str]:
    """What lies in the library, by name."""
    return sorted(str(path) for path in (data / "library").iterdir() if path.suffix == ".mp4")


async def test_a_row_becomes_a_film_and_no_process_outlives_the_daemon(
    start: Callable[..., Daemon], table: Table
) -> None:
    daemon = await with_remotion(start)
    job = await table.insert(**DRAFT, params='{"title": "Remotion", "duration_s": 0.5}')
    await table.until_status(job, "complete", patience_s=DRAWN_S)

    path, width, height = await table.get(job, "output_path", "width", "height")
    with av.open(path) as film:
        frames = len(list(film.decode(video=0)))
    assert (width, height, frames) == (360, 360, 15)
    # The watcher may have been quicker than the renderer's own word.
    await table.until("renderer_version LIKE 'remotion 4.%%' FROM reactor.attempts")

    family = daemon.family()
    daemon.process.terminate()
    assert await daemon.ended() == 0
    await until_gone(family)
