"""The daemon with its real renderer: rows become files, and signals are obeyed."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import av
import pytest

from tests.acceptance.conftest import ENDS_S, Daemon, until_gone
from tests.fix_reactor import LOOK_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fix_reactor import Table

SHORT = '{"title": "Hello", "duration_s": 1}'
LONG = '{"title": "Long", "duration_s": 120}'
VIDEO = {"renderer": "server", "template_id": "title-card", "format": "clip_1_1"}


async def test_an_insert_becomes_a_video_and_the_pages_tell_of_it(
    start: Callable[..., Daemon], table: Table, data: Path
) -> None:
    daemon = start()
    await daemon.until("renderer.up")

    job = await table.insert(**VIDEO, params=SHORT, niche="solopreneur")
    await table.until_status(job, "complete")
    # The watcher may have been quicker than the renderer's own word.
    await table.until("renderer_version IS NOT NULL FROM reactor.attempts")

    path, thumbnail, size, sha256 = await table.get(
        job, "output_path", "thumbnail_path", "file_size_bytes", "sha256"
    )
    with av.open(path) as video:
        assert len(list(video.decode(video=0))) == 30
    assert await table.rows("SELECT frames FROM reactor.attempts") == [(30,)]
    assert await table.get(job, "duration_s", "width", "height", "fps") == (1, 720, 720, 30)
    assert Path(path).parent == data / "library"
    assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == sha256
    assert Path(path).stat().st_size == size
    assert Path(thumbnail).read_bytes().startswith(b"\xff\xd8")
    for page in ("/health", "/ready", "/metrics", "/api/renderer/status"):
        await daemon.until_well(page)
    assert "<html" in (await daemon.get("/")).text
    recent = (await daemon.get("/api/renderer/status")).json()["recent"]
    assert [row["id"] for row in recent] == [job]
    version = await table.rows("SELECT renderer_version, outcome FROM reactor.attempts")
    assert version == [("reactor-renderer 0.1.0", "complete")]


async def test_sigterm_lets_a_render_finish(start: Callable[..., Daemon], table: Table) -> None:
    daemon = start(REACTOR_GRACE_S="600")
    await daemon.until("renderer.up")
    job = await table.insert(**VIDEO, params='{"duration_s": 3}')
    await daemon.until("render.started")
    family = daemon.family()

    daemon.process.send_signal(signal.SIGTERM)

    # Far less than the grace period: the drain ends when the work does.
    assert await daemon.ended(patience_s=ENDS_S) == 0
    assert await table.get(job, "status") == "complete"
    await until_gone(family)


async def test_sigterm_gives_a_long_render_back_uncharged(
    start: Callable[..., Daemon], table: Table
) -> None:
    daemon = start(REACTOR_GRACE_S="0.3")
    await daemon.until("renderer.up")
    job = await table.insert(**VIDEO, params=LONG)
    await daemon.until("render.started")
    family = daemon.family()

    daemon.process.send_signal(signal.SIGTERM)

    assert await daemon.ended() == 0
    assert await table.get(job, "status", "retry_count", "claim_token") == ("pending", 0, None)
    await until_gone(family)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_a_second_signal_ends_it_at_once(
    start: Callable[..., Daemon], table: Table, number: signal.Signals, code: int
) -> None:
    daemon = start(REACTOR_GRACE_S="600")
    await daemon.until("renderer.up")
    job = await table.insert(**VIDEO, params=LONG)
    await daemon.until("render.started")
    family = daemon.family()

    daemon.process.send_signal(number)
    await daemon.until("reactor.draining")
    daemon.process.send_signal(number)

    assert await daemon.ended() == code
    assert await table.get(job, "status", "retry_count") == ("pending", 0)
    await until_gone(family)


async def test_two_daemons_share_a_database_and_a_renderer(
    start: Callable[..., Daemon], table: Table
) -> None:
    first = start()
    await first.until("renderer.up")
    second = start(REACTOR_HTTP="127.0.0.1:0")
    await second.until("renderer.up")

    still = {"renderer": "server", "template_id": "title-card"}
    jobs = [await table.insert(**still) for _ in range(12)]
    for job in jobs:
        await table.until_status(job, "complete", patience_s=ENDS_S)

    # A video may be published before its render is logged as over.
    with anyio.fail_after(PATIENCE_S):
        while len(drawn := drawn_by(first, second)) < len(jobs):
            await anyio.sleep(LOOK_S)
    assert sorted(line["job_id"] for line in drawn) == jobs
    # A renderer that is busy with the other's job is waited for; nothing fails for it.
    assert await table.rows("SELECT count(*), max(attempt) FROM reactor.attempts") == [(12, 1)]
    assert await table.rows("SELECT count(DISTINCT output_path) FROM actp_gen_jobs") == [(12,)]
    # One started a render server, the other found it.
    starts = [line for line in second.lines() if line["event"] == "renderer.started"]
    assert starts == []


def drawn_by(*daemons: Daemon) -> list[dict[str, Any]]:
    """The log lines that say that a render has ended with a file."""
    return [
        line for daemon in daemons for line in daemon.lines() if line["event"] == "render.ended"
    ]


async def test_bad_input_fails_at_once_and_the_others_go_on(
    start: Callable[..., Daemon], table: Table, data: Path
) -> None:
    daemon = start()
    await daemon.until("renderer.up")
    (data / "uploads" / "fake.png").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    bad = {
        "template_id": (
            {"template_id": "disco"},
            "audio-visualizer, edl-cut, slideshow, title-card",
        ),
        "audio": (
            {"template_id": "audio-visualizer", "params": '{"audio": "gone.mp3"}'},
            "props.audio",
        ),
        "image": (
            {"template_id": "slideshow", "params": '{"images": ["fake.png"]}'},
            "props.images[0]",
        ),
        "path": (
            {"template_id": "slideshow", "params": '{"images": ["/etc/hostname"]}'},
            "outside",
        ),
        "type": (
            {"template_id": "title-card", "params": '{"duration_s": "long"}'},
            "props.duration_s",
        ),
    }

    jobs = {
        name: await table.insert(**{"renderer": "server", **columns})
        for name, (columns, _) in bad.items()
    }
    good = await table.insert(renderer="server", template_id="title-card")
    await table.until_status(good, "complete", patience_s=ENDS_S)

    for name, (_, words) in bad.items():
        await table.until_status(jobs[name], "failed")
        error_class, message, attempt = await table.get(
            jobs[name], "error_class", "error_message", "attempt"
        )
        assert (error_class, attempt) == ("input", 1), name
        assert words in message, message
