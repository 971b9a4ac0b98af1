"""What Python and psql say of today: in all, by platform, against a target, in the configured zone."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from reactor import volume
from reactor.daemon import running
from reactor.errors import BadConfiguration, Invalid

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Table
    from tests.volume.conftest import History

NOTHING = {
    "done": 0,
    "velocity": 0,
    "per_hour": 0,
    "forecast": 0,
    "is_on_pace": False,
    "on_course": False,
    "others": 0,
    "sentence": "behind: 0 of 10, forecast 0",
}


@pytest.mark.usefixtures("midday")
async def test_an_empty_farm_has_made_nothing(conn: AsyncConnection) -> None:
    found = (await volume.get_volume(conn)).model_dump()

    assert NOTHING.items() <= found.items()
    assert [day["renders"] for day in found["days"]] == [0] * 14
    assert found["days"][-1]["day"] == found["day"]
    assert [one["lacking"] for one in found["platforms"]] == [3] * 5
    assert await volume.count_renders_today(conn) == 0
    assert await volume.get_daily_velocity(conn) == 0
    assert await volume.count_by_platform(conn, found["day"]) == {}


@pytest.mark.usefixtures("midday")
async def test_today_counts_and_the_seven_days_before_are_the_velocity(
    history: History, conn: AsyncConnection
) -> None:
    await history.made_today(3)
    await history.table.rows(
        "INSERT INTO actp_gen_jobs (status, completed_at) SELECT 'complete', moment FROM unnest(ARRAY["
        " reactor.day_begins(reactor.today() - 7), reactor.day_begins(reactor.today()) - interval '1 microsecond',"
        " reactor.day_begins(reactor.today() - 7) - interval '1 microsecond']) AS moment"
    )
    await history.table.rows(
        "INSERT INTO actp_gen_jobs (status, completed_at) VALUES ('failed', now()), ('cancelled', now())"
    )

    assert await volume.count_renders_today(conn) == 3
    assert await volume.get_daily_velocity(conn) == pytest.approx(2 / 7)
    assert await history.one("sum(renders)::integer FROM reactor.renders_by_day") == 6
    assert await history.one("count(*) FROM reactor.renders_by_day") == 30


@pytest.mark.usefixtures("midday")
async def test_renders_are_counted_by_platform(history: History, conn: AsyncConnection) -> None:
    await history.made_today(2, platform="x")
    await history.made_today(3, platform="<b>odd</b>")
    await history.made_today(1, platform=None)
    # In the farm's zone, which is another one every hour.
    spring = await history.one("(reactor.day_begins('2026-03-01') + interval '12 hours')::text")
    await history.made(spring, platform="x")
    today = await history.one("reactor.today()")

    assert list((await volume.count_by_platform(conn, today)).items()) == [
        ("<b>odd</b>", 3),
        ("x", 2),
        ("", 1),
    ]
    assert await volume.count_by_platform(conn, date(2026, 3, 1)) == {"x": 1}
    assert await history.table.rows(
        "SELECT platform, renders FROM reactor.renders_by_day_and_platform WHERE day = reactor.today()"
    ) == [("<b>odd</b>", 3), ("x", 2), ("", 1)]
    assert (await volume.get_volume(conn)).others == 4


@pytest.mark.usefixtures("midday")
async def test_each_platform_should_get_two_or_three(history: History) -> None:
    """Youtube has two, x one, threads three; tiktok is not served any more."""
    for platform, renders in {"youtube": 2, "x": 1, "threads": 3}.items():
        await history.made_today(renders, platform=platform)
    await history.table.rows(
        "UPDATE reactor.platforms SET enabled = false WHERE platform = 'tiktok'"
    )
    await history.table.rows("INSERT INTO actp_gen_jobs (platform) VALUES ('x'), ('x'), ('tiktok')")
    await history.table.rows(
        "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed' WHERE id ="
        " (SELECT min(id) FROM actp_gen_jobs WHERE platform = 'x' AND status = 'pending')"
    )

    found = await history.table.rows(
        "SELECT platform, done, pending, processing, daily_least, daily_target, lacking, is_on_pace"
        "  FROM reactor.platform_pace"
    )

    assert found == [
        ("instagram", 0, 0, 0, 2, 3, 3, False),
        ("threads", 3, 0, 0, 2, 3, 0, True),
        ("x", 1, 1, 1, 2, 3, 2, False),
        ("youtube", 2, 0, 0, 2, 3, 1, True),
    ]


async def test_a_platforms_forecast_by_hand(history: History) -> None:
    """x: one today and three in 24 hours, 8 hours left: 1 + 3/24 × 8 = 2; youtube: 0 + 1/24 × 8 = 0.33."""
    await history.made("2026-05-02 15:00+00", "2026-05-02 17:00+00", platform="x")
    await history.made("2026-05-02 23:00+00", "2026-05-03 11:00+00", platform="x")
    await history.made("2026-05-02 20:00+00", platform="youtube")

    found = await history.table.rows(
        "SELECT platform, done, forecast, on_course FROM reactor.platform_pace_at('2026-05-03 16:00+00')"
        " WHERE platform IN ('x', 'youtube')"
    )

    assert found == [("x", 1, 2, True), ("youtube", 0, 0.33, False)]


async def test_a_young_farm_is_judged_by_the_hours_it_has_had(history: History) -> None:
    """Four renders in two hours are two an hour, and not 4/24; one of a minute ago is one an hour, and not sixty."""
    await history.made("2026-05-03 10:00+00", "2026-05-03 10:30+00", "2026-05-03 11:00+00")
    await history.made("2026-05-03 11:59+00")

    assert (await history.pace("2026-05-03 12:00+00"))["per_hour"] == 2
    assert (await history.pace("2026-05-03 12:00+00"))["forecast"] == 4 + 2 * 12
    assert (await history.pace("2026-05-03 10:01+00"))["per_hour"] == 1


@pytest.mark.usefixtures("midday")
async def test_on_pace_is_done_and_not_hoped(history: History, conn: AsyncConnection) -> None:
    await history.made_today(5)

    assert not await volume.is_on_pace(conn, 10)
    assert await volume.is_on_pace(conn, 5)
    assert not await volume.is_on_pace(conn)
    assert not await volume.is_on_pace(conn, None)
    await history.target(5)
    assert await volume.is_on_pace(conn, None)
    assert await history.one("reactor.is_on_pace()")
    assert (await volume.get_volume(conn)).sentence == "on pace: 5 of 5"


@pytest.mark.parametrize("target", [0, -1, 2**31])
async def test_a_target_that_cannot_be_is_refused(conn: AsyncConnection, target: int) -> None:
    with pytest.raises(Invalid, match=f"target_per_day: is {target}; write at least 1"):
        await volume.is_on_pace(conn, target)


async def test_psql_is_refused_it_too(conn: AsyncConnection) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="must be at least 1"):
        await conn.execute("SELECT reactor.is_on_pace(-3)")


@pytest.mark.parametrize("days", [6, 31])
async def test_so_many_days_are_not_shown(conn: AsyncConnection, days: int) -> None:
    with pytest.raises(Invalid, match=f"days: is {days}; write 7 to 30"):
        await volume.get_volume(conn, days=days)


@pytest.mark.parametrize(
    ("forecast", "said"),
    [
        (8.0, "behind: 4 of 10, forecast 8"),
        (9.99, "behind: 4 of 10, forecast 9.9"),
        (11.25, "on course: 4 of 10, forecast 11.2"),
        (1234.5, "on course: 4 of 10, forecast 1,234"),
    ],
)
def test_the_day_in_words(forecast: float, said: str) -> None:
    numbers: dict[str, Any] = {
        "day": "2026-01-27",
        "time_zone": "UTC",
        "target_per_day": 10,
        "done": 4,
        "velocity": 0,
        "per_hour": 0,
        "hours_left": 1,
        "platforms": [],
        "others": 0,
        "days": [],
    }

    found = volume.Volume.of(
        {**numbers, "forecast": forecast, "is_on_pace": False, "on_course": forecast >= 10}
    )

    assert found.sentence == said


BAD_ZONES = [
    "Foo/Bar5",
    "CEST",
    "UTC+5",
    "Mars/Olympus",
    "",
    "Europe/Berlin; DROP",
    "+05:30",
    "UTC\n",
]


@pytest.mark.parametrize("zone", BAD_ZONES)
async def test_a_zone_that_is_none_is_refused_and_nothing_changes(
    conn: AsyncConnection, settings: Settings, history: History, zone: str
) -> None:
    changed = settings.model_copy(update={"time_zone": zone, "target_per_day": 7})

    with pytest.raises(
        BadConfiguration, match=r"^REACTOR_TIME_ZONE: .* write one like Europe/Berlin$"
    ):
        await volume.configure(conn, changed)

    assert await history.one("(time_zone, target_per_day)::text FROM reactor.control") == "(UTC,)"


async def test_nobody_puts_nonsense_there_from_psql(history: History) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue, match="'CEST' is no time zone"):
        await history.zone("CEST")
    with pytest.raises(psycopg.errors.CheckViolation):
        await history.target(0)


async def test_a_zone_is_kept_as_it_is_written_everywhere(
    conn: AsyncConnection, settings: Settings, history: History
) -> None:
    await volume.configure(conn, settings.model_copy(update={"time_zone": "europe/berlin"}))
    assert await history.one("reactor.time_zone()") == "Europe/Berlin"

    row = await history.one("xmin::text FROM reactor.control")
    await volume.configure(conn, settings.model_copy(update={"time_zone": "Europe/Berlin"}))
    assert await history.one("xmin::text FROM reactor.control") == row


async def test_a_daemon_writes_its_settings_down_and_leaves_what_it_has_none_for(
    settings: Settings, observer: Observer, history: History
) -> None:
    changed = settings.model_copy(update={"time_zone": "Asia/Tokyo", "target_per_day": 12})
    async with running(changed, observe=observer, api=False):
        pass
    async with running(settings, observe=observer, api=False):
        pass

    assert (
        await history.one("(time_zone, target_per_day)::text FROM reactor.control")
        == "(Asia/Tokyo,12)"
    )


async def test_operators_may_look(table: Table) -> None:
    names = ("pace", "platform_pace", "renders_by_day", "renders_by_day_and_platform", "stats()")
    async with table.database.transaction() as conn:
        await conn.execute("SET LOCAL ROLE reactor_operator")
        for name in names:
            await conn.execute(f"SELECT * FROM reactor.{name}".encode())
        await conn.execute(
            "SELECT reactor.is_on_pace(), reactor.get_daily_velocity(), reactor.count_renders_today()"
        )
        await conn.execute("SELECT * FROM reactor.count_by_platform(reactor.today())")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute("SELECT reactor.recount()")


async def test_a_completion_before_all_time_is_no_beginning(
    history: History, conn: AsyncConnection
) -> None:
    """Postgres 14 to 16 cannot even subtract it, and 17 makes a whole day of it."""
    await history.table.rows(
        "INSERT INTO actp_gen_jobs (status, completed_at)"
        " VALUES ('complete', '-infinity'), ('complete', now() - interval '2 hours')"
    )

    cursor = await conn.execute("SELECT round(reactor.hours_known(now())::numeric)::integer")

    assert await cursor.fetchall() == [(2,)]
