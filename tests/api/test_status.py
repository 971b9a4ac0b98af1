"""`GET /api/renderer/status`: what the database and this process know, or one sentence why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.api import readings
from reactor.api.readings import Reading, Readings
from reactor.errors import DatabaseUnavailable
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reactor.context import Context
    from tests.api.conftest import Farm
    from tests.fix_reactor import Table

    Ask = Callable[[Context], httpx.AsyncClient]

HOSTILE = "</script><img src=x onerror=alert(1)>\u202e'\"&"


async def status(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/api/renderer/status")
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_an_empty_farm_is_all_zeros(client: httpx.AsyncClient) -> None:
    said = await status(client)

    counts = ("pending", "processing", "complete", "failed", "complete_today")
    assert [said["jobs"][name] for name in counts] == [0] * 5
    assert said["jobs"]["oldest_due_s"] is None
    lists = ("running", "waiting", "recent", "failed", "alerts", "orphans")
    assert [said[name] for name in lists] == [[]] * 6


@pytest.mark.usefixtures("midday")
async def test_jobs_are_counted_and_listed_by_state(client: httpx.AsyncClient, farm: Farm) -> None:
    ids = {
        "waiting": await farm.pending(),
        "running": await farm.rendering(),
        "recent": await farm.complete(),
        "failed": await farm.failed("no"),
    }

    said = await status(client)

    assert {name: [job["id"] for job in said[name]] for name in ids} == {
        name: [job_id] for name, job_id in ids.items()
    }
    counts = ("pending", "processing", "complete", "failed", "complete_today")
    assert [said["jobs"][name] for name in counts] == [1] * 5
    assert said["jobs"]["oldest_due_s"] >= 0


async def test_a_render_shows_how_far_it_is(client: httpx.AsyncClient, farm: Farm) -> None:
    await farm.rendering(fraction=0.25, eta_s=7.5)

    [job] = (await status(client))["running"]

    assert (job["progress"], job["eta_s"], job["stage"]) == (30, 7.5, "rendering")
    assert job["seconds"] >= 5


async def test_the_newest_of_the_ended_come_first(client: httpx.AsyncClient, farm: Farm) -> None:
    done = [await farm.complete() for _ in range(3)]
    lost = [await farm.failed("no") for _ in range(2)]

    said = await status(client)

    assert [job["id"] for job in said["recent"]] == done[::-1]
    assert [job["id"] for job in said["failed"]] == lost[::-1]


async def test_what_runs_longest_comes_first_whatever_its_lease(
    client: httpx.AsyncClient, farm: Farm, table: Table
) -> None:
    ids = [await farm.rendering() for _ in range(3)]
    renew = "UPDATE actp_gen_jobs SET lease_expires_at = lease_expires_at + interval '1 h' WHERE id = %(id)s"
    await table.rows(renew, id=ids[0])

    said = await status(client)

    assert [job["id"] for job in said["running"]] == ids


async def test_texts_of_producers_arrive_as_they_were_written(
    client: httpx.AsyncClient, farm: Farm
) -> None:
    await farm.failed(HOSTILE, niche=HOSTILE, platform=HOSTILE)

    [job] = (await status(client))["failed"]

    assert [job["niche"], job["platform"], job["error_message"]] == [HOSTILE] * 3


async def test_a_complete_job_says_where_its_files_are_served(
    client: httpx.AsyncClient, farm: Farm
) -> None:
    job_id = await farm.complete("/library/a.webm", "/library/a.jpg")

    [job] = (await status(client))["recent"]

    assert job["video_url"].startswith(f"/api/videos/{job_id}/data?v=")
    assert job["thumbnail_url"].startswith(f"/api/videos/{job_id}/thumbnail?v=")
    assert job["media_type"] == "video/webm"


async def test_a_job_without_a_file_offers_none(client: httpx.AsyncClient, farm: Farm) -> None:
    await farm.complete()

    [job] = (await status(client))["recent"]

    assert (job["video_url"], job["thumbnail_url"], job["media_type"]) == (None, None, None)


async def test_alerts_orphans_agents_and_the_pause_are_told(
    client: httpx.AsyncClient, table: Table
) -> None:
    await table.rows(
        "INSERT INTO reactor.alerts (kind, subject, message) VALUES ('k', 's', 'look')"
    )
    await table.rows("INSERT INTO reactor.orphans VALUES ('/r/x.mp4', 5, now(), 'nobody''s')")
    await table.rows(
        "INSERT INTO actp_agent_registry (agent_id, name, kind, status, heartbeat_at)"
        " VALUES (gen_random_uuid(), 'one', 'reactor', 'running', now() - interval '1 h')"
    )
    await table.rows("SELECT reactor.pause()")

    said = await status(client)

    assert [alert["message"] for alert in said["alerts"]] == ["look"]
    assert [(o["path"], o["reason"]) for o in said["orphans"]] == [("/r/x.mp4", "nobody's")]
    assert [(a["name"], a["status"]) for a in said["agents"]] == [("one", "down")]
    assert said["paused"] is True


async def test_the_renderer_and_the_reactor_describe_themselves(
    context: Context, client: httpx.AsyncClient
) -> None:
    context.gate.draining = True

    said = await status(client)

    renderer, reactor = said["renderer"], said["reactor"]
    assert (renderer["running"], renderer["name"], renderer["version"]) == (
        True,
        "embedded",
        "1.2.3",
    )
    assert (renderer["capacity"], renderer["busy"], renderer["pid"]) == (2, 1, 77)
    assert (renderer["url"], renderer["templates"]) == ("http://127.0.0.1:1", ["title-card"])
    assert (reactor["id"], reactor["slots"]) == (str(context.reactor_id), {"used": 0, "total": 2})
    assert reactor["listener"]["mode"] == "listen"
    assert said["draining"] is True


async def test_a_renderer_that_is_down_is_not_running(
    context: Context, client: httpx.AsyncClient
) -> None:
    context.supervisor.server.health = None

    said = await status(client)

    assert said["renderer"]["running"] is False
    assert said["reactor"]["slots"]["total"] == 0


async def test_without_a_database_the_answer_is_one_sentence(away: Context, ask: Ask) -> None:
    async with ask(away) as client:
        answer = await client.get("/api/renderer/status")

    said = answer.json()
    assert answer.status_code == said["status"] == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert said["detail"].startswith("cannot reach the database at 127.0.0.1:1/farm")
    assert "Traceback" not in answer.text
    assert "canary" not in answer.text


async def test_a_silent_database_is_given_up(
    silent: Context, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "LIMIT_S", 0.2)

    # Who waited for as long as a connection may take would say something else.
    with anyio.fail_after(PATIENCE_S):
        async with ask(silent) as client:
            answer = await client.get("/api/renderer/status")

    assert answer.status_code == 503
    assert "did not answer" in answer.json()["detail"]


async def test_whoever_asks_at_once_shares_one_reading(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten that do not wait for one another read ten times, however long a reading is kept.
    for name in ("FRESH_S", "OLDEST_S"):
        monkeypatch.setattr(readings, name, PATIENCE_S)
    shared = Readings(context.database)
    seen: list[Reading] = []

    async def look() -> None:
        seen.append(await shared.latest())

    async with anyio.create_task_group() as tg:
        for _ in range(10):
            tg.start_soon(look)

    assert len({id(reading) for reading in seen}) == 1


async def test_a_reading_grows_old(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "OLDEST_S", 0)
    shared = Readings(context.database)

    assert await shared.latest() is not await shared.latest()


async def test_a_database_that_came_back_is_read_again(
    away: Context, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "OLDEST_S", 0)
    shared = Readings(away.database)
    with pytest.raises(DatabaseUnavailable):
        await shared.latest()
    away.database.dsn = context.database.dsn

    reading = await shared.latest()

    assert reading.stats["pending"] == 0


async def test_readings_leave_the_farms_connections_alone(context: Context) -> None:
    before = context.database.statistics().get("requests_num", 0)

    await Readings(context.database).latest()

    assert context.database.statistics().get("requests_num", 0) == before
