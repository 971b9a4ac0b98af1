"""What a raw LISTEN connection hears: one message per statement and status, and never a long one."""

from __future__ import annotations

import json
import re
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, get_args
from uuid import uuid4

import anyio
import psycopg
import pytest

from reactor import events
from reactor.db import attempts
from reactor.db.statements import sql_dir
from reactor.events import EVENTS, Notice, parse
from reactor.models import JobId
from reactor.routes import ROUTES
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import Notify

    from tests.fix_reactor import Table
    from tests.integration.conftest import Worker

MANY = "INSERT INTO actp_gen_jobs (id) SELECT %(start)s + n FROM generate_series(1, %(n)s) AS n"


class Ears:
    """A plain session that listens."""

    def __init__(self, conn: psycopg.AsyncConnection[Any]) -> None:
        self.conn = conn

    async def notes(self) -> list[Notify]:
        """Everything announced since the last call: a word of our own comes after it."""
        end = uuid4().hex
        await self.conn.execute("SELECT pg_notify('end_of_test', %s)", (end,))
        heard: list[Notify] = []
        with anyio.fail_after(PATIENCE_S):
            async with aclosing(self.conn.notifies()) as notes:
                async for note in notes:
                    if note.payload == end:
                        return heard
                    heard.append(note)
        raise AssertionError("the connection has ended")

    async def heard(self) -> list[dict[str, Any]]:
        """The same, as JSON."""
        return [json.loads(note.payload) for note in await self.notes()]


