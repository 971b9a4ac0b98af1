"""A render that takes too long or is cancelled ends for certain, and leaves nothing: with the real renderer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
import pytest

from reactor.events import JobCancelled
from reactor.handlers.stop import stop
from reactor.models import JobId
from reactor.observe import Seen
from tests.acceptance.conftest import has_ended, painter
from tests.fix_reactor import LOOK_S, PATIENCE_S, seeing
from tests.renderserver.target import Target, running

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    import psutil

    from reactor.context import Context
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Easel, Table
    from tests.integration.conftest import Worker

    Start = Callable[..., Awaitable[Context]]

LONG = {"title": "Long", "duration_s": 120, "fps": 30}
SHORT = {"title": "Short", "duration_s": 0.5, "fps": 10}
# In the transaction that says `rendered`, somebody cancels.
CANCEL = """
CREATE FUNCTION cancel_it() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM reactor.cancel(NEW.id); RETURN NULL; END $$
"""
WHEN_RENDERED = """
CREATE TRIGGER cancel_it AFTER UPDATE ON actp_gen_jobs FOR EACH ROW
  WHEN (NEW.stage = 'rendered' AND OLD.stage IS DISTINCT FROM 'rendered') EXECUTE FUNCTION cancel_it()
"""


@pytest.fixture
def embedded(data: Path) -> Iterator[Target]:
    """A real render server that writes where the reactor looks."""
    with running(data, REACTOR_SLOTS="2") as target:
        yield target


async def insert(table: Table, props: dict[str, object], **columns: object) -> int:
    """A job for the render server."""
    row = {"renderer": "server", "template_id": "title-card", "format": "clip_1_1", **columns}
    return await table.insert(params=json.dumps(props), **row)


async def watch_painter(target: Target, job: int, seen: list[psutil.Process]) -> None:
    """Note the process that draws this job's frames."""
    seen.append(await painter(target.processes, job))


async def until_empty(settings: Settings) -> None:
    """Wait until nothing lies in the render directory."""
    with anyio.fail_after(PATIENCE_S):
        while list(settings.renders_dir.iterdir()):
            await anyio.sleep(LOOK_S)


@pytest.mark.parametrize("heard", [True, False])
async def test_cancelling_ends_the_process_and_leaves_no_file(
    start: Start,
    embedded: Target,
    table: Table,
    settings: Settings,
    observer: Observer,
    *,
    heard: bool,
) -> None:
    """Also when the notification was lost: then the sweep finds it."""
    await start(renderer_url=embedded.url)
    job = await insert(table, LONG)
    process = await painter(embedded.processes, job)

    async with (
        seeing(observer, Seen.LEASES_RELEASED, job_id=job),
        table.database.transaction() as conn,
    ):
        if not heard:  # no trigger, no word
            await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute("SELECT reactor.cancel(%s)", [job])

    await until_empty(settings)
    assert has_ended(process)
    assert await table.get(job, "status") == "cancelled"
    assert await table.rows("SELECT outcome, will_retry FROM reactor.attempts") == [
        ("cancelled", False)
    ]


async def test_a_cancel_between_rendered_and_publishing_discards_the_file(
    start: Start, embedded: Target, table: Table, settings: Settings
) -> None:
    await table.rows(CANCEL)
    await table.rows(WHEN_RENDERED)
    await start(renderer_url=embedded.url)

    job = await insert(table, SHORT)
    await table.until_status(job, "cancelled")
    await until_empty(settings)

    assert list(settings.library_dir.iterdir()) == []
    assert await table.get(job, "output_path IS NOT NULL", "stage") == (True, None)


async def test_only_the_table_says_whose_files_are_discarded(
    context: Context, worker: Worker, table: Table, settings: Settings
) -> None:
    """Any role can send NOTIFY; and what somebody dropped by hand stays theirs."""
    cancelled, cancelled_too, complete = [await worker.bring("rendered") for _ in range(3)]
    for job in (cancelled, cancelled_too):
        await table.rows("SELECT reactor.cancel(%(id)s)", id=job)
    await table.rows(
        "UPDATE actp_gen_jobs SET output_path = %(path)s WHERE id = %(id)s",
        id=cancelled,
        path=str(settings.renders_dir / "named-by-its-server.mp4"),
    )
    theirs = [
        f"job-{cancelled}-a1.mp4",
        f"job-{cancelled_too}-a1.jpg.part",
        "named-by-its-server.mp4",
    ]
    kept = [f"job-{complete}-a1.mp4", f"job-{cancelled}.mp4", f"job-{cancelled_too}1-a1.mp4"]
    for name in theirs + kept:
        (settings.renders_dir / name).write_bytes(b"x")

    await stop(
        JobCancelled(event="job.cancelled", ids=(cancelled, cancelled_too, complete, JobId(4711))),
        context,
    )

    assert sorted(path.name for path in settings.renders_dir.iterdir()) == sorted(kept)


