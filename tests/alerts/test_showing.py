"""What people and programs see of alerts, and of who works here."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from typer.testing import CliRunner

import reactor
from reactor.alerts import KINDS
from reactor.cli.app import app
from reactor.db import agents, alerts

if TYPE_CHECKING:
    import httpx

    from tests.alerts.conftest import Desk
    from tests.fix_reactor import Table

TWO = (
    "SELECT reactor.report('renderer_down', 'here', true, 'the renderer is \x1b[31mdown [bold]');"
    " SELECT reactor.report('renderer_down', 'here', false);"
    " SELECT reactor.report('disk_low', 'there', true, '3 MB are free')"
)


@pytest.fixture
def two(dsn: str) -> None:
    """An alert that is over, and one that is not."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(TWO.encode())


def run(*arguments: str) -> str:
    """What `bin/reactor alerts` prints."""
    result = CliRunner().invoke(app, ["alerts", *arguments])
    assert result.exit_code == 0, result.exception
    return result.output


@pytest.fixture
def _here(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands work on the test's database."""
    monkeypatch.setenv("DATABASE_URL", dsn)


@pytest.mark.usefixtures("_here")
def test_no_alert_is_said_in_words() -> None:
    assert run() == "there is no alert\n"
    assert json.loads(run("--json")) == []


@pytest.mark.usefixtures("_here", "two")
def test_open_alerts_are_shown_and_on_request_those_that_are_over() -> None:
    [line] = run().splitlines()
    assert line.endswith("  disk_low  3 MB are free")
    newest, oldest = run("--all").splitlines()
    assert newest == line
    assert ", over 20" in oldest
    assert oldest.endswith("  renderer_down  the renderer is  [31mdown [bold]")
    assert [one["kind"] for one in json.loads(run("--all", "--json"))] == [
        "disk_low",
        "renderer_down",
    ]
    assert len(json.loads(run("--all", "--json", "--most", "1"))) == 1


@pytest.mark.usefixtures("two")
async def test_alerts_over_http(client: httpx.AsyncClient) -> None:
    opened = (await client.get("/api/alerts")).json()
    assert [(one["kind"], one["resolved_at"]) for one in opened["alerts"]] == [("disk_low", None)]
    assert opened["before"] is None

    first = (await client.get("/api/alerts?all=true&limit=1")).json()
    second = (await client.get(f"/api/alerts?all=true&limit=1&before={first['before']}")).json()
    assert [one["kind"] for one in first["alerts"] + second["alerts"]] == [
        "disk_low",
        "renderer_down",
    ]
    assert second["alerts"][0]["resolved_at"] is not None
    assert second["before"] is None


@pytest.mark.parametrize("query", ["all=maybe", "limit=0", "limit=501", "before=0", "before=x"])
async def test_bad_questions_are_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/api/alerts?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["detail"]


@pytest.mark.usefixtures("two")
async def test_open_alerts_are_counted_by_kind(client: httpx.AsyncClient, desk: Desk) -> None:
    await desk.report("tape_full", trouble=True)
    await desk.report("publish_blocked", trouble=True)

    lines = (await client.get("/metrics")).text.splitlines()

    counts = {line for line in lines if line.startswith("reactor_open_alerts{")}
    assert {
        'reactor_open_alerts{kind="disk_low"} 1.0',
        'reactor_open_alerts{kind="renderer_down"} 0.0',
        'reactor_open_alerts{kind="publish_blocked"} 1.0',
        'reactor_open_alerts{kind="other"} 1.0',
    } <= counts


def test_the_documentation_lists_every_kind() -> None:
    text = (Path(reactor.__file__).parent.parent / "docs/alerts.md").read_text("utf-8")

    assert sorted(re.findall(r"^\| `(\w+)` \|", text, re.M)) == sorted(KINDS)


async def test_what_was_over_long_ago_is_forgotten(desk: Desk) -> None:
    for subject in ("open", "over", "long over"):
        await desk.report(subject=subject, trouble=True)
    await desk.table.rows(
        "UPDATE reactor.alerts SET raised_at = now() - interval '90 days',"
        " resolved_at = CASE subject WHEN 'over' THEN now() - interval '13 days'"
        " WHEN 'long over' THEN now() - interval '15 days' END"
    )
    async with desk.database.connection() as conn:
        assert await alerts.prune_alerts(conn, keep_days=14) == 1

    assert [row[1] for row in await desk.rows()] == ["open", "over"]


async def test_who_misses_a_heartbeat_is_down(table: Table, desk: Desk) -> None:
    await table.rows(
        "INSERT INTO actp_agent_registry (name, kind, status, pid, host, version, heartbeat_at) VALUES"
        " ('a', 'reactor', 'running', 1, 'h', '0.1', now()),"
        " ('b', 'renderer', 'running', 2, 'h', '0.1', now() - interval '61 s'),"
        " ('c', 'renderer', 'stopped', 3, 'h', '0.1', now() - interval '1 hour'),"
        " ('d', 'coffee machine', 'running', 4, 'h', '0.1', now())"
    )

    seen = "SELECT name, status, pid, host, version FROM reactor.agents ORDER BY name"
    assert await table.rows(seen) == [
        ("a", "running", 1, "h", "0.1"),
        ("b", "down", 2, "h", "0.1"),
        ("c", "stopped", 3, "h", "0.1"),
    ]
    async with desk.database.connection() as conn:
        listed = await agents.list_agents(conn)
    assert [(one["name"], one["status"]) for one in listed] == [("a", "running"), ("b", "down")]


async def test_open_alerts_can_be_read_in_psql(table: Table, desk: Desk) -> None:
    for subject in ("here", "there"):
        await desk.report(subject=subject, trouble=True)
    await desk.report(subject="here", trouble=False)

    assert await table.rows("SELECT kind, subject FROM reactor.open_alerts") == [
        ("renderer_down", "there")
    ]
