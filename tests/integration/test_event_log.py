"""What is announced is also written down: in the log, and for each webhook in the outbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.db.events import Cursor, find_end, prune_events, read_events
from reactor.db.pool import connect
from tests.fix_reactor import LOOK_S, PATIENCE_S

if TYPE_CHECKING:
    from reactor.db.pool import Database
    from tests.fix_reactor import Table
    from tests.integration.conftest import Worker

BEGINNING = Cursor("0", 0)


async def logged(database: Database, after: Cursor = BEGINNING) -> list[tuple[str, list[int]]]:
    """Event and jobs of everything after a place, when everything until now can be read."""
    await settle(database)
    return await readable(database, after)


async def settle(database: Database) -> None:
    """Wait for whoever writes on this server: autovacuum, in whichever database, holds up the log as well."""
    async with database.connection() as conn:
        cursor = await conn.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        until_now = await cursor.fetchone()
    ended = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= %s::xid8"
    with anyio.fail_after(PATIENCE_S):
        while True:
            async with database.connection() as conn:
                if await (await conn.execute(ended, until_now)).fetchone() == (True,):
                    return
            await anyio.sleep(LOOK_S)


async def readable(database: Database, after: Cursor = BEGINNING) -> list[tuple[str, list[int]]]:
    """The same, as far as it can be read now."""
    async with database.connection() as conn:
        return [(row.event, row.job_ids) for row in await read_events(conn, after, most=1000)]


async def test_a_jobs_life_is_in_the_log_in_its_order(
    table: Table, worker: Worker, database: Database
) -> None:
    job = await worker.bring("publishing")
    await table.rows("UPDATE actp_gen_jobs SET status = 'complete', stage = NULL")

    names = ["job.pending", "job.processing", "job.rendered", "job.complete"]
    assert await logged(database) == [(name, [job]) for name in names]


async def test_many_rows_are_a_row_for_a_thousand(table: Table, database: Database) -> None:
    await table.rows("INSERT INTO actp_gen_jobs (niche) SELECT 'n' FROM generate_series(1, 2500)")

    found = await logged(database)

    assert [len(ids) for _, ids in found] == [1000, 1000, 500]
    assert [job for _, ids in found for job in ids] == list(range(1, 2501))


async def test_what_commits_late_is_read_in_its_place_and_not_missed(
    dsn: str, table: Table, database: Database
) -> None:
    """Its row was numbered first; a reader that went by ids would have gone past it."""
    async with await connect(dsn, name="slow") as slow, slow.transaction():
        await slow.execute("INSERT INTO actp_gen_jobs (niche) VALUES ('slow')")
        await table.insert()
        assert await readable(database) == []
        end = await place_of_end(database)

    found = await logged(database, end)
    assert [event for event, _ in found] == ["job.pending", "job.pending"]


async def place_of_end(database: Database) -> Cursor:
    """Where only what is yet to come is read from."""
    async with database.connection() as conn:
        return await find_end(conn)


async def test_from_the_end_only_what_comes_is_read(table: Table, database: Database) -> None:
    await table.insert()
    await settle(database)
    end = await place_of_end(database)
    second = await table.insert()

    assert await logged(database, end) == [("job.pending", [second])]


async def test_progress_is_not_in_the_log(table: Table, database: Database) -> None:
    await table.rows("SELECT reactor.tell('job.progress', '{1}')")

    assert await logged(database) == []


async def test_a_rolled_back_change_was_never_logged(dsn: str, database: Database) -> None:
    async with await connect(dsn, name="undecided") as conn:
        with pytest.raises(ZeroDivisionError):
            async with conn.transaction():
                await conn.execute("INSERT INTO actp_gen_jobs (niche) VALUES ('n')")
                raise ZeroDivisionError

    assert await logged(database) == []


async def test_old_rows_are_forgotten(table: Table, database: Database) -> None:
    await table.insert()
    await table.rows("UPDATE reactor.events SET at = now() - interval '3 days'")
    kept = await table.insert()

    async with database.connection() as conn:
        assert await prune_events(conn, keep_days=2) == 1

    assert await logged(database) == [("job.pending", [kept])]


WEBHOOK = """
INSERT INTO reactor.webhooks (url, secret, project_id, events, enabled)
VALUES ('https://x.example', 'whsec_x', %(project)s, %(events)s, %(enabled)s) RETURNING webhook_id
"""


async def webhook(
    table: Table,
    *events: str,
    project: str | None = None,
    enabled: bool = True,
) -> int:
    """Somebody who wants to be told."""
    rows = await table.rows(WEBHOOK, project=project, events=list(events), enabled=enabled)
    number: int = rows[0][0]
    return number


async def outbox(table: Table) -> list[tuple[Any, ...]]:
    """Who is to be told of what."""
    return await table.rows(
        "SELECT webhook_id, event, job_id FROM reactor.outbox ORDER BY outbox_id"
    )


async def test_each_webhook_gets_the_events_of_its_project(table: Table) -> None:
    every = await webhook(table, "job.cancelled", "job.failed")
    ours = await webhook(table, "job.cancelled", project="p")
    await webhook(table, "job.complete")
    await webhook(table, "job.cancelled", enabled=False)
    mine, other = await table.insert(project_id="p"), await table.insert()

    await table.rows("UPDATE actp_gen_jobs SET status = 'cancelled'")

    assert await outbox(table) == [
        (every, "job.cancelled", mine),
        (ours, "job.cancelled", mine),
        (every, "job.cancelled", other),
    ]


async def test_a_message_says_what_happened_in_json(table: Table) -> None:
    await webhook(table, "job.cancelled")
    job = await table.insert(project_id="p", metadata=json.dumps({"order": "ü\n"}))

    await table.rows("SELECT reactor.cancel(%(job)s, 'why \"not\"')", job=job)

    (row,) = await table.rows("SELECT body, message_id, delivered_at FROM reactor.outbox")
    said = json.loads(row[0])
    assert said["type"] == "job.cancelled"
    assert said["timestamp"].endswith("Z")
    assert {name: said["data"][name] for name in ("id", "status", "project_id", "metadata")} == {
        "id": job,
        "status": "cancelled",
        "project_id": "p",
        "metadata": {"order": "ü\n"},
    }
    assert said["data"]["error_message"] == 'why "not"'
    assert row[1].startswith("msg_")
    assert row[2] is None


async def test_a_message_stays_small(table: Table) -> None:
    await webhook(table, "job.cancelled")
    job = await table.insert(metadata=json.dumps({"a": "x" * 50_000}))

    await table.rows("SELECT reactor.cancel(%(job)s, %(reason)s)", job=job, reason="y" * 50_000)

    (row,) = await table.rows("SELECT body FROM reactor.outbox")
    assert len(row[0]) < 20_000
    assert json.loads(row[0])["data"]["metadata"] is None


async def test_a_rolled_back_change_tells_nobody(dsn: str, table: Table) -> None:
    await webhook(table, "job.cancelled")
    job = await table.insert()
    async with await connect(dsn, name="undecided") as conn:
        with pytest.raises(ZeroDivisionError):
            async with conn.transaction():
                await conn.execute("SELECT reactor.cancel(%s)", (job,))
                raise ZeroDivisionError

    assert await outbox(table) == []


async def test_without_webhooks_nothing_is_written(table: Table) -> None:
    await table.insert()
    await table.rows("UPDATE actp_gen_jobs SET status = 'cancelled'")

    assert await outbox(table) == []
