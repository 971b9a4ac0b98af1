"""A job's life through a whole reactor: rendered, failed, retried, cancelled, taken over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from PIL import Image

from reactor.errors import FailureClass, RenderFailed
from reactor.events import SlotFreed
from reactor.handlers.claim import claim
from reactor.observe import Observer, Seen, open_log
from tests.fix_reactor import PATIENCE_S, Easel, seeing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from reactor.renderers.base import Order
    from reactor.settings import Settings
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]

# Of one day, also when the test runs across midnight: names begin with the date.
NOON = "2026-02-03 12:00 UTC"


async def test_an_inserted_row_becomes_a_verified_file_in_the_library(
    start: Start, table: Table, settings: Settings
) -> None:
    await start()

    job = await table.insert(params='{"title": "Test Audio"}')
    await table.until_status(job, "complete")

    path, thumbnail, size, sha, width, height, progress, stage = await table.get(
        job,
        "output_path",
        "thumbnail_path",
        "file_size_bytes",
        "sha256",
        "width",
        "height",
        "progress",
        "stage",
    )
    assert Path(path).parent == settings.library_dir
    assert Path(path).name.endswith("_test_audio_720p_v1.jpg")
    assert Path(path).stat().st_size == size
    assert len(sha) == 64
    assert (width, height, progress, stage) == (1280, 720, 100, None)
    with Image.open(thumbnail) as picture:
        assert picture.width == 640
    assert list(settings.renders_dir.glob("job-*")) == []


async def test_the_same_title_twice_is_two_files(start: Start, table: Table) -> None:
    await start()

    jobs = [await table.insert(params='{"title": "Twin"}', created_at=NOON) for _ in range(3)]
    for job in jobs:
        await table.until_status(job, "complete")

    names = sorted([Path(await table.get(job, "output_path")).name[9:] for job in jobs])
    assert names == ["twin_720p_v1.jpg", "twin_720p_v2.jpg", "twin_720p_v3.jpg"]


async def test_two_reactors_racing_for_200_jobs_render_each_once(
    start: Start, table: Table
) -> None:
    easels = [Easel(slots=8), Easel(slots=8)]
    for easel in easels:
        easel.gate = anyio.Event()
        await start(easel=easel, observe=Observer(open_log("json")))

    await table.rows(
        "INSERT INTO actp_gen_jobs (renderer, template_id, format, quality)"
        " SELECT 'easel', 'still', 'thumbnail', '360p' FROM generate_series(1, 200)"
    )
    # Both are in the race before either may finish anything.
    with anyio.fail_after(PATIENCE_S):
        for easel in easels:
            await easel.waiting.wait()
    for easel in easels:
        easel.gate.set()
    await table.until("count(*) = 200 FROM actp_gen_jobs WHERE status = 'complete'", patience_s=600)

    orders = [order.job_id for easel in easels for order in easel.orders]
    assert len(orders) == len(set(orders)) == 200
    assert all(easel.orders for easel in easels)
    assert (await table.rows("SELECT count(DISTINCT output_path) FROM actp_gen_jobs"))[0][0] == 200


async def test_never_more_renders_at_once_than_slots(start: Start, table: Table) -> None:
    easel = Easel(slots=2)
    easel.gate = anyio.Event()
    await start(easel=easel)

    jobs = [await table.insert() for _ in range(5)]
    await table.until("count(*) = 2 FROM actp_gen_jobs WHERE stage = 'rendering'")
    waiting = await table.rows("SELECT count(*) FROM actp_gen_jobs WHERE status = 'pending'")

    assert waiting == [(3,)]
    easel.gate.set()
    for job in jobs:
        await table.until_status(job, "complete")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"format": "cinema"}, ["format", "cinema", "full_16_9, short_9_16, clip_1_1, thumbnail"]),
        ({"quality": "8k"}, ["quality", "8k", "360p, 720p, 1080p, 4k"]),
        ({"format": "full_16_9", "container": "avi"}, ["container", "avi", "mp4, webm, gif"]),
        ({"params": "[1, 2]"}, ["params", "a JSON object"]),
        ({"params": "null"}, ["params", "a JSON object"]),
        ({"template_id": None}, ["template_id"]),
        ({"renderer": "crayon"}, ["renderer", "crayon", "dry_run, easel, server"]),
    ],
)
async def test_bad_input_fails_at_once_and_names_the_field(
    start: Start, table: Table, columns: dict[str, Any], words: list[str]
) -> None:
    await start()

    job = await table.insert(**columns)
    good = await table.insert()
    await table.until_status(job, "failed")

    error_class, message, attempts = await table.get(job, "error_class", "error_message", "attempt")
    assert (error_class, attempts) == ("input", 1)
    assert all(word in message for word in words), message
    await table.until_status(good, "complete")


async def test_a_crash_is_tried_again_and_a_third_one_fails_the_job(
    start: Start, table: Table, easel: Easel
) -> None:
    easel.fail = RenderFailed(FailureClass.CRASH, "Target closed")
    await start(retry_base_s=0.02)

    job = await table.insert()
    await table.until_status(job, "failed")

    assert await table.get(job, "retry_count", "attempt", "error_message") == (
        3,
        3,
        "Target closed",
    )
    outcomes = await table.rows(
        "SELECT outcome, will_retry FROM reactor.attempts WHERE job_id = %(id)s ORDER BY attempt",
        id=job,
    )
    assert outcomes == [("failed", True), ("failed", True), ("failed", False)]
    await table.until(
        "count(*) = 1 FROM reactor.alerts WHERE kind = 'job_failed' AND subject = %(id)s::text",
        id=job,
    )


async def test_an_infrastructure_failure_is_not_charged(
    start: Start, table: Table, easel: Easel
) -> None:
    easel.fail = RenderFailed(FailureClass.INFRASTRUCTURE, "connection refused")
    await start()

    job = await table.insert()
    # In what stays written down: the job itself is tried again some seconds later.
    first = "SELECT outcome, error_class, will_retry FROM reactor.attempts WHERE attempt = 1"
    await table.until("count(*) = 1 FROM reactor.attempts WHERE outcome = 'failed' AND attempt = 1")

    assert await table.rows(first) == [("failed", "infrastructure", True)]
    easel.fail = None
    await table.rows("SELECT reactor.flush()")
    await table.until_status(job, "complete")
    assert await table.get(job, "retry_count") == 0


async def test_a_plugin_that_raises_anything_is_a_crash_and_not_the_end(
    start: Start, table: Table, easel: Easel
) -> None:
    easel.fail = KeyError("oops")
    await start()

    job = await table.insert(max_attempts=1)
    await table.until_status(job, "failed")

    assert await table.get(job, "error_class", "error_message") == ("crash", "KeyError: 'oops'")
    easel.fail = None
    await table.until_status(await table.insert(), "complete")


async def test_a_retried_job_starts_afresh(start: Start, table: Table, easel: Easel) -> None:
    easel.fail = RenderFailed(FailureClass.INPUT, "props.title: is a number")
    await start()
    job = await table.insert()
    await table.until_status(job, "failed")

    easel.fail = None
    await table.rows("SELECT reactor.retry(%(id)s)", id=job)
    await table.until_status(job, "complete")

    assert await table.get(job, "retry_count", "error_class", "attempt") == (1, None, 2)
    open_alerts = await table.rows(
        "SELECT count(*) FROM reactor.alerts WHERE kind = 'job_failed' AND resolved_at IS NULL"
    )
    assert open_alerts == [(0,)]


async def test_cancelling_a_pending_job_takes_effect_at_once(start: Start, table: Table) -> None:
    await start()
    job = await table.insert(run_after="infinity")

    await table.rows("SELECT reactor.cancel(%(id)s, 'changed our mind')", id=job)

    assert await table.get(job, "status", "error_message") == ("cancelled", "changed our mind")


async def test_cancelling_a_render_stops_it_and_leaves_no_file(
    start: Start, table: Table, easel: Easel, settings: Settings
) -> None:
    easel.gate = anyio.Event()
    context = await start()
    job = await table.insert()
    with anyio.fail_after(PATIENCE_S):
        await easel.waiting.wait()

    await table.rows("SELECT reactor.cancel(%(id)s)", id=job)
    with anyio.fail_after(PATIENCE_S):
        await context.inflight.idle()

    assert easel.cancelled == [(job, 1)]
    assert await table.get(job, "status", "stage", "claim_token") == ("cancelled", None, None)
    assert list(settings.renders_dir.glob("job-*")) == []


async def test_a_lease_that_somebody_else_took_stops_the_render_here(
    start: Start, table: Table, easel: Easel, observer: Observer
) -> None:
    easel.gate = anyio.Event()
    context = await start(sweep_s=600, heartbeat_s=0.1)
    job = await table.insert()
    with anyio.fail_after(PATIENCE_S):
        await easel.waiting.wait()

    await table.rows(
        "UPDATE actp_gen_jobs SET claim_token = gen_random_uuid(), lease_expires_at = now() + interval '1 hour'"
        " WHERE id = %(id)s",
        id=job,
    )
    with anyio.fail_after(PATIENCE_S):
        await context.inflight.idle()

    assert easel.cancelled == [(job, 1)]
    assert await table.get(job, "status", "stage") == ("processing", "rendering")


async def test_the_job_of_a_dead_reactor_is_rendered_by_another(
    start: Start, table: Table, easel: Easel
) -> None:
    job = await table.insert(renderer="nobody", run_after="infinity")
    await table.rows(
        "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed', attempt = 1, renderer = 'easel',"
        " claim_token = gen_random_uuid(), claimed_by = gen_random_uuid(), lease_expires_at = now() - interval '1 s'"
        " WHERE id = %(id)s",
        id=job,
    )

    await start()
    await table.until_status(job, "complete")

    outcomes = await table.rows(
        "SELECT attempt, outcome FROM reactor.attempts WHERE job_id = %(id)s ORDER BY 1", id=job
    )
    assert outcomes == [(1, "lost"), (2, "complete")]


async def test_a_drain_gives_unfinished_renders_back_uncharged(
    table: Table,
    settings: Settings,
    easel: Easel,
    observer: Observer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from reactor import daemon, draining

    monkeypatch.setattr(draining, "LAST_WORDS_S", PATIENCE_S)
    easel.gate = anyio.Event()
    quick = settings.model_copy(update={"grace_s": 0.1})
    async with daemon.running(
        quick, observe=observer, renderers={"easel": easel}, api=False
    ) as context:
        job = await table.insert()
        with anyio.fail_after(PATIENCE_S):
            await easel.waiting.wait()
        late = await table.insert()

        with anyio.fail_after(PATIENCE_S):
            await draining.drain(context, anyio.Event())

        for given_back in (job, late):
            assert await table.get(given_back, "status", "retry_count", "claim_token") == (
                "pending",
                0,
                None,
            )
    assert (job, 1) in easel.cancelled


async def test_a_drain_lets_a_render_finish_within_the_grace_period(
    table: Table, settings: Settings, easel: Easel, observer: Observer
) -> None:
    from reactor import daemon, draining

    easel.gate = anyio.Event()
    async with daemon.running(
        settings, observe=observer, renderers={"easel": easel}, api=False
    ) as context:
        job = await table.insert()
        with anyio.fail_after(PATIENCE_S):
            await easel.waiting.wait()

        async with anyio.create_task_group() as tg:
            async with seeing(observer, Seen.REACTOR_DRAINING):
                tg.start_soon(draining.drain, context, anyio.Event())
            easel.gate.set()

        assert await table.get(job, "status") == "complete"


async def test_progress_is_written_beside_the_job(start: Start, table: Table, easel: Easel) -> None:
    easel.gate = anyio.Event()
    await start()

    job = await table.insert()
    await table.until("count(*) = 1 FROM reactor.progress WHERE job_id = %(id)s", id=job)

    row = await table.rows(
        "SELECT attempt, fraction, rendered_frames, total_frames FROM reactor.progress WHERE job_id = %(id)s",
        id=job,
    )
    assert row == [(1, 0.5, 1, 2)]
    easel.gate.set()
    await table.until_status(job, "complete")
    assert await table.rows("SELECT count(*) FROM reactor.progress") == [(0,)]


async def test_a_delayed_job_starts_when_it_is_due_without_a_sweep(
    start: Start, table: Table
) -> None:
    await start(sweep_s=600)
    await table.until_status(await table.insert(), "complete")

    job = (
        await table.rows(
            "INSERT INTO actp_gen_jobs (renderer, template_id, format, quality, run_after)"
            " VALUES ('easel', 'still', 'thumbnail', '720p', now() + interval '0.6 s') RETURNING id"
        )
    )[0][0]
    # Another job wakes the claim, which then knows when the next one is due.
    await table.insert()
    await table.until_status(job, "complete")


async def test_a_paused_farm_claims_nothing_until_it_is_resumed(
    start: Start, table: Table, easel: Easel
) -> None:
    context = await start()
    await table.rows("SELECT reactor.pause()")
    job = await table.insert()
    await claim([SlotFreed()], context)

    assert await table.get(job, "status") == "pending"
    assert easel.orders == []
    await table.rows("SELECT reactor.resume()")
    await table.until_status(job, "complete")


async def test_a_job_waits_for_approval(start: Start, table: Table, easel: Easel) -> None:
    context = await start()
    job = await table.insert(approved=False)
    await claim([SlotFreed()], context)

    assert await table.get(job, "status") == "pending"
    assert easel.orders == []
    await table.rows("UPDATE actp_gen_jobs SET approved = true WHERE id = %(id)s", id=job)
    await table.until_status(job, "complete")


async def test_dry_runs_complete_without_a_file(start: Start, table: Table) -> None:
    await start()

    await table.rows(
        "INSERT INTO actp_gen_jobs (renderer, template_id) SELECT 'dry_run', 'x' FROM generate_series(1, 1200)"
    )
    await table.until("count(*) = 1200 FROM actp_gen_jobs WHERE status = 'complete'")

    assert await table.rows("SELECT count(*) FROM actp_gen_jobs WHERE output_path IS NOT NULL") == [
        (0,)
    ]


async def test_no_job_is_claimed_while_the_disk_is_full(
    start: Start, table: Table, easel: Easel, observer: Observer
) -> None:
    await start(min_free_mb=10**9)
    async with seeing(observer, Seen.CLAIM_HELD):
        job = await table.insert()

    assert await table.get(job, "status") == "pending"
    assert easel.orders == []


def draw_short(order: Order) -> None:
    """A picture cut off in the middle."""
    whole = order.output_path.with_name("whole.part")
    Image.new("RGB", order.spec.size, (9, 9, 9)).save(whole, "JPEG")
    content = whole.read_bytes()
    whole.unlink()
    order.output_path.write_bytes(content[: len(content) // 2])


def draw_nothing(order: Order) -> None:
    """An empty file."""
    order.output_path.touch()


def draw_page(order: Order) -> None:
    """An error page under the name of a picture."""
    order.output_path.write_text("<html>502 Bad Gateway</html>")


def draw_small(order: Order) -> None:
    """A picture of another size."""
    Image.new("RGB", (64, 64), (9, 9, 9)).save(order.output_path, "JPEG")


def draw_missing(order: Order) -> None:
    """No file at all."""


@pytest.mark.parametrize("draw", [draw_short, draw_nothing, draw_page, draw_small, draw_missing])
async def test_a_lying_renderer_publishes_nothing(
    start: Start, table: Table, easel: Easel, settings: Settings, draw: Callable[[Order], None]
) -> None:
    easel.draw = draw
    await start()

    job = await table.insert(max_attempts=1)
    await table.until_status(job, "failed")

    error_class, message = await table.get(job, "error_class", "error_message")
    assert error_class == "bad_output"
    assert message
    assert list(settings.library_dir.iterdir()) == []
