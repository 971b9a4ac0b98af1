"""The real application on a real database, and jobs brought to where a test wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from reactor.db.agents import register_agent
from tests.integration.conftest import Worker

if TYPE_CHECKING:
    from reactor.db.pool import Database
    from tests.fix_reactor import Table

MEANS = """
INSERT INTO reactor.render_times (renderer, template_id, format, quality, renders, mean_s)
VALUES (%(renderer)s, %(template_id)s, 'thumbnail', '720p', 4, %(mean_s)s)
"""


class Farm:
    """Who works here, as the database knows it, and how long things take."""

    def __init__(self, database: Database, table: Table) -> None:
        self.database = database
        self.table = table

    async def join(self, kind: str = "reactor", **capabilities: Any) -> None:
        """Somebody says that it is here."""
        async with self.database.connection() as conn:
            await register_agent(
                conn,
                uuid4(),
                name=f"a {kind}",
                kind=kind,
                status="running",
                pid=1,
                host="here",
                version="1",
                url="http://127.0.0.1:1",
                capabilities=capabilities,
            )

    async def takes(self, mean_s: float, template_id: str = "still") -> None:
        """Past renders on the easel took so long."""
        await self.table.rows(MEANS, renderer="easel", template_id=template_id, mean_s=mean_s)

    async def rendering(self, *, seconds: float, eta_s: float | None = None, **columns: Any) -> int:
        """A job that has been rendering for so long."""
        job = await self.table.insert(**columns)
        await self.table.rows(
            "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed', attempt = 1,"
            " claimed_by = gen_random_uuid(), claim_token = gen_random_uuid(),"
            " lease_expires_at = now() + interval '1 hour' WHERE id = %(id)s",
            id=job,
        )
        await self.table.rows(
            "UPDATE actp_gen_jobs SET stage = 'rendering',"
            " render_started_at = now() - make_interval(secs => %(s)s) WHERE id = %(id)s",
            id=job,
            s=seconds,
        )
        if eta_s is not None:
            await self.table.rows(
                "INSERT INTO reactor.progress (job_id, attempt, fraction, eta_s) VALUES (%(id)s, 1, 0.5, %(eta)s)",
                id=job,
                eta=eta_s,
            )
        return job


@pytest.fixture
def farm(database: Database, table: Table) -> Farm:
    """Lets reactors join and renders have taken their time."""
    return Farm(database, table)


@pytest.fixture
def worker(database: Database, table: Table) -> Worker:
    """A reactor reduced to its statements."""
    return Worker(database, table)
