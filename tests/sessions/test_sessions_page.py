"""`docs/sessions.md` is true: its commands are run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from reactor.daemon import running
from tests.acceptance.conftest import ENDS_S, ROOT
from tests.ports import free_port
from tests.renderserver.clips import CYAN, YELLOW, make_clip, pictures, read

if TYPE_CHECKING:
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Table

PAGE = ROOT / "docs" / "sessions.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
YELLOW_FRAMES = [("yellow", number) for number in range(50)]
CYAN_FRAMES = [("cyan", number) for number in range(50)]
SERVED = "127.0.0.1:8787"


def commands(http: str) -> str:
    """All that is to be typed, for a farm at that address; a refusal ends it."""
    typed = "\n".join(BLOCK.findall(PAGE.read_text("utf-8")))
    assert SERVED in typed
    here = typed.replace(SERVED, http).replace("bin/reactor", f"{sys.executable} -m reactor")
    return here.replace("curl ", "curl --fail-with-body -sS --noproxy '*' ")


async def test_the_walk_through_works_as_typed(
    settings: Settings, observer: Observer, table: Table
) -> None:
    drawing = settings.model_copy(
        update={
            "renderer": "embedded",
            "renderer_url": f"http://127.0.0.1:{free_port()}",
            "http": f"127.0.0.1:{free_port()}",
        }
    )
    async with running(drawing, observe=observer):
        films(settings.uploads_dir)
        said = await to_thread.run_sync(typed, drawing)
        await table.until(
            "count(*) FILTER (WHERE status IN ('complete', 'failed')) = 2 FROM actp_gen_jobs",
            patience_s=ENDS_S,
        )

    assert '"status":"pending"' in said
    assert "INSERT 0 2" in said
    rows = await table.rows(
        "SELECT session_id, format, output_path, error_message FROM actp_gen_jobs ORDER BY id"
    )
    assert [row[:2] for row in rows] == [("s1", "short_9_16"), ("s2", "full_16_9")]
    assert [row[3] for row in rows] == [None, None]
    assert shown(rows[0][2]) == YELLOW_FRAMES[12:37] + CYAN_FRAMES
    assert shown(rows[1][2]) == CYAN_FRAMES[:25] + YELLOW_FRAMES[25:]


def shown(path: str) -> list[tuple[str, int]]:
    """Which frames of which film a video shows."""
    return [read(picture) for picture in pictures(Path(path))]


def films(uploads: Path) -> None:
    """The two that the page speaks of."""
    for name, color in (("left", YELLOW), ("right", CYAN)):
        make_clip(uploads / f"{name}.mp4", color, size=(320, 180), fps=25, frames=50)


def typed(settings: Settings) -> str:
    """What the commands say."""
    url = settings.database_url
    assert url
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", commands(settings.http)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URL": url.get_secret_value()},
        cwd=settings.data,
        capture_output=True,
        text=True,
        timeout=ENDS_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
