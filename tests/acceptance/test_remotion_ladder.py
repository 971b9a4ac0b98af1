"""Whatever dies on the way, a Remotion film comes out once; a job that asks for nonsense fails at once."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import psutil
import pytest

from tests.acceptance.conftest import MORTAL, until_gone
from tests.acceptance.test_remotion import (
    DRAFT,
    DRAWN_S,
    LONG,
    SHORTEN,
    films,
    processes,
    until_frames,
    with_remotion,
)
from tests.fix_reactor import LOOK_S, PATIENCE_S
from tests.renderserver.target import observed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.acceptance.conftest import Daemon
    from tests.fix_reactor import Table

SURVIVOR = '{"title": "Survivor", "duration_s": 1}'
ATTEMPTS = (
    "SELECT outcome, error_class FROM reactor.attempts WHERE job_id = %(job)s ORDER BY attempt"
)
SLIDES: dict[str, Any] = {**DRAFT, "template_id": "slideshow"}


async def film_of(table: Table, data: Path, job: int) -> None:
    """Wait for its film, which is the only one."""
    await table.until_status(job, "complete", patience_s=DRAWN_S)
    assert films(data) == [await table.get(job, "output_path")]
    await until_empty(data / "renders")


async def long_film(table: Table) -> int:
    """A job that is being drawn, for as long as anybody needs; its next attempt is a short one."""
    job = await table.insert(**DRAFT, params=LONG)
    await until_frames(table, job)
    await table.rows(SHORTEN, id=job, params=SURVIVOR)
    return job


async def until_empty(directory: Path) -> None:
    """Wait until nothing lies there."""
    with anyio.fail_after(PATIENCE_S):
        while list(directory.iterdir()):
            await anyio.sleep(LOOK_S)


@pytest.mark.parametrize(
    ("which", "lacks"),
    [("--user-data-dir", "--type="), ("--type=renderer", "--extension-process")],
    ids=["browser", "tab"],
)
async def test_a_killed_browser_or_tab_is_a_crash_and_the_next_attempt_a_film(
    start: Callable[..., Daemon], table: Table, data: Path, which: str, lacks: str
) -> None:
    daemon = await with_remotion(start)
    job = await long_film(table)
    for process in observed(lambda: processes(daemon, has=which, lacks=lacks), bool):
        with suppress(psutil.NoSuchProcess):
            process.kill()

    await film_of(table, data, job)
    assert await table.rows(ATTEMPTS, job=job) == [("failed", "crash"), ("complete", None)]
    assert await table.get(job, "retry_count") == 1


async def test_a_killed_render_server_is_started_again_and_the_job_not_charged(
    start: Callable[..., Daemon], table: Table, data: Path
) -> None:
    daemon = await with_remotion(start)
    server = psutil.Process((await daemon.until("renderer.started"))["pid"])
    job = await long_film(table)
    below = server.children(recursive=True)

    server.kill()
    await until_gone(below)
    await table.until(
        "count(*) > 0 FROM reactor.attempts WHERE error_class = 'infrastructure'",
        patience_s=DRAWN_S,
    )
    await table.rows("SELECT reactor.flush()")

    await film_of(table, data, job)
    assert await table.get(job, "retry_count") == 0
    outcomes = await table.rows(ATTEMPTS, job=job)
    assert {outcomes[0], outcomes[-1]} == {("failed", "infrastructure"), ("complete", None)}
    assert {outcome for _, outcome in outcomes[:-1]} == {"infrastructure"}
    assert [line["event"] for line in daemon.lines()].count("renderer.started") >= 2


async def test_a_killed_daemon_leaves_no_browser_and_its_film_is_drawn_once(
    start: Callable[..., Daemon], table: Table, data: Path
) -> None:
    first = await with_remotion(start, **MORTAL)
    job = await long_film(table)
    family = first.family()
    assert processes(first, has="--type=renderer")

    first.process.kill()
    await until_gone(family)
    await with_remotion(start)

    await film_of(table, data, job)
    assert await table.rows(ATTEMPTS, job=job) == [("lost", None), ("complete", None)]
    await until_empty(data / "remotion" / "tmp")


async def test_props_that_cannot_be_drawn_fail_at_once_by_name_and_others_go_on(
    start: Callable[..., Daemon], table: Table, data: Path
) -> None:
    await with_remotion(start)
    (data / "uploads" / "fake.png").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    film = {**DRAFT, "template_id": "MyVideo"}
    bad = [
        (SLIDES, "{}", "props.images: is missing"),
        (SLIDES, '{"images": 7}', "props.images: is 7"),
        (SLIDES, '{"images": ["gone.jpg"]}', "props.images[0]"),
        (SLIDES, '{"images": ["fake.png"]}', "props.images[0]"),
        (SLIDES, '{"images": ["/etc/hostname"]}', "props.images[0]"),
        (film, '{"duration_s": "long"}', "props.duration_s: is 'long'"),
        (film, '{"captions": {"a": 1}}', "props.captions: is an object"),
        ({**DRAFT, "template_id": "disco"}, "{}", "TitleCard"),
    ]
    jobs = [await table.insert(**columns, params=params) for columns, params, _ in bad]
    good = await table.insert(**DRAFT, params='{"duration_s": 0.5}')
    await table.until_status(good, "complete", patience_s=DRAWN_S)

    for job, (_, params, words) in zip(jobs, bad, strict=True):
        await table.until_status(job, "failed")
        assert await table.rows(ATTEMPTS, job=job) == [("failed", "input")], params
        said = await table.get(job, "error_message")
        assert words in said, said