@asynccontextmanager
async def listening(dsn: str, *channels: str) -> AsyncIterator[Ears]:
    """Ears that are open before anything happens."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        for channel in (*channels, "end_of_test"):
            await conn.execute(f"LISTEN {channel}".encode())
        yield Ears(conn)


@pytest.fixture
async def ears(dsn: str) -> AsyncIterator[Ears]:
    """Ears for the events of jobs."""
    async with listening(dsn, EVENTS) as opened:
        yield opened


async def test_a_new_job_is_announced(ears: Ears, table: Table) -> None:
    job = await table.insert()

    assert await ears.heard() == [{"event": "job.pending", "ids": [job]}]


@pytest.mark.parametrize(
    "columns", [{"run_after": "infinity"}, {"approved": False}, {"status": "complete"}]
)
async def test_a_job_that_is_not_due_is_not_announced(
    ears: Ears, table: Table, columns: dict[str, Any]
) -> None:
    await table.insert(**columns)

    assert await ears.heard() == []


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({"run_after": "infinity"}, "run_after = now()"),
        ({"approved": False}, "approved = true"),
        ({"renderer": "gone"}, "renderer = 'easel'"),
        ({"status": "failed"}, "status = 'pending'"),
    ],
)
async def test_a_job_that_becomes_due_is_announced(
    ears: Ears, table: Table, before: dict[str, Any], change: str
) -> None:
    job = await table.insert(**before)
    await ears.heard()

    await table.rows(f"UPDATE actp_gen_jobs SET {change}")

    assert await ears.heard() == [{"event": "job.pending", "ids": [job]}]


async def test_a_whole_life_is_heard(ears: Ears, table: Table, worker: Worker) -> None:
    first = await worker.bring("publishing")
    await table.rows("UPDATE actp_gen_jobs SET status = 'complete', stage = NULL")
    second = await worker.bring("claimed")
    await table.rows(
        "UPDATE actp_gen_jobs SET status = 'failed', stage = NULL WHERE id = %(id)s", id=second
    )
    third = await table.insert()
    await table.rows("SELECT reactor.cancel(%(id)s)", id=third)

    assert [(note["event"], note["ids"][0]) for note in await ears.heard()] == [
        ("job.pending", first),
        ("job.processing", first),
        ("job.rendered", first),
        ("job.complete", first),
        ("job.pending", second),
        ("job.processing", second),
        ("job.failed", second),
        ("job.pending", third),
        ("job.cancelled", third),
    ]


@pytest.mark.parametrize(
    "quiet",
    [
        "UPDATE actp_gen_jobs SET progress = 50, progress_message = 'half'",
        "UPDATE actp_gen_jobs SET lease_expires_at = now()",
        "UPDATE actp_gen_jobs SET status = status, stage = stage",
        "UPDATE actp_gen_jobs SET status = 'cancelled' WHERE false",
        "UPDATE actp_gen_jobs SET stage = 'rendering'",
        "INSERT INTO actp_gen_jobs (niche) SELECT 'n' WHERE false",
        "DELETE FROM actp_gen_jobs",
        "INSERT INTO actp_gen_jobs (id) SELECT id FROM actp_gen_jobs ON CONFLICT (id) DO NOTHING",
    ],
)
async def test_what_changes_no_status_is_quiet(ears: Ears, worker: Worker, quiet: str) -> None:
    await worker.bring("claimed")
    await ears.heard()

    await worker.table.rows(quiet)

    assert await ears.heard() == []


async def test_what_is_rolled_back_was_never_said(ears: Ears, dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        await conn.execute("INSERT INTO actp_gen_jobs (niche) VALUES ('n')")
        await conn.rollback()

    assert await ears.heard() == []


async def test_one_statement_is_one_message_per_status(ears: Ears, table: Table) -> None:
    for status in ("pending", "pending", "failed", "complete"):
        await table.insert(status=status, run_after="infinity")

    await table.rows(
        "UPDATE actp_gen_jobs SET run_after = now(),"
        " status = CASE id WHEN 1 THEN 'cancelled' WHEN 4 THEN status ELSE 'pending' END"
    )

    assert sorted(await ears.heard(), key=str) == [
        {"event": "job.cancelled", "ids": [1]},
        {"event": "job.pending", "ids": [2, 3]},
    ]


async def test_a_thousand_jobs_are_named_in_messages_that_fit(ears: Ears, table: Table) -> None:
    """With ids of 19 digits; and each is one of our events again."""
    start = 9_000_000_000_000_000_000
    await table.rows(MANY, start=start, n=1000)

    notes = await ears.notes()

    assert all(len(note.payload.encode()) < 8000 for note in notes)
    parsed = [parse(note.channel, note.payload, note.pid) for note in notes]
    named = [job for event in parsed if isinstance(event, events.JobPending) for job in event.ids]
    assert sorted(named) == list(range(start + 1, start + 1001))
    assert len(notes) == 3


async def test_a_hundred_thousand_jobs_are_one_count(ears: Ears, dsn: str) -> None:
    # In a session without our time limits, which a slow machine would exceed.
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute(MANY.encode(), {"start": 0, "n": 100_000})

    assert await ears.heard() == [{"event": "job.pending", "count": 100_000}]


@pytest.mark.parametrize(("n", "messages"), [(350, 1), (351, 2), (2800, 8), (2801, 1)])
async def test_chunks_end_where_they_should(
    ears: Ears, table: Table, n: int, messages: int
) -> None:
    await table.rows(MANY, start=0, n=n)

    assert len(await ears.heard()) == messages


async def test_copied_rows_are_announced_once(ears: Ears, dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        copying = conn.cursor().copy("COPY actp_gen_jobs (niche) FROM STDIN")
        async with copying as copy:
            for _ in range(5):
                await copy.write_row(("n",))

    assert await ears.heard() == [{"event": "job.pending", "ids": [1, 2, 3, 4, 5]}]


async def test_a_failed_job_is_told_in_the_transaction_that_failed_it(
    ears: Ears, worker: Worker
) -> None:
    job = await worker.bring("claimed")
    await ears.heard()

    async with worker.database.transaction() as conn:
        await conn.execute("UPDATE actp_gen_jobs SET status = 'failed', stage = NULL")
        before_commit = await ears.heard()

    assert before_commit == []
    assert await ears.heard() == [{"event": "job.failed", "ids": [job]}]


async def test_progress_of_many_is_one_message(ears: Ears, worker: Worker) -> None:
    running = [await worker.bring("rendering") for _ in range(3)]
    await ears.heard()

    async with worker.database.connection() as conn:
        await attempts.save_progress(conn, [(JobId(job), 1, 0.5, 1, 2, 1.0) for job in running])

    assert await ears.heard() == [{"event": "job.progress", "ids": running}]


async def test_pausing_twice_is_told_once(ears: Ears, table: Table) -> None:
    for verb in ("pause", "pause", "resume", "resume"):
        await table.rows(f"SELECT reactor.{verb}()")
    await table.rows("UPDATE reactor.control SET paused = paused")

    assert await ears.heard() == [{"event": "farm.paused"}, {"event": "farm.resumed"}]


async def test_a_flush_wakes_the_farm_and_names_what_became_due(ears: Ears, table: Table) -> None:
    job = await table.insert(run_after="infinity")

    await table.rows("SELECT reactor.flush()")

    assert await ears.heard() == [{"event": "job.pending", "ids": [job]}, {"event": "farm.flushed"}]


async def test_an_alert_is_told_when_it_opens_and_when_it_is_over(dsn: str, table: Table) -> None:
    async with listening(dsn, "reactor_alerts") as alerts:
        await table.rows(
            "INSERT INTO reactor.alerts (kind, subject, message)"
            " VALUES ('k', repeat('ü', 5000), repeat('☃', 9000))"
        )
        await table.rows("UPDATE reactor.alerts SET resolved_at = now()")
        await table.rows("UPDATE reactor.alerts SET resolved_at = resolved_at, message = ''")
        heard = await alerts.heard()

    assert [(alert["kind"], alert["resolved"]) for alert in heard] == [("k", False), ("k", True)]


def test_what_sql_announces_is_what_events_and_routes_know() -> None:
    text = "".join(path.read_text("utf-8") for path in sql_dir().rglob("*.sql"))
    statuses = ("pending", "processing", "complete", "failed", "cancelled")
    said = set(re.findall(r"'((?:job|farm|publish)\.\w+)'", text)) | set(
        re.findall(r'"event":"([\w.]+)"', text)
    )
    said |= {f"job.{status}" for status in statuses if "'job.' || n.status" in text}
    known = {get_args(kind.model_fields["event"].annotation)[0]: kind for kind in get_args(Notice)}

    assert said == set(known)
    assert set(known.values()) <= set(ROUTES)
    assert set(get_args(events.Event)) - set(get_args(Notice)) <= set(ROUTES)
    assert set(ROUTES) == set(get_args(events.Event))
