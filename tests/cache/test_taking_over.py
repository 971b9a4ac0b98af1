"""A job that would draw what a finished one has drawn takes over its file, and says so."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest

from reactor import attempts, drawing
from reactor.db import cache
from reactor.handlers import dispatch
from reactor.observe import Seen
from tests.fix_reactor import Easel, draw_still, seeing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from reactor.observe import Observer
    from reactor.renderers.base import Order
    from reactor.settings import Settings
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]


class Versioned(Easel):
    """A renderer that says what it is."""

    version = "easel 1"


@pytest.fixture
def easel() -> Easel:
    """In place of the usual one."""
    return Versioned()


async def drawn(table: Table, **columns: Any) -> int:
    """A job that was ordered, has ended, and is offered to equal ones if it is ever to be."""
    row = {
        "format": "thumbnail",
        "quality": "720p",
        "params": json.dumps({"title": "A"}),
        **columns,
    }
    job = await table.insert(**row)
    await table.until_status(job, "complete")
    await table.until(
        "cache_key IS NULL OR cache_key NOT LIKE 'drawing %%' FROM actp_gen_jobs WHERE id = %(id)s",
        id=job,
    )
    return job


async def test_an_equal_job_is_not_drawn_again(
    start: Start, table: Table, easel: Easel, observer: Observer
) -> None:
    await start()
    first = await drawn(table)

    async with seeing(observer, Seen.CACHE_HIT, cached_from=first):
        second = await drawn(table)

    assert [order.job_id for order in easel.orders] == [first]
    columns = ("cached_from", "sha256", "file_size_bytes", "width", "height")
    assert await table.get(second, *columns) == (first, *await table.get(first, *columns[1:]))
    paths = [Path(await table.get(job, "output_path")) for job in (first, second)]
    assert [path.name[-8:] for path in paths] == ["p_v1.jpg", "p_v2.jpg"]
    assert paths[0].stat().st_ino == paths[1].stat().st_ino
    thumbnails = [Path(await table.get(job, "thumbnail_path")) for job in (first, second)]
    assert all(path.is_file() for path in thumbnails)
    # The second's file may be published before it is written down who drew it.
    await table.until(
        "renderer_version IS NOT NULL FROM reactor.attempts WHERE job_id = %(id)s", id=second
    )
    assert await table.rows(
        "SELECT cached_from, renderer_version, outcome FROM reactor.attempts WHERE job_id = %(id)s",
        id=second,
    ) == [(first, "easel 1", "complete")]


async def test_who_takes_over_at_once_knows_all_the_same_who_drew(
    start: Start, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watcher completes both jobs before what their renderer said of them is written down."""
    written_down, real = anyio.Event(), attempts.record_rendered

    async def late(*args: Any, **kwargs: Any) -> bool:
        await written_down.wait()
        return await real(*args, **kwargs)

    monkeypatch.setattr(dispatch, "record_rendered", late)
    await start()
    first = await drawn(table)
    second = await drawn(table)
    written_down.set()

    assert await table.get(second, "cached_from") == first
    await table.until(
        "count(renderer_version) = 2 FROM reactor.attempts WHERE job_id = ANY (%(jobs)s)",
        jobs=[first, second],
    )


async def test_a_third_is_taken_over_from_the_second(start: Start, table: Table) -> None:
    await start()
    await drawn(table)
    second = await drawn(table)

    assert await table.get(await drawn(table), "cached_from") == second


@pytest.mark.parametrize(
    "columns",
    [
        {"cache": False},
        {"params": json.dumps({"title": "B"})},
        {"quality": "1080p"},
        {"niche": "other"},
    ],
)
async def test_other_jobs_and_unwilling_ones_are_drawn(
    start: Start, table: Table, easel: Easel, columns: dict[str, Any]
) -> None:
    await start()
    await drawn(table)

    second = await drawn(table, **columns)

    assert await table.get(second, "cached_from") is None
    assert len(easel.orders) == 2


async def test_a_job_that_was_not_cached_can_still_be_taken_over_later(
    start: Start, table: Table, easel: Easel
) -> None:
    """`cache: false` says that this job is to be drawn, and it leaves nothing for others either."""
    await start()
    await drawn(table, cache=False)

    assert await table.get(await drawn(table), "cached_from") is None
    assert len(easel.orders) == 2


async def test_another_version_of_the_renderer_draws_anew(
    start: Start, table: Table, easel: Easel
) -> None:
    await start()
    await drawn(table)
    assert isinstance(easel, Versioned)
    easel.version = "easel 2"

    assert await table.get(await drawn(table), "cached_from") is None


