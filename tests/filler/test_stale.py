"""What has been in work for too long is taken back; what may take that long is not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.errors import Invalid
from reactor.filler import flush_stale_jobs
from reactor.loops.housekeeping import Housekeeping
from reactor.observe import Observer, Seen
from tests.fix_reactor import PATIENCE_S, seeing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from reactor.db.pool import Database
    from reactor.settings import Settings
    from tests.fix_reactor import Easel, Table

    Start = Callable[..., Awaitable[Context]]

DAY_S = 24 * 3600


async def in_work(
    table: Table, *, hours: float, lease_s: float | None = None, **columns: Any
) -> int:
    """A job whose attempt began so long ago, with a lease that lasts so long from now, or none."""
    job = await table.insert(attempt=1, **columns)
    await table.rows(
        "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed' WHERE id = %(id)s",
        id=job,
    )
    await table.rows(
        "UPDATE actp_gen_jobs SET stage = 'rendering', claim_token = gen_random_uuid(),"
        " render_started_at = now() - make_interval(secs => %(age)s::float8),"
        " lease_expires_at = now() + make_interval(secs => %(lease)s::float8) WHERE id = %(id)s",
        id=job,
        age=hours * 3600,
        lease=lease_s,
    )
    await table.rows(
        "INSERT INTO reactor.attempts (job_id, attempt, renderer, started_at)"
        " SELECT id, attempt, renderer, render_started_at FROM actp_gen_jobs WHERE id = %(id)s",
        id=job,
    )
    return job


async def flush(database: Database, hours: float = 24, **how: Any) -> list[int]:
    """The jobs that were taken back."""
    async with database.connection() as conn:
        return [int(job) for job in (await flush_stale_jobs(conn, hours, **how)).ids]


async def test_a_stale_attempt_is_ended_charged_and_fenced(
    table: Table, database: Database
) -> None:
    job = await in_work(table, hours=25)
    fresh = await in_work(table, hours=23)

    assert await flush(database) == [job]

    columns = ("status", "stage", "retry_count", "claim_token", "error_class", "error_message")
    assert await table.get(job, *columns) == (
        *("pending", None, 1, None, "stall", "not finished after 24 h"),
    )
    assert await table.get(fresh, "status") == "processing"
    attempt = await table.rows(
        "SELECT outcome, error_class, will_retry, ended_at IS NOT NULL FROM reactor.attempts"
        " WHERE job_id = %(id)s",
        id=job,
    )
    assert attempt == [("failed", "stall", True, True)]
    assert await flush(database) == []


async def test_without_attempts_left_it_has_failed(table: Table, database: Database) -> None:
    job = await in_work(table, hours=25, max_attempts=2, retry_count=1)

    assert await flush(database) == [job]

    ended = await table.get(job, "status", "retry_count", "completed_at IS NOT NULL")
    assert ended == ("failed", 2, True)


@pytest.mark.parametrize(
    ("hours", "lease_s", "longest_h", "timeout_h", "taken"),
    [
        (25, 600, 1, None, True),
        (23, 600, 1, None, False),
        # It may wait for a free renderer for as long as a render may take, and then render.
        (39, 600, 20, None, False),
        (41, 600, 20, None, True),
        (29, 600, 20, 10, False),
        (31, 600, 20, 10, True),
        (41, 600, 20, 99, True),
        (25, -60, 20, None, True),
        (23, -60, 20, None, False),
    ],
)
async def test_a_lease_that_is_renewed_is_respected_for_as_long_as_the_render_may_take(
    table: Table,
    database: Database,
    hours: float,
    lease_s: float,
    longest_h: float,
    timeout_h: float | None,
    *,
    taken: bool,
) -> None:
    timeout_s = timeout_h and timeout_h * 3600
    job = await in_work(table, hours=hours, lease_s=lease_s, timeout_s=timeout_s)

    assert await flush(database, longest_render_s=longest_h * 3600) == [job] * taken


async def test_a_long_render_is_left_alone_when_nobody_says_how_long_it_may_take(
    table: Table, database: Database
) -> None:
    job = await in_work(table, hours=13 * 24, lease_s=600)

    assert await table.rows("SELECT reactor.flush_stale(1)") == [
        ("no job has been in work for more than 1 h",)
    ]
    assert await flush(database, 15 * 24) == []
    assert await table.get(job, "status") == "processing"


async def test_a_job_claimed_just_now_is_not_as_old_as_its_last_attempt(
    table: Table, database: Database
) -> None:
    job = await in_work(table, hours=30)
    await flush(database)
    again = "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed'{} WHERE id = %(id)s"
    await table.rows(
        again.format(", attempt = 2, lease_expires_at = now() + interval '9 min'"), id=job
    )
    with_lease = await flush(database)
    await table.rows("SELECT reactor.cancel(%(id)s)", id=job)
    other = await in_work(table, hours=30)
    await flush(database)
    await table.rows(again.format(""), id=other)

    assert (with_lease, await flush(database)) == ([], [])


async def test_a_worker_that_says_nothing_began_when_it_took_the_job(
    table: Table, database: Database
) -> None:
    job = await table.insert()
    await table.rows("UPDATE actp_gen_jobs SET created_at = now() - interval '9 days'")
    await table.rows("UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed'")
    just_now = await flush(database)
    await table.rows("UPDATE reactor.events SET at = at - interval '25 hours'")

    assert (just_now, await flush(database)) == ([], [job])


async def test_a_file_that_is_there_is_not_thrown_away(table: Table, database: Database) -> None:
    job = await in_work(table, hours=99)
    await table.rows("UPDATE actp_gen_jobs SET stage = 'rendered'")

    assert await flush(database) == []
    assert await table.get(job, "stage") == "rendered"


@pytest.mark.parametrize("hours", [0, -1, math.nan, math.inf, -math.inf, 1e300, 87601])
async def test_no_age_at_all_is_refused(table: Table, database: Database, hours: float) -> None:
    job = await in_work(table, hours=99)

    with pytest.raises(Invalid, match=r"max_age_hours: is .*; allowed: more than 0, to 87600"):
        await flush(database, hours)

    assert await table.get(job, "status") == "processing"
    assert await table.rows("SELECT count(*) FROM reactor.commands") == [(0,)]


async def test_the_reactor_that_holds_it_stops(
    start: Start, table: Table, easel: Easel, database: Database
) -> None:
    easel.gate = anyio.Event()
    await start()
    job = await table.insert(max_attempts=1)
    await easel.waiting.wait()
    await table.rows("UPDATE reactor.attempts SET started_at = now() - interval '25 hours'")

    assert await flush(database, longest_render_s=60) == [job]

    with anyio.fail_after(PATIENCE_S):
        while not easel.cancelled:
            await anyio.sleep(0.02)
    assert await table.get(job, "status") == "failed"


async def test_housekeeping_does_it_every_hour_and_knows_how_long_renders_may_take(
    settings: Settings, database: Database, observer: Observer, table: Table
) -> None:
    stale = await in_work(table, hours=25, lease_s=600)
    keeping = Housekeeping(
        settings.model_copy(update={"render_timeout_s": DAY_S}), database, observer, lambda: 0
    )
    await keeping.tidy()
    kept = await table.get(stale, "status")
    keeping = Housekeeping(settings, database, observer, lambda: 0)

    async with seeing(observer, Seen.STALE_FLUSHED, count=1, hours=24.0):
        await keeping.tidy()

    assert (kept, await table.get(stale, "status")) == ("processing", "pending")
