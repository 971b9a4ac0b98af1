"""What a completion must not suffer from: a long queue, ids that begin anew, endless words, another time zone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg

from tests.publish.conftest import COMPLETE, MADE

if TYPE_CHECKING:
    from tests.fix_reactor import Table
    from tests.publish.conftest import Queue

PUBLISHED = 20_000
LONG = f"""
INSERT INTO reactor.mplite_queue (job_id, platform, payload, status, archived_at)
SELECT 1000000 + n, 'youtube', '{{}}', 'published', now() FROM generate_series(1, {PUBLISHED}) AS n
"""
SCANS = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'mplite_queue'"


async def scans(conn: psycopg.AsyncConnection[Any], statement: str, values: dict[str, Any]) -> int:
    """How often the whole queue is read for this."""
    await conn.execute(statement.encode(), values)
    cursor = await conn.execute(SCANS)
    [(found,)] = await cursor.fetchall()
    await conn.commit()
    return int(found)


async def test_a_long_queue_is_not_read_whatever_becomes_of_one_video(
    queue: Queue, table: Table, dsn: str
) -> None:
    await table.rows(
        "INSERT INTO reactor.webhooks (url, secret, events)"
        " VALUES ('http://127.0.0.1:1/', 'x', '{job.complete,publish.ready,publish.failed}')"
    )
    async with await psycopg.AsyncConnection.connect(dsn) as conn:
        await conn.execute("SET session_replication_role = replica")
        await conn.execute(LONG.encode())
        await conn.execute("RESET session_replication_role")
        await conn.execute("ANALYZE reactor.mplite_queue")
        await conn.commit()
        for mode in ("force_custom_plan", "force_generic_plan"):
            await conn.execute(f"SET plan_cache_mode = {mode}".encode())
            job = {"id": await queue.rendered()}
            assert await scans(conn, COMPLETE, {**job, **MADE}) == 0
            for status in ("failed", "ready", "published"):
                move = f"UPDATE reactor.mplite_queue SET status = '{status}' WHERE job_id = %(id)s"
                assert await scans(conn, move, job) == 0

    assert await queue.alerts() == []
    told = await table.rows(
        "SELECT event, body::jsonb #>> '{data,publish_status}' FROM reactor.outbox"
    )
    assert set(told) == {
        ("job.complete", None),
        ("publish.ready", "ready"),
        ("publish.failed", "failed"),
    }


async def test_where_ids_begin_anew_the_new_video_is_handed_over(
    queue: Queue, table: Table
) -> None:
    first = await queue.complete(platform="youtube")
    await table.rows("UPDATE reactor.mplite_queue SET status = 'published'")
    await table.rows("TRUNCATE actp_gen_jobs RESTART IDENTITY")

    again = await queue.complete({"output_path": "/elsewhere/b.mp4"}, platform="x")

    assert again == first
    payload, platform, status = await queue.get(again, "payload", "platform", "status")
    assert (payload["file"], platform, status) == ("/elsewhere/b.mp4", "x", "ready")


async def test_what_was_handed_over_of_the_same_job_stays(queue: Queue, table: Table) -> None:
    job = await queue.rendered()
    await table.rows(
        "INSERT INTO reactor.mplite_queue (job_id, platform, payload) VALUES (%(job)s, 'mine', '{}')",
        job=job,
    )

    await table.rows(COMPLETE, id=job, **MADE)

    assert await queue.get(job, "platform") == "mine"


async def test_endless_hashtags_are_read_to_a_point(queue: Queue, table: Table) -> None:
    words = " ".join(f"tag{n}" for n in range(900))

    [(found,)] = await table.rows(
        "SELECT cardinality(reactor.hashtags(%(said)s::jsonb))", said=json.dumps([words] * 200)
    )
    job = await queue.complete(params={"hashtags": [words] * 200})

    assert found == 1000
    assert (await queue.get(job, "payload"))["hashtags"][:2] == ["tag0", "tag1"]


async def test_a_description_names_the_day_it_is_where_the_farm_is(
    queue: Queue, table: Table
) -> None:
    await table.rows("UPDATE reactor.control SET time_zone = 'Pacific/Kiritimati'")
    await table.rows(
        'UPDATE reactor.templates SET defaults = defaults || \'{"description": "Of {date}"}\''
    )

    job = await queue.complete(created_at="2026-01-31 20:00:00+00")

    assert (await queue.get(job, "payload"))["description"] == "Of 2026-02-01"