async def test_a_renderer_without_a_version_is_not_trusted_to_repeat_itself(
    start: Start, table: Table
) -> None:
    plain = Easel()
    await start(easel=plain)
    await drawn(table)
    await drawn(table)

    assert len(plain.orders) == 2


@pytest.mark.parametrize("damage", ["removed", "shortened", "linked"])
async def test_a_file_that_is_not_what_it_was_is_drawn_anew(
    start: Start, table: Table, easel: Easel, damage: str, tmp_path: Path
) -> None:
    await start()
    path = Path(await table.get(await drawn(table), "output_path"))
    if damage == "shortened":
        os.truncate(path, 100)
    else:
        content = path.read_bytes()
        path.unlink()
        if damage == "linked":
            (tmp_path / "elsewhere.jpg").write_bytes(content)
            path.symlink_to(tmp_path / "elsewhere.jpg")

    second = await drawn(table)

    assert await table.get(second, "cached_from") is None
    assert len(easel.orders) == 2


async def test_a_damaged_file_of_the_right_size_costs_one_attempt_and_not_the_job(
    start: Start, table: Table, easel: Easel
) -> None:
    await start()
    first = await drawn(table)
    path = Path(await table.get(first, "output_path"))
    path.write_bytes(b"x" * path.stat().st_size)

    second = await drawn(table)

    assert await table.get(second, "cached_from", "attempt") == (None, 2)
    assert await table.rows(
        "SELECT cached_from, error_class FROM reactor.attempts WHERE job_id = %(id)s ORDER BY attempt",
        id=second,
    ) == [(first, "bad_output"), (None, None)]
    assert len(easel.orders) == 2


async def test_an_input_changed_while_it_was_drawn_is_not_remembered(
    start: Start, table: Table, easel: Easel, settings: Settings, observer: Observer
) -> None:
    await start()
    picture = settings.uploads_dir / "a.png"
    picture.write_bytes(b"before")
    params = json.dumps({"images": ["a.png"]})

    def draw_and_change(order: Order) -> None:
        picture.write_bytes(b"after all")
        draw_still(order)

    easel.draw = draw_and_change
    async with seeing(observer, Seen.RENDER_ENDED):
        first = await table.insert(format="thumbnail", quality="720p", params=params)
        await table.until_status(first, "complete")
    easel.draw = draw_still

    assert await table.get(await drawn(table, params=params), "cached_from") is None
    assert await table.get(await drawn(table, params=params), "cached_from") == first + 1


async def test_a_database_that_is_away_for_a_moment_costs_no_attempt(
    start: Start, table: Table, easel: Easel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither before the render, nor after it, when the video is there already."""
    away = {"find_equal": 2, "note_key": 2, "confirm_key": 2}

    def stumbling(name: str) -> Callable[..., Awaitable[Any]]:
        real: Callable[..., Awaitable[Any]] = getattr(cache, name)

        async def stumble(*args: Any, **kwargs: Any) -> Any:
            if away[name]:
                away[name] -= 1
                raise psycopg.OperationalError("the server is restarting")
            return await real(*args, **kwargs)

        return stumble

    for name in away:
        monkeypatch.setattr(drawing, name, stumbling(name))
    await start()

    job = await drawn(table)

    assert set(away.values()) == {0}
    assert await table.get(job, "attempt", "retry_count") == (1, 0)
    assert await table.get(await drawn(table), "cached_from") == job
    assert len(easel.orders) == 1


async def test_a_file_dropped_by_hand_is_nobodys_picture(
    start: Start, table: Table, easel: Easel, settings: Settings
) -> None:
    await start()
    first = await drawn(table)
    job = await table.insert(
        format="thumbnail",
        quality="720p",
        params=json.dumps({"title": "A"}),
        run_after="infinity",
    )
    dropped = settings.renders_dir / f"job-{job}.jpg"
    part = dropped.with_suffix(".part")
    part.write_bytes(Path(await table.get(first, "output_path")).read_bytes())
    part.rename(dropped)
    await table.until_status(job, "complete")

    assert await table.get(job, "cache_key", "cached_from") == (None, None)


async def test_the_embedded_renderer_is_one_whose_files_are_taken_over(settings: Settings) -> None:
    from reactor.renderers.server import RenderServer

    server = RenderServer(settings)
    assert server.version is None
    await server.aclose()