@pytest.mark.parametrize("place", ["library", "renders/.."])
async def test_nothing_outside_the_render_directory_is_discarded(
    context: Context, worker: Worker, table: Table, settings: Settings, place: str
) -> None:
    job = await worker.bring("rendered")
    precious = settings.data / place / "precious.mp4"
    precious.write_bytes(b"x")
    await table.rows(
        "UPDATE actp_gen_jobs SET output_path = %(path)s WHERE id = %(id)s",
        id=job,
        path=str(precious),
    )
    await table.rows("SELECT reactor.cancel(%(id)s)", id=job)

    await stop(JobCancelled(event="job.cancelled", ids=(job,)), context)

    assert precious.exists()


async def test_a_job_that_takes_longer_than_it_may_is_stopped_and_charged(
    start: Start, embedded: Target, table: Table, settings: Settings
) -> None:
    await start(renderer_url=embedded.url)
    # As long as this machine needs to draw a frame.
    for timeout_s in (2, 8, 32, 128):
        job = await insert(table, LONG, timeout_s=timeout_s, max_attempts=1)
        seen: list[psutil.Process] = []
        async with anyio.create_task_group() as tg:
            tg.start_soon(watch_painter, embedded, job, seen)
            await table.until_status(job, "failed", patience_s=timeout_s + PATIENCE_S)
            tg.cancel_scope.cancel()

        assert all(has_ended(process) for process in seen)
        await until_empty(settings)
        assert await table.get(job, "error_class", "error_message", "retry_count") == (
            "stall",
            f"not finished after its timeout_s of {timeout_s} s;"
            " give it more time, or make it shorter or smaller",
            1,
        )
        ((version, frame, outcome),) = await table.rows(
            "SELECT renderer_version, error_frame, outcome FROM reactor.attempts"
            " WHERE job_id = %(job)s",
            job=job,
        )
        assert version.startswith("reactor-renderer ")
        assert outcome == "failed"
        if seen and frame:
            break
    assert seen
    assert frame > 0


async def test_a_plug_in_is_stopped_before_its_failure_is_recorded(
    start: Start, table: Table, easel: Easel
) -> None:
    easel.gate = anyio.Event()
    await start()

    job = await table.insert(timeout_s=0.3, max_attempts=1)
    await table.until_status(job, "failed")

    assert easel.cancelled == [(job, 1)]
    assert await table.get(job, "error_class") == "stall"


async def test_no_job_may_take_longer_than_the_farm_allows(
    start: Start, table: Table, easel: Easel
) -> None:
    easel.gate = anyio.Event()
    await start(render_timeout_s=0.3)

    jobs = [await table.insert(timeout_s=t, max_attempts=1) for t in (None, 3600, float("inf"))]
    for job in jobs:
        await table.until_status(job, "failed")
        said = await table.get(job, "error_message")
        assert said == (
            "not finished after 0.3 s, the most the farm allows (REACTOR_RENDER_TIMEOUT_S)"
        )


@pytest.mark.parametrize("timeout_s", [-1, 0, float("nan"), float("-inf")])
async def test_a_time_that_is_none_fails_the_job_and_names_the_field(
    start: Start, table: Table, easel: Easel, timeout_s: float
) -> None:
    await start()

    job = await table.insert(timeout_s=timeout_s)
    await table.until_status(job, "failed")

    error_class, said = await table.get(job, "error_class", "error_message")
    assert error_class == "input"
    assert said.startswith("timeout_s: is ")
    assert "more than 0 seconds" in said
    assert easel.orders == []


async def test_a_real_render_leaves_its_evidence(
    start: Start, embedded: Target, table: Table
) -> None:
    await start(renderer_url=embedded.url)

    job = await insert(table, SHORT)
    await table.until_status(job, "complete")
    # The watcher may have been quicker than the renderer's own word.
    await table.until("renderer_version IS NOT NULL FROM reactor.attempts")

    ((version, frames, in_order, outcome),) = await table.rows(
        "SELECT renderer_version, frames, started_at < rendered_at AND rendered_at <= ended_at, outcome"
        " FROM reactor.attempts"
    )
    assert version.startswith("reactor-renderer ")
    assert (frames, in_order, outcome) == (5, True, "complete")
    means = await table.rows(
        "SELECT renderer, template_id, renders, mean_s > 0 FROM reactor.render_times"
    )
    assert means == [("server", "title-card", 1, True)]
