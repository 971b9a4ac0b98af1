"""Velocity, pace and forecast of a week that was worked out by hand, in days of 23, 24 and 25 hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.volume.conftest import History

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",  # 00:00 does not come when clocks go forward
    "America/Havana",  # 00:00 comes twice when they go back
    "Atlantic/Azores",
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)
BORDERS = """
SELECT count(*) FILTER (WHERE (begins AT TIME ZONE zone)::date = day),
       count(*) FILTER (WHERE ((begins - interval '1 microsecond') AT TIME ZONE zone)::date = day - 1),
       max(ends - begins) <= interval '25 hours' AND min(ends - begins) >= interval '23 hours'
  FROM (SELECT day::date, %(zone)s::text AS zone, reactor.day_begins(day::date) AS begins, reactor.day_begins(day::date + 1) AS ends
          FROM generate_series('2025-12-25'::date, '2027-01-05', '1 day') AS day) AS days
"""


async def a_week(history: History) -> None:
    """56 renders from the 3rd to the 9th of March, four on the 10th, and some before, by Berlin's clocks."""
    await history.zone("Europe/Berlin")
    by_day = {3: 9, 4: 0, 5: 12, 6: 7, 7: 9, 8: 11, 9: 4}
    for day, renders in by_day.items():
        await history.made(*[f"2026-03-{day:02} {8 + n}:30 Europe/Berlin" for n in range(renders)])
    await history.made("2026-03-03 00:00 Europe/Berlin")  # the 10th of the 3rd: the day begins
    await history.made("2026-03-09 18:00 Europe/Berlin")  # 24 hours before we look
    await history.made("2026-03-09 19:00 Europe/Berlin")
    await history.made("2026-03-09 23:59:59.999999 Europe/Berlin")
    await history.made("2026-03-02 23:59:59.999999 Europe/Berlin")  # eight days ago
    await history.made(
        "2026-03-10 00:00 Europe/Berlin",
        "2026-03-10 09:00 Europe/Berlin",
        "2026-03-10 12:00 Europe/Berlin",
        "2026-03-10 17:59 Europe/Berlin",
    )


async def test_a_week_by_hand(history: History) -> None:
    """(10 + 0 + 12 + 7 + 9 + 11 + 7) / 7 = 8; 3 + 4 in 24 hours; 4 + 7/24 × 6 = 5.75."""
    await a_week(history)

    pace = await history.pace("2026-03-10 18:00 Europe/Berlin")

    assert pace == {
        "day": "2026-03-10",
        "time_zone": "Europe/Berlin",
        "target_per_day": 10,
        "done": 4,
        "velocity": 8,
        "per_hour": 0.29,
        "hours_left": 6,
        "forecast": 5.75,
        "is_on_pace": False,
        "on_course": False,
    }


@pytest.mark.parametrize(
    ("target", "stands"),
    [(4, (True, True)), (5, (False, True)), (6, (False, False)), (None, (False, False))],
)
async def test_the_target_decides(
    history: History, target: int | None, stands: tuple[bool, bool]
) -> None:
    await a_week(history)
    await history.target(target)

    pace = await history.pace("2026-03-10 18:00 Europe/Berlin")

    assert pace["target_per_day"] == (target or 10)
    assert (pace["is_on_pace"], pace["on_course"]) == stands


async def test_each_day_has_its_own(history: History) -> None:
    await a_week(history)

    days = await history.table.rows(
        "SELECT * FROM reactor.count_by_day('2026-03-01', '2026-03-10')"
    )

    assert [renders for _, renders in days] == [0, 1, 10, 0, 12, 7, 9, 11, 7, 4]


@pytest.mark.parametrize(
    ("night", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)]
)
async def test_a_day_is_as_long_as_it_is(history: History, night: str, hours: int) -> None:
    """At an even pace of one an hour the forecast of the new day is its length."""
    await history.zone("Europe/Berlin")
    begins = f"{night} 00:00 Europe/Berlin"
    await history.table.rows(
        "INSERT INTO actp_gen_jobs (status, completed_at)"
        " SELECT 'complete', %(begins)s::timestamptz - make_interval(hours => n) FROM generate_series(1, 24) AS n",
        begins=begins,
    )

    pace = await history.pace(begins)

    assert (pace["day"], pace["done"], pace["per_hour"]) == (night, 0, 1)
    assert (pace["hours_left"], pace["forecast"]) == (hours, hours)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
async def test_a_night_in_which_clocks_change_loses_nothing(
    history: History, day: str, hours: int
) -> None:
    """One every hour of UTC, over the days before and after: each day has as many as it has hours."""
    await history.zone("Europe/Berlin")
    await history.table.rows(
        "INSERT INTO actp_gen_jobs (status, completed_at)"
        " SELECT 'complete', (%(day)s::date - 10)::timestamp AT TIME ZONE 'UTC' + make_interval(mins => 30, hours => n)"
        "   FROM generate_series(0, 480) AS n",
        day=day,
    )

    counted = await history.table.rows(
        "SELECT renders FROM reactor.count_by_day(%(day)s::date - 7, %(day)s::date + 7)", day=day
    )
    velocity = await history.one("reactor.velocity_before(%(day)s::date + 1)", day=day)

    assert [renders for (renders,) in counted] == [24] * 7 + [hours] + [24] * 7
    assert velocity == pytest.approx((6 * 24 + hours) / 7)


async def test_the_same_moment_is_another_day_elsewhere(history: History) -> None:
    moment = "2026-06-15 10:30+00"
    await history.made(moment)
    found = {}
    for zone in ("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago", "Asia/Kathmandu"):
        await history.zone(zone)
        pace = await history.pace("2026-06-15 10:45+00")
        [(day,)] = await history.table.rows(
            "SELECT day::text FROM reactor.count_by_day('2026-06-13', '2026-06-17') WHERE renders = 1"
        )
        found[zone] = (pace["day"], day, pace["done"], pace["hours_left"])

    assert found == {
        "Pacific/Kiritimati": ("2026-06-16", "2026-06-16", 1, 23.25),
        "UTC": ("2026-06-15", "2026-06-15", 1, 13.25),
        "Pacific/Pago_Pago": ("2026-06-14", "2026-06-14", 1, 0.25),
        "Asia/Kathmandu": ("2026-06-15", "2026-06-15", 1, 7.5),
    }


@pytest.mark.parametrize("zone", ZONES)
async def test_days_follow_one_another_without_gap_or_overlap(history: History, zone: str) -> None:
    await history.zone(zone)

    [(first, before, lengths)] = await history.table.rows(BORDERS, zone=zone)

    assert (first, before, lengths) == (377, 377, True)
