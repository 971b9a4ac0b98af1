"""The real application on a real database, around a reactor whose loops stand still."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from psycopg_pool import AsyncConnectionPool

from reactor.api import health, readings
from reactor.db.pool import Database
from reactor.renderers.answers import Health
from tests.fix_api import client_of
from tests.fix_reactor import PATIENCE_S
from tests.volume.conftest import history, midday

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from reactor.context import Context
    from tests.fix_reactor import Table

__all__ = ["history", "midday"]

HEALTHY = Health(
    name="embedded",
    version="1.2.3",
    capacity=2,
    busy=1,
    templates=("title-card",),
    formats=("full_16_9",),
    containers=("mp4",),
    pid=77,
)
CLAIM = """
UPDATE actp_gen_jobs
   SET status = 'processing', stage = 'claimed', progress = 10, attempt = attempt + 1,
       claimed_by = gen_random_uuid(), claim_token = gen_random_uuid(),
       lease_expires_at = now() + interval '1 hour'
 WHERE id = %(id)s
"""
BEGIN = """
UPDATE actp_gen_jobs SET stage = 'rendering', render_started_at = clock_timestamp() - interval '5 s'
 WHERE id = %(id)s
"""
RENDERED = "UPDATE actp_gen_jobs SET stage = 'rendered', progress = 90 WHERE id = %(id)s"
COMPLETE = """
UPDATE actp_gen_jobs
   SET status = 'complete', stage = NULL, progress = 100, completed_at = clock_timestamp(),
       output_path = %(output)s, thumbnail_path = %(thumbnail)s, claim_token = NULL, lease_expires_at = NULL
 WHERE id = %(id)s
"""
FAIL = """
UPDATE actp_gen_jobs
   SET status = 'failed', stage = NULL, completed_at = clock_timestamp(), error_class = 'input',
       error_message = %(message)s, claim_token = NULL, lease_expires_at = NULL
 WHERE id = %(id)s
"""
PROGRESS = """
INSERT INTO reactor.progress (job_id, attempt, fraction, rendered_frames, total_frames, eta_s)
VALUES (%(id)s, 1, %(fraction)s, 1, 2, %(eta_s)s)
"""


class Farm:
    """Jobs in every state, brought there by the moves the database allows."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def pending(self, *, title: str = "A title", **columns: Any) -> int:
        """A job that waits."""
        row = {
            "niche": "science",
            "platform": "youtube",
            "template_id": "title-card",
            "renderer": "server",
            "format": "full_16_9",
            "params": json.dumps({"title": title}),
            **columns,
        }
        return await self.table.insert(**row)

    async def rendering(self, *, fraction: float = 0.5, eta_s: float = 3.0, **columns: Any) -> int:
        """A job that is being drawn."""
        job_id = await self.pending(**columns)
        await self.table.rows(CLAIM, id=job_id)
        await self.table.rows(BEGIN, id=job_id)
        await self.table.rows(PROGRESS, id=job_id, fraction=fraction, eta_s=eta_s)
        return job_id

    async def complete(
        self, output: Path | str | None = None, thumbnail: Path | str | None = None, **columns: Any
    ) -> int:
        """A job that has ended with these files."""
        job_id = await self.rendering(**columns)
        await self.table.rows(RENDERED, id=job_id)
        files = {"output": output and str(output), "thumbnail": thumbnail and str(thumbnail)}
        await self.table.rows(COMPLETE, id=job_id, **files)
        return job_id

    async def failed(self, message: str, **columns: Any) -> int:
        """A job that has failed for good."""
        job_id = await self.rendering(**columns)
        await self.table.rows(FAIL, id=job_id, message=message)
        return job_id


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for seconds makes no 503; tests of these limits set their own."""
    monkeypatch.setattr(readings, "LIMIT_S", PATIENCE_S)
    monkeypatch.setattr(health, "LAG_LIMIT_S", PATIENCE_S)
    monkeypatch.setattr(health, "CHECK_LIMIT_S", PATIENCE_S)


@pytest.fixture
def farm(table: Table) -> Farm:
    """Puts jobs into states."""
    return Farm(table)


@pytest.fixture
def context(context: Context) -> Context:
    """The same reactor, believing that all is well."""
    context.listener.healthy = True
    context.supervisor.server.health = HEALTHY
    return context


@pytest.fixture
def ask() -> Callable[[Context], httpx.AsyncClient]:
    """A client of the application around a context."""
    return client_of


@pytest.fixture
def away(context: Context) -> Context:
    """The same reactor, when nobody listens where the database should be."""
    return with_database(context, "postgresql://u:canary@127.0.0.1:1/farm")


@pytest.fixture
def silent(context: Context) -> Iterator[Context]:
    """The same reactor, when the database accepts connections but says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        yield with_database(context, f"postgresql://u:canary@127.0.0.1:{port}/farm")


def with_database(context: Context, dsn: str) -> Context:
    """The context with another database, whose pool was never opened."""
    return replace(context, database=Database(dsn, AsyncConnectionPool(dsn, open=False)))
