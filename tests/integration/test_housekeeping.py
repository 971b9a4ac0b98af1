"""What has had its time is forgotten, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.loops.housekeeping import Housekeeping
from reactor.observe import Seen
from tests.fix_reactor import seeing

if TYPE_CHECKING:
    from reactor.db.pool import Database
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Table

OLD = """
INSERT INTO reactor.webhooks (url, secret) VALUES ('https://x.example', 'whsec_x');
INSERT INTO reactor.outbox (webhook_id, event, body, delivered_at, abandoned_at)
VALUES (1, 'arrived', '{}', now() - interval '30 days', NULL), (1, 'given up', '{}', NULL, now() - interval '30 days'),
       (1, 'arrived lately', '{}', now(), NULL), (1, 'still waiting', '{}', NULL, NULL);
INSERT INTO reactor.events (event, job_ids, at) VALUES ('old', '{1}', now() - interval '30 days'), ('new', '{1}', now())
"""


PROGRESS = """
INSERT INTO actp_gen_jobs DEFAULT VALUES;
INSERT INTO actp_gen_jobs DEFAULT VALUES;
INSERT INTO actp_gen_jobs DEFAULT VALUES;
UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed', attempt = 2 WHERE id <= 2;
UPDATE actp_gen_jobs SET status = 'cancelled' WHERE id = 3;
INSERT INTO reactor.progress (job_id, attempt, fraction) VALUES (1, 2, 0.5), (2, 1, 0.5), (3, 1, 0.5), (4, 1, 0.5)
"""


async def test_old_events_messages_and_files_go(
    settings: Settings, database: Database, observer: Observer, table: Table
) -> None:
    for statement in OLD.split(";"):
        await table.rows(statement)
    keeping = Housekeeping(settings, database, observer, lambda: 3)

    async with seeing(observer, Seen.TIDIED, events=1, messages=2, files=3):
        await keeping.tidy()

    kept = await table.rows("SELECT event FROM reactor.outbox ORDER BY outbox_id")
    assert kept == [("arrived lately",), ("still waiting",)]
    assert await table.rows("SELECT event FROM reactor.events") == [("new",)]


async def test_only_what_is_being_rendered_has_progress(
    settings: Settings, database: Database, observer: Observer, table: Table
) -> None:
    """Not an attempt before, nor a job that has ended or been deleted: their last word may have come late."""
    for statement in PROGRESS.split(";"):
        await table.rows(statement)

    await Housekeeping(settings, database, observer, lambda: 0).tidy()

    assert await table.rows("SELECT job_id, attempt FROM reactor.progress") == [(1, 2)]
