"""The renderer is started, watched, replaced and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.errors import BadConfiguration
from reactor.events import RendererDown, RendererUp
from reactor.observe import Seen
from reactor.renderers.process import command_line
from tests.supervisor.conftest import (
    PATIENCE_S,
    SOON_S,
    read_pid,
    renderer_command,
    runs,
    until_gone,
)

if TYPE_CHECKING:
    from pathlib import Path

    from reactor.db.pool import Database
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.supervisor.conftest import Supervised


async def test_renderer_health_check_detects_down(supervised: Supervised) -> None:
    stage = await supervised(running=False)

    assert await stage.supervisor.is_running() is False


async def test_the_renderer_is_started_and_announced_once(
    supervised: Supervised, settings: Settings
) -> None:
    stage = await supervised()
    await stage.until(Seen.RENDERER_UP)
    stage.supervisor.nudge()
    await stage.supervisor.start()

    assert await stage.supervisor.is_running()
    assert stage.events == [RendererUp(settings.renderer_url)]
    assert stage.client.slots == 3
    assert runs(stage.pid())


async def test_start_stop_and_start_without_a_watch_loop(supervised: Supervised) -> None:
    stage = await supervised(running=False)

    started = await stage.supervisor.start()
    pid = stage.pid()
    await stage.supervisor.stop()

    assert (started, runs(pid), stage.supervisor.pid) == (True, False, None)
    assert await stage.supervisor.start()
    assert stage.pid() != pid


async def test_a_stopped_renderer_stays_stopped_while_watched(supervised: Supervised) -> None:
    stage = await supervised(supervise_s=0.05)
    await stage.until(Seen.RENDERER_UP)
    await stage.supervisor.stop()
    before = stage.seen.copy()
    await stage.looked(5)

    assert stage.seen == before
    assert stage.client.slots == 0


async def test_restart_is_a_new_process(supervised: Supervised) -> None:
    stage = await supervised()
    await stage.until(Seen.RENDERER_UP)
    before = stage.pid()

    assert await stage.supervisor.restart()
    assert stage.pid() != before
    assert not runs(before)


async def test_a_killed_renderer_is_noticed_and_replaced_at_once(
    supervised: Supervised, settings: Settings
) -> None:
    stage = await supervised()
    await stage.until(Seen.RENDERER_UP)
    before = stage.pid()
    os.kill(before, signal.SIGKILL)
    down = await stage.until(Seen.RENDERER_DOWN)
    await stage.until(Seen.RENDERER_UP, 2)
    reason = "it ended with exit code 137"

    assert down["reason"].startswith(reason)
    assert stage.pid() != before
    url = settings.renderer_url
    assert stage.events == [RendererUp(url), RendererDown(url, down["reason"]), RendererUp(url)]


async def test_a_killed_renderer_leaves_no_descendants(
    supervised: Supervised, tmp_path: Path
) -> None:
    note = tmp_path / "grandchild"
    stage = await supervised(renderer=renderer_command("--family", str(note)))
    await stage.until(Seen.RENDERER_UP)
    grandchild = await read_pid(note)
    os.kill(stage.pid(), signal.SIGKILL)
    await stage.until(Seen.RENDERER_DOWN)

    assert not runs(grandchild)


async def test_a_renderer_that_hangs_is_replaced(supervised: Supervised) -> None:
    stage = await supervised(health_timeout_s=SOON_S)
    await stage.until(Seen.RENDERER_UP)
    before = stage.pid()
    os.kill(before, signal.SIGSTOP)
    stage.supervisor.nudge()
    down = await stage.until(Seen.RENDERER_DOWN)
    await stage.until(Seen.RENDERER_UP, 2)

    assert down["reason"].startswith("it hangs: ")
    assert not runs(before)


async def test_the_regular_look_notices_a_hang_without_a_nudge(
    supervised: Supervised, observer: Observer
) -> None:
    stage = await supervised(running=False, supervise_s=0.1, health_timeout_s=SOON_S)

    def hang_the_first(seen: Seen, _: object) -> None:
        if seen is Seen.RENDERER_UP and [what for what, _ in stage.seen].count(seen) == 1:
            # Before any regular look: on a slow machine one of those may find a good one hanging.
            os.kill(stage.pid(), signal.SIGSTOP)

    observer.subscribe(hang_the_first)
    async with anyio.create_task_group() as tg:
        await tg.start(stage.supervisor.run)
        down = await stage.until(Seen.RENDERER_DOWN)
        await stage.until(Seen.RENDERER_UP, 2)
        tg.cancel_scope.cancel()

    assert down["reason"].startswith("it hangs: ")


async def test_a_renderer_that_ignores_sigterm_is_gone_after_stop(supervised: Supervised) -> None:
    stage = await supervised(running=False, renderer=renderer_command("--stubborn"))
    await stage.supervisor.start()
    pid = stage.pid()
    with anyio.fail_after(PATIENCE_S):
        await stage.supervisor.stop()

    assert not runs(pid)


async def test_the_end_of_the_watch_loop_is_the_end_of_the_renderer(
    supervised: Supervised,
) -> None:
    stage = await supervised(running=False)
    async with anyio.create_task_group() as tg:
        await tg.start(stage.supervisor.run)
        await stage.until(Seen.RENDERER_UP)
        pid = stage.pid()
        tg.cancel_scope.cancel()

    assert not runs(pid)


async def test_kill_9_of_the_owner_leaves_nothing_behind(
    settings: Settings, tmp_path: Path
) -> None:
    note = tmp_path / "grandchild"
    told = {
        "REACTOR_DATA": str(settings.data),
        "REACTOR_RENDERER_URL": settings.renderer_url,
        "REACTOR_RENDERER": renderer_command("--family", str(note), "--stubborn"),
    }
    command = [sys.executable, "-m", "tests.supervisor.owner"]
    owner = await anyio.open_process(command, env={**os.environ, **told}, stderr=subprocess.DEVNULL)
    async with owner:
        assert owner.stdout is not None
        with anyio.fail_after(PATIENCE_S):
            renderer = int(await owner.stdout.receive())
        grandchild = await read_pid(note)
        alive = runs(renderer) and runs(grandchild)
        owner.kill()
        await until_gone(renderer, grandchild)

    assert alive


async def test_a_command_that_does_not_exist_is_named(supervised: Supervised) -> None:
    stage = await supervised(renderer="/no/such/renderer --x")
    down = await stage.until(Seen.RENDERER_DOWN)

    assert down["reason"].endswith("cannot start /no/such/renderer: No such file or directory")


@pytest.mark.parametrize("command", ["'unclosed", "  "])
def test_a_command_line_that_is_none_is_refused(settings: Settings, command: str) -> None:
    with pytest.raises(BadConfiguration, match="REACTOR_RENDERER"):
        command_line(settings.model_copy(update={"renderer": command}))


async def test_the_renderer_is_told_what_it_needs_and_no_secret(
    supervised: Supervised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for secret in ("DATABASE_URL", "PGPASSWORD", "REACTOR_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(secret, "secret")
    note = tmp_path / "environment"
    stage = await supervised(renderer=renderer_command("--environment", str(note)), slots=2)
    await stage.until(Seen.RENDERER_UP)
    told = json.loads(note.read_text())

    assert "secret" not in told.values()
    assert told["REACTOR_SLOTS"] == "2"
    assert {"PATH", "REACTOR_DATA", "REACTOR_RENDERER_URL", "REACTOR_ASSET_DIRS"} <= told.keys()


async def test_the_renderer_is_a_managed_agent_and_its_row_is_true(
    supervised: Supervised, database: Database, settings: Settings
) -> None:
    stage = await supervised(database=database)

    async def row_with(status: str) -> tuple[Any, ...]:
        statement = (
            "SELECT kind, name, version, url, capabilities, pid FROM actp_agent_registry"
            " WHERE agent_id = %s AND status = %s"
        )
        with anyio.fail_after(PATIENCE_S):
            while True:
                async with database.connection() as conn:
                    found = await conn.execute(statement, [stage.supervisor.agent_id, status])
                    if row := await found.fetchone():
                        return row
                await anyio.sleep(0.02)

    running = await row_with("running")
    expected_pid = stage.pid()
    await stage.supervisor.stop()
    await row_with("down")

    assert running == (
        "renderer",
        "fake",
        "7",
        settings.renderer_url,
        {
            "capacity": 3,
            "formats": ["clip_1_1"],
            "templates": ["title-card"],
            "containers": ["mp4"],
        },
        expected_pid,
    )
