"""HTTP, the command line, the metrics and the page say the same of a day; platforms with ugly names are text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import psycopg
import pytest
from anyio import to_thread
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner, Result

from reactor.api.page import STATIC_DIR
from reactor.cli.app import app
from tests.api.conftest import ask, away  # noqa: F401 - fixtures
from tests.volume.conftest import History  # noqa: TC001 - pytest reads it

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from reactor.context import Context

    Run = Callable[..., Awaitable[Result]]

EVIL = "[red]<b>x"
GAUGES = (
    "reactor_daily_velocity",
    "reactor_on_pace",
    "reactor_forecast_today",
    "reactor_target_per_day",
)
YESTERDAY = """
INSERT INTO actp_gen_jobs (platform, status, completed_at)
SELECT 'x', 'complete', reactor.day_begins(reactor.today()) - interval '1 minute' FROM generate_series(1, 14)
"""


@pytest.fixture
async def day(history: History, midday: None) -> History:
    """Four made today, 14 yesterday: two a day; and a platform that nobody would want."""
    await history.table.rows(
        "INSERT INTO reactor.platforms (platform) VALUES (%(name)s)", name=EVIL
    )
    await history.made_today(3, platform="youtube")
    await history.made_today(1, platform="elsewhere")
    await history.table.rows(YESTERDAY)
    await history.table.rows(
        "INSERT INTO actp_gen_jobs (run_after) VALUES ('2000-01-01'), ('infinity')"
    )
    return history


@pytest.fixture
def run(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's database, on 80 columns without colours."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    async def invoke(*arguments: str) -> Result:
        # In a thread, because a command has an event loop of its own.
        return await to_thread.run_sync(CliRunner().invoke, app, arguments)

    return invoke


def said(result: Result) -> str:
    """What a command printed that did what it was asked."""
    assert result.exit_code == 0, result.exception
    return result.output


@pytest.mark.usefixtures("day")
async def test_http_tells_the_day(client: httpx.AsyncClient, history: History) -> None:
    await history.made("2025-01-01 12:00+00")  # the farm is no newcomer
    found = (await client.get("/api/renderer/volume?days=7")).json()

    assert [one["renders"] for one in found["days"]] == [0, 0, 0, 0, 0, 14, 4]
    assert found["days"][-1]["day"] == found["day"]
    assert (found["done"], found["others"], found["velocity"], found["is_on_pace"]) == (
        4,
        1,
        2,
        False,
    )
    # 18 in the last 24 hours are three quarters of one an hour, for about twelve hours.
    assert found["per_hour"] == 0.75
    assert found["forecast"] == pytest.approx(4 + 0.75 * found["hours_left"], abs=0.02)
    platforms = {one["platform"]: one for one in found["platforms"]}
    assert (platforms["youtube"]["done"], platforms["youtube"]["lacking"]) == (3, 0)
    assert (platforms[EVIL]["done"], platforms[EVIL]["lacking"]) == (0, 3)


@pytest.mark.parametrize("days", ["6", "31", "-1", "x", "1e9", ""])
async def test_http_refuses_other_days(client: httpx.AsyncClient, days: str) -> None:
    answer = await client.get(f"/api/renderer/volume?days={days}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "days")


@pytest.mark.usefixtures("day")
async def test_http_and_the_command_line_count_jobs(client: httpx.AsyncClient, dsn: str) -> None:
    found = (await client.get("/api/jobs/stats")).json()

    assert found.pop("oldest_due_s") > 86_400
    assert found == {
        "total": 20,
        "pending": 2,
        "processing": 0,
        "complete": 18,
        "failed": 0,
        "cancelled": 0,
        "complete_today": 4,
    }
    with psycopg.connect(dsn) as conn:
        [short] = conn.execute(
            "SELECT total, complete, complete_today FROM reactor.stats()"
        ).fetchall()
    assert short == (20, 18, 4)


@pytest.mark.usefixtures("day")
async def test_the_status_has_the_days_of_the_page(client: httpx.AsyncClient) -> None:
    found = (await client.get("/api/renderer/status")).json()

    assert found["jobs"]["complete_today"] == 4
    assert found["volume"]["sentence"].split(",")[0] in ("behind: 4 of 10", "on course: 4 of 10")
    assert [one["renders"] for one in found["volume"]["days"]] == [0] * 12 + [14, 4]


async def scrape(client: httpx.AsyncClient) -> dict[tuple[str, ...], float]:
    """Every sample by its name and label values."""
    text = (await client.get("/metrics")).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_the_gauges_tell_it_and_forget_platforms_that_are_gone(
    client: httpx.AsyncClient, day: History
) -> None:
    await day.target(4)

    samples = await scrape(client)

    assert samples["reactor_renders_today", "youtube"] == 3
    assert samples["reactor_renders_today", EVIL] == 0
    assert samples["reactor_renders_today", ""] == 1
    assert ("reactor_renders_today", "elsewhere") not in samples
    assert samples["reactor_daily_velocity",] == 2
    assert (samples["reactor_on_pace",], samples["reactor_target_per_day",]) == (1, 4)
    assert samples["reactor_forecast_today",] > 4


async def test_without_a_database_the_gauges_say_nothing(
    context: Context,
    away: Context,  # noqa: F811 - the fixture
    ask: Callable[[Context], httpx.AsyncClient],  # noqa: F811 - the fixture
) -> None:
    async with ask(context) as client:
        before = await scrape(client)
    async with ask(away) as client:
        samples = await scrape(client)

    assert before["reactor_target_per_day",] == 10
    assert all(samples[name,] != samples[name,] for name in GAUGES)
    assert not [key for key in samples if key[0] == "reactor_renders_today"]


@pytest.mark.usefixtures("day")
async def test_the_bars_fit_into_80_columns(run: Run) -> None:
    text = said(await run("volume", "--days", "7"))
    lines = text.splitlines()

    assert "\x1b" not in text
    assert max(map(len, lines)) <= 80
    bars = lines[1:8]
    assert [int(line.split()[-1]) for line in bars] == [0, 0, 0, 0, 0, 14, 4]
    assert [line.startswith("today") for line in bars] == [False] * 6 + [True]
    lengths = [line.count("█") for line in bars]
    # One scale, and the target's mark at the same place on every line that does not reach it.
    assert (lengths[5], lengths[6]) == (59, 17)
    assert {line.index("│") for line in [*bars[:5], bars[6], lines[8]]} == {12 + 41}
    assert lines[8].split("│")[1] == " 10 a day"
    assert re.search(r"^(behind|on course): 4 of 10, forecast [\d.]+$", text, re.MULTILINE)
    assert re.search(r"^youtube +3 +2 to 3 +0 +0 +0 +[\d.]+ +on pace", text, re.MULTILINE)
    assert re.search(rf"^{re.escape(EVIL)} +0 +2 to 3 +0 +0 +3 +0 +behind", text, re.MULTILINE)
    assert re.search(r"^\(others\) +1", text, re.MULTILINE)


async def test_an_empty_farm_has_empty_bars(run: Run) -> None:
    text = said(await run("volume"))

    assert text.startswith("Renders a day, in UTC\n")
    assert "behind: 0 of 10, forecast 0" in text
    assert "█" not in text


@pytest.mark.usefixtures("day")
async def test_programs_read_the_same(run: Run) -> None:
    volume, stats = (
        json.loads(said(await run("volume", "--json"))),
        json.loads(said(await run("stats", "--json"))),
    )

    assert (volume["done"], len(volume["days"])) == (4, 14)
    assert (stats["total"], stats["complete_today"]) == (20, 4)


@pytest.mark.usefixtures("day")
async def test_jobs_are_counted_for_people(run: Run) -> None:
    lines = [line.split() for line in said(await run("stats")).splitlines()]

    assert ["complete", "18"] in lines
    assert ["complete", "today", "4"] in lines
    assert lines[-1][:4] == ["the", "longest-waiting", "due", "job"]


@pytest.mark.parametrize("days", ["6", "31", "x"])
async def test_the_command_line_refuses_other_days(run: Run, days: str) -> None:
    result = await run("volume", "--days", days)

    assert result.exit_code == 2
    assert "--days" in result.output


def test_the_page_has_what_its_script_fills() -> None:
    """tests/api/test_page.py holds every script to showing text as text only."""
    script = (STATIC_DIR / "volume.js").read_text("utf-8")
    page = (STATIC_DIR / "page.html").read_text("utf-8")
    asked = set(re.findall(r'\bat\("([\w-]+)"\)', script))

    assert len(asked) == 4
    assert [name for name in asked if f'id="{name}"' not in page] == []
    assert "showVolume(status.volume)" in (STATIC_DIR / "page.js").read_text("utf-8")
