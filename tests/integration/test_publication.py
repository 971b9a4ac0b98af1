"""Files get into the library exactly once, wherever somebody is killed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor import publication
from reactor.media.naming import attempt_file_name, dropped_file_name
from reactor.observe import Observer, Seen
from reactor.storage import local
from tests.fix_reactor import PATIENCE_S, Easel, draw_still, seeing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from reactor.settings import Settings
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]

# Of one day, also when the test runs across midnight: names begin with the date.
NOON = "2026-02-03 12:00 UTC"


class Killed(BaseException):
    """Stands for kill -9: no handler of ours may catch it."""


def install_death(where: str, patch: pytest.MonkeyPatch) -> None:
    """Die before the intention, before the move, after the move, or just before the commit."""
    whole_place = local.place

    def place_and_die(source: Path, target: Path) -> None:
        whole_place(source, target)
        raise Killed

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    async def die_async(*_: Any, **__: Any) -> None:
        raise Killed

    match where:
        case "before the intention":
            patch.setattr(publication, "taken", die_async)
        case "before the move":
            patch.setattr(publication, "place", die)
        case "after the move":
            patch.setattr(publication, "place", place_and_die)
        case "before the commit":
            patch.setattr("reactor.publication.attempts.complete_job", die_async)


@pytest.mark.parametrize(
    "where", ["before the intention", "before the move", "after the move", "before the commit"]
)
async def test_killed_anywhere_the_video_is_published_once_and_not_rendered_again(
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    table: Table,
    easel: Easel,
    observer: Observer,
) -> None:
    from reactor.daemon import running

    job = await table.insert(params='{"title": "Once"}')
    with monkeypatch.context() as patch, pytest.raises(BaseExceptionGroup) as died:
        install_death(where, patch)
        async with running(settings, observe=observer, renderers={"easel": easel}, api=False):
            with anyio.fail_after(PATIENCE_S):
                await anyio.sleep_forever()
    assert died.group_contains(Killed)
    assert await table.get(job, "status", "stage") == ("processing", "publishing")
    await table.rows(
        "UPDATE actp_gen_jobs SET lease_expires_at = now() - interval '1 s' WHERE id = %(id)s",
        id=job,
    )

    async with running(settings, observe=observer, renderers={"easel": easel}, api=False):
        await table.until_status(job, "complete")

    assert len(easel.orders) == 1
    path = Path(await table.get(job, "output_path"))
    assert path.name.endswith("_once_720p_v1.jpg")
    videos = [
        file for file in settings.library_dir.iterdir() if not file.name.endswith(".thumb.jpg")
    ]
    assert videos == [path]
    assert local.sha256_of(path) == await table.get(job, "sha256")
    assert Path(await table.get(job, "thumbnail_path")).exists()
    assert list(settings.renders_dir.glob("job-*")) == []


async def test_a_stale_reactor_moves_nothing(
    start: Start, table: Table, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Its lease is taken while it verifies: the row's lock and token keep the file where it is."""
    verified = publication.verify
    context = await start(sweep_s=600, heartbeat_s=0.9)

    async def verify_slowly(source: Path, spec: Any, job: Any, *rest: Any) -> Any:
        result = await verified(source, spec, job, *rest)
        await table.rows(
            "UPDATE actp_gen_jobs SET claim_token = gen_random_uuid(), claimed_by = gen_random_uuid(),"
            " lease_expires_at = now() + interval '1 hour' WHERE id = %(id)s",
            id=job.id,
        )
        return result

    monkeypatch.setattr(publication, "verify", verify_slowly)
    job = await table.insert()
    await table.until("stage = 'publishing' FROM actp_gen_jobs WHERE id = %(id)s", id=job)
    with anyio.fail_after(PATIENCE_S):
        await context.inflight.idle()

    assert await table.get(job, "status", "stage") == ("processing", "publishing")
    assert [f for f in settings.library_dir.iterdir() if not f.name.startswith(".")] == []


async def test_a_file_that_is_in_the_way_is_never_replaced(
    start: Start, table: Table, settings: Settings
) -> None:
    await start()
    first = await table.insert(params='{"title": "Mine"}', created_at=NOON)
    await table.until_status(first, "complete")
    stranger = Path((await table.get(first, "output_path")).replace("_v1", "_v2"))
    stranger.write_text("precious")

    second = await table.insert(params='{"title": "Mine"}', created_at=NOON)
    await table.until_status(second, "complete")

    assert stranger.read_text() == "precious"
    assert (await table.get(second, "output_path")).endswith("_mine_720p_v3.jpg")


async def test_a_file_dropped_by_hand_finishes_its_job(
    start: Start, table: Table, settings: Settings, easel: Easel
) -> None:
    easel.slots = 0
    await start()
    job = await table.insert()

    drop(settings, dropped_file_name(job, "jpg"))
    await table.until_status(job, "complete")

    assert easel.orders == []
    assert await table.get(job, "attempt") == 0


async def test_a_file_dropped_by_hand_ends_a_render_that_is_under_way(
    start: Start, table: Table, settings: Settings, easel: Easel, observer: Observer
) -> None:
    easel.gate = anyio.Event()
    await start()
    job = await table.insert()
    with anyio.fail_after(PATIENCE_S):
        await easel.waiting.wait()

    # The video may be complete before whoever took the file has had time to end the render.
    async with seeing(observer, Seen.LEASES_RELEASED, job_id=job):
        drop(settings, dropped_file_name(job, "jpg"))
        await table.until_status(job, "complete")

    assert easel.cancelled == [(job, 1)]


async def test_the_finished_file_of_a_lost_attempt_is_adopted_instead_of_rendered_again(
    start: Start, table: Table, settings: Settings, easel: Easel
) -> None:
    """The reactor was killed after the renderer's rename and before anything was written."""
    settings.renders_dir.mkdir(parents=True)
    job = await table.insert(run_after="infinity")
    await table.rows(
        "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed', attempt = 1,"
        " claim_token = gen_random_uuid(), claimed_by = gen_random_uuid(), lease_expires_at = now() - interval '1 s'"
        " WHERE id = %(id)s",
        id=job,
    )
    drop(settings, attempt_file_name(job, 1, "jpg"))
    easel.slots = 0

    await start()
    await table.until_status(job, "complete")

    assert easel.orders == []


async def test_a_file_without_a_job_is_listed_and_left_alone(
    start: Start, table: Table, settings: Settings, observer: Observer
) -> None:
    await start()

    drop(settings, dropped_file_name(4242, "jpg"))
    await table.until("count(*) = 1 FROM reactor.orphans")

    path, reason = (await table.rows("SELECT path, reason FROM reactor.orphans"))[0]
    assert Path(path).exists()
    assert "4242" in reason


async def test_a_full_disk_delays_the_publication_and_loses_nothing(
    start: Start, table: Table, monkeypatch: pytest.MonkeyPatch, observer: Observer, easel: Easel
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    await start()
    with monkeypatch.context() as patch:
        patch.setattr(publication, "place", full)
        async with seeing(observer, Seen.CLAIM_HELD):
            job = await table.insert()

    await table.until_status(job, "complete")
    assert len(easel.orders) == 1
    assert await table.get(job, "retry_count") == 0


def drop(settings: Settings, name: str) -> None:
    """A finished still of 1280×720, renamed into the render directory."""
    from types import SimpleNamespace

    order: Any = SimpleNamespace(
        output_path=settings.renders_dir / name, spec=SimpleNamespace(size=(1280, 720)), job_id=7
    )
    draw_still(order)
