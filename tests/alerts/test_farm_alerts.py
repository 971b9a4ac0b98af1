"""What only the database knows: failed jobs, an empty queue, the pace, and what nobody confirms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reactor import alerts
from reactor.errors import Invalid

if TYPE_CHECKING:
    from tests.alerts.conftest import Bell, Desk

LONG = 1000.0
DONE = "INSERT INTO actp_gen_jobs (status, completed_at) SELECT 'complete', {at} FROM generate_series(1, %(n)s)"
QUEUE = ("queue_empty", "farm")


async def done(desk: Desk, number: int, at: str = "now() - interval '2 minutes'") -> None:
    """So many videos, made at that moment."""
    await desk.table.rows(DONE.format(at=at), n=number)


async def today(desk: Desk) -> str:
    """The day, as an alert names it; far from midnight, wherever the test runs."""
    await desk.table.rows(
        "UPDATE reactor.control SET time_zone = CASE WHEN extract(hour FROM now() AT TIME ZONE 'UTC') BETWEEN 6 AND 17"
        " THEN 'UTC' ELSE 'Etc/GMT+12' END"
    )
    return str((await desk.table.rows("SELECT reactor.today()"))[0][0])


async def target(desk: Desk, number: int | None) -> None:
    """How many videos a day the farm should make, which has had its first hour."""
    await desk.table.rows("UPDATE reactor.migrations SET applied_at = now() - interval '2 hours'")
    await desk.table.rows("UPDATE reactor.control SET target_per_day = %(n)s::integer", n=number)


async def test_a_newcomers_empty_farm_has_no_alert(desk: Desk) -> None:
    assert await desk.check(watched_for_s=LONG) == []
    assert await desk.rows() == []


async def test_a_failure_whose_event_was_lost_is_found(desk: Desk, bell: Bell) -> None:
    job = str(await desk.failed_job())

    assert await desk.check() == [("raised", "job_failed", job)]
    assert await desk.check() == []
    assert await bell.rung() == [("job_failed", job, False)]


async def test_old_failures_and_those_of_others_are_let_alone(desk: Desk) -> None:
    await desk.table.insert(status="failed", completed_at="now")
    old = await desk.failed_job()
    await desk.table.rows(
        "UPDATE actp_gen_jobs SET completed_at = now() - interval '2 days' WHERE id = %(id)s",
        id=old,
    )

    assert await desk.check() == []


async def test_what_a_person_has_dealt_with_is_not_raised_again(desk: Desk) -> None:
    await desk.failed_job()
    await desk.check()
    await desk.table.rows("UPDATE reactor.alerts SET resolved_at = now()")

    assert await desk.check() == []


@pytest.mark.parametrize(
    "how",
    [
        "UPDATE actp_gen_jobs SET status = 'pending', run_after = 'infinity' WHERE id = %(id)s",
        "DELETE FROM actp_gen_jobs WHERE id = %(id)s",
    ],
)
async def test_a_job_that_is_not_failed_any_more_is_no_trouble(desk: Desk, how: str) -> None:
    job = await desk.failed_job()
    await desk.check()
    await desk.table.rows(how, id=job)

    assert await desk.check() == [("resolved", "job_failed", str(job))]


async def test_a_retry_resolves_in_its_own_transaction(desk: Desk, bell: Bell) -> None:
    job = await desk.failed_job()
    await desk.check()
    await desk.table.rows("SELECT reactor.retry(%(id)s)", id=job)

    assert await bell.rung() == [("job_failed", str(job), False), ("job_failed", str(job), True)]


async def test_a_job_that_fails_again_is_an_alert_again(desk: Desk) -> None:
    job = await desk.failed_job()
    await desk.check()
    await desk.table.rows("SELECT reactor.retry(%(id)s)", id=job)
    for status, stage in (("processing", "claimed"), ("failed", None)):
        await desk.table.rows(
            "UPDATE actp_gen_jobs SET status = %(status)s, stage = %(stage)s, completed_at = clock_timestamp()"
            " WHERE id = %(id)s",
            id=job,
            status=status,
            stage=stage,
        )

    assert await desk.check() == [("raised", "job_failed", str(job))]


async def test_subjects_by_hand_do_not_stop_the_look(desk: Desk) -> None:
    for subject in ("-1", "1e9", "999999999999999999999", "'", ""):
        await desk.report("job_failed", subject, trouble=True)

    assert len(await desk.check()) == 5
    assert await desk.check() == []


async def test_an_empty_queue_is_trouble_where_work_is_expected(desk: Desk) -> None:
    await desk.table.rows("DELETE FROM reactor.templates")
    assert await desk.check(expects_work=False, watched_for_s=LONG) == []
    assert await desk.check(expects_work=True, watched_for_s=10) == []
    assert await desk.check(expects_work=True, watched_for_s=LONG) == [("raised", *QUEUE)]
    assert await desk.check(expects_work=True, watched_for_s=LONG) == []

    # Whoever expects no work cannot know that none is missing.
    assert await desk.check(expects_work=False, watched_for_s=LONG) == []
    await desk.table.insert(run_after="infinity")
    assert await desk.check() == [("resolved", *QUEUE)]


async def test_an_empty_queue_at_the_end_of_the_days_work_is_none(desk: Desk) -> None:
    await today(desk)
    await target(desk, 3)
    await done(desk, 2)
    raised = await desk.check(expects_work=True, watched_for_s=LONG)
    await done(desk, 1)
    resolved = await desk.check(expects_work=True, watched_for_s=LONG)

    assert ("raised", *QUEUE) in raised
    assert ("resolved", *QUEUE) in resolved


async def test_between_two_jobs_the_queue_is_not_called_empty(desk: Desk) -> None:
    await done(desk, 1, at="now()")

    assert await desk.check(expects_work=True, watched_for_s=LONG) == []


async def test_behind_the_pace_until_it_is_made_good(desk: Desk, bell: Bell) -> None:
    day = await today(desk)
    await target(desk, 10)

    assert await desk.check() == [("raised", "pace_behind", day)]
    await done(desk, 3)
    await done(desk, 7)
    assert await desk.check() == [("resolved", "pace_behind", day)]
    assert await bell.rung() == [("pace_behind", day, False), ("pace_behind", day, True)]


async def test_the_message_names_the_platforms_that_are_behind(desk: Desk) -> None:
    day = await today(desk)
    await target(desk, 10)
    await done(desk, 1, at="now() - interval '3 days'")  # the farm is no newcomer
    await desk.table.rows("UPDATE reactor.platforms SET enabled = platform IN ('x', 'tiktok')")
    await desk.table.rows(
        DONE.format(at="now()")
        .replace("(status", "(platform, status")
        .replace("SELECT 'complete'", "SELECT 'x', 'complete'"),
        n=2,
    )
    await desk.check()

    [[message]] = await desk.table.rows("SELECT message FROM reactor.alerts")
    assert message.startswith(f"2 of 10 videos are done on {day}, and at this pace it will be ")
    assert message.endswith("; behind on tiktok (0 of 2)")


async def test_nobody_is_called_in_a_farms_first_hour(desk: Desk) -> None:
    await target(desk, 10)
    await desk.table.rows(
        "UPDATE reactor.migrations SET applied_at = now() - interval '50 minutes'"
    )

    assert await desk.check() == []


async def test_with_the_day_its_alert_is_over(desk: Desk) -> None:
    day = await today(desk)
    await desk.report("pace_behind", "2026-01-01", trouble=True)
    await target(desk, 10)

    assert await desk.check() == [
        ("resolved", "pace_behind", "2026-01-01"),
        ("raised", "pace_behind", day),
    ]


async def test_alert_if_behind_by_its_name(desk: Desk) -> None:
    await today(desk)
    await done(desk, 5)
    async with desk.database.connection() as conn:
        assert await alerts.alert_if_behind(conn, target_per_day=1000) is True
        assert [row[0] for row in await desk.rows()] == ["pace_behind"]
        assert await alerts.alert_if_behind(conn, target_per_day=5) is False
        assert await alerts.alert_if_behind(conn, target_per_day=None) is False
        for wrong in (0, -1, 10**9):
            with pytest.raises(Invalid, match="allowed: 1 to 1000000"):
                await alerts.alert_if_behind(conn, target_per_day=wrong)

    assert [row[2] for row in await desk.rows()] == [False]


async def test_what_nobody_confirms_is_over(desk: Desk) -> None:
    kinds = ("renderer_down", "disk_low", "listener_deaf", "queue_empty", "webhook_failed", "mine")
    for kind in kinds:
        await desk.report(kind, "there", trouble=True)
    assert await desk.check(watched_for_s=LONG) == []
    await desk.table.rows("UPDATE reactor.alerts SET seen_at = now() - interval '6 minutes'")

    # After an outage nobody had the chance to confirm anything.
    assert await desk.check(watched_for_s=200) == []
    over = await desk.check(watched_for_s=301)

    assert sorted(over) == sorted(("resolved", kind, "there") for kind in kinds[:4])


async def test_of_two_that_look_at_once_one_does(desk: Desk) -> None:
    await desk.failed_job()
    async with desk.database.transaction() as conn:
        await conn.execute("SELECT pg_advisory_xact_lock(hashtext('reactor:check_farm'))")
        assert await desk.check() == []

    assert len(await desk.check()) == 1
