"""`bin/reactor webhooks …`, on a real database."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import psycopg
import pytest
from typer.testing import CliRunner, Result

from reactor.cli.webhooks import commands
from reactor.errors import Invalid, Missing, Refused
from reactor.signature import read_key
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., Result]

URL = "https://example.com/hooks/render"
WRITE = """
INSERT INTO reactor.outbox (webhook_id, message_id, event, job_id, body, tries, delivered_at, abandoned_at, last_error)
VALUES (1, 'msg_a', 'job.complete', 7, '{}', 1, '2026-01-02', NULL, NULL),
       (1, 'msg_b', 'job.failed', 8, '{}', 10, NULL, '2026-01-03', 'answered 500 Internal Server Error'),
       (1, 'msg_c', 'job.failed', 9, '{}', 2, NULL, NULL, 'answered 503 Service Unavailable')
"""


@pytest.fixture
def run(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's database."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    runner = CliRunner()
    return lambda *arguments: runner.invoke(commands, arguments)


def said(result: Result) -> str:
    """What a command printed that did what it was asked."""
    assert result.exit_code == 0, result.exception
    return result.output


def ask(dsn: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as conn:
        cursor = conn.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_an_endpoint_is_added_listed_and_removed(run: Run, dsn: str) -> None:
    added = said(run("add", URL, "--project", "spring", "--event", "job.failed"))
    [secret] = re.findall(r"whsec_\S+", added)
    assert added.startswith("webhook 1, ")
    assert len(read_key(secret)) == 32
    assert ask(dsn, "SELECT url, secret, project_id, events FROM reactor.webhooks") == [
        (URL, secret, "spring", ["job.failed"])
    ]

    listed = said(run("list"))
    assert f"1  {URL}  project spring  job.failed  enabled  0 waiting" in listed
    [one] = json.loads(said(run("list", "--json")))
    assert (one["webhook_id"], one["enabled"]) == (1, True)
    assert secret not in listed + json.dumps(one)

    assert "removed" in said(run("remove", "1"))
    assert json.loads(said(run("list", "--json"))) == []


def test_deliveries_are_told_in_words_and_as_json(run: Run, dsn: str) -> None:
    said(run("add", URL))
    ask(dsn, WRITE)

    lines = said(run("deliveries", "1")).splitlines()

    assert [line.split("  ")[:3] for line in lines] == [
        ["msg_c", "job.failed", "job 9"],
        ["msg_b", "job.failed", "job 8"],
        ["msg_a", "job.complete", "job 7"],
    ]
    assert re.search(r"next try .*, 2 tries so far: answered 503 Service Unavailable$", lines[0])
    assert re.search(r"given up 2026-01-0\d .* after 10 tries: answered 500 Internal", lines[1])
    assert re.search(r"delivered 2026-01-0\d .* after 1 try$", lines[2])
    found = json.loads(said(run("deliveries", "1", "--most", "1", "--json")))
    assert [one["message_id"] for one in found] == ["msg_c"]


def test_replay_wakes_whoever_delivers(run: Run, dsn: str) -> None:
    said(run("add", URL))
    ask(dsn, WRITE)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("LISTEN reactor_events")
        assert "2 messages will be sent again" in said(run("replay", "1"))
        [told] = [notice.payload for notice in conn.notifies(timeout=PATIENCE_S, stop_after=1)]
        assert json.loads(told) == {"event": "outbox.filled"}

    pending = "SELECT message_id FROM reactor.outbox WHERE delivered_at IS NULL AND abandoned_at IS NULL ORDER BY 1"
    assert ask(dsn, pending) == [("msg_b",), ("msg_c",)]
    assert "1 message " in said(run("replay", "1", "--message", "msg_a"))
    assert ask(dsn, pending) == [("msg_a",), ("msg_b",), ("msg_c",)]
    assert "0 messages " in said(
        run("replay", "1", "--since", "2020-01-01", "--until", "2020-01-02")
    )


@pytest.mark.parametrize(
    ("arguments", "kind", "problem"),
    [
        (("add", "ftp://example.com"), Invalid, "url: 'ftp' is not accepted"),
        (("add", "http://192.168.0.1/"), Invalid, "REACTOR_EGRESS_ALLOW"),
        (("add", URL, "--event", "job.exploded"), Invalid, "allowed: job.pending, job.processing"),
        (("remove", "7"), Missing, "there is no webhook 7"),
        (("enable", "7"), Missing, "there is no webhook 7"),
        (("deliveries", "7"), Missing, "there is no webhook 7"),
        (("replay", "7"), Missing, "there is no webhook 7"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    run: Run, arguments: tuple[str, ...], kind: type[Exception], problem: str
) -> None:
    result = run(*arguments)

    assert isinstance(result.exception, kind)
    assert problem in str(result.exception)


def test_a_disabled_endpoint_is_enabled_by_hand(run: Run, dsn: str) -> None:
    said(run("add", URL))
    ask(dsn, "UPDATE reactor.webhooks SET enabled = false, disabled_reason = 'answered 410 Gone'")

    assert "disabled (answered 410 Gone)" in said(run("list"))
    assert isinstance(run("replay", "1").exception, Refused)
    assert "enabled" in said(run("enable", "1"))
    assert "0 messages" in said(run("replay", "1"))
