"""A catalogue that is drawn on the easel, and words for what is made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.noon import noon_zone

if TYPE_CHECKING:
    from tests.fix_reactor import Table

EMPTY = "DELETE FROM reactor.templates; DELETE FROM reactor.niches; DELETE FROM reactor.platforms"
EASEL = """
UPDATE reactor.templates SET defaults = defaults || '{"renderer": "easel", "format": "thumbnail", "quality": "720p"}'
"""


class Farm:
    """The catalogue and the jobs, as a person at psql sees them."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def catalog(
        self, niches: dict[str, float], platforms: dict[str, int], *templates: str
    ) -> None:
        """Niches with their performance, platforms with their daily target, templates; and nothing else."""
        for statement in EMPTY.split(";"):
            await self.table.rows(statement)
        for niche, performance in niches.items():
            await self.table.rows(
                "INSERT INTO reactor.niches (niche, performance) VALUES (%(niche)s, %(performance)s)",
                niche=niche,
                performance=performance,
            )
        for platform, target in platforms.items():
            await self.table.rows(
                "INSERT INTO reactor.platforms (platform, daily_least, daily_target)"
                " VALUES (%(platform)s, 0, %(target)s)",
                platform=platform,
                target=target,
            )
        for template in templates:
            await self.table.rows(
                "INSERT INTO reactor.templates (template_id) VALUES (%(template)s)",
                template=template,
            )

    async def fill(self, target: int) -> str:
        """As psql users do."""
        return str((await self.table.rows("SELECT reactor.fill(%(target)s)", target=target))[0][0])

    async def made(self, *columns: str) -> list[Any]:
        """These columns of all jobs, in the order in which they were made."""
        rows = await self.table.rows(f"SELECT {', '.join(columns)} FROM actp_gen_jobs ORDER BY id")
        return [row[0] if len(columns) == 1 else row for row in rows]

    async def finish(self, condition: str = "true") -> None:
        """Pending jobs are complete now, without any renderer."""
        await self.table.rows(
            "UPDATE actp_gen_jobs SET status = 'processing', stage = 'claimed'"
            f" WHERE status = 'pending' AND {condition}"
        )
        await self.table.rows(
            "UPDATE actp_gen_jobs SET status = 'complete', stage = NULL, completed_at = clock_timestamp()"
            " WHERE status = 'processing'"
        )


@pytest.fixture
async def farm(table: Table) -> Farm:
    """The starting set, until a test says otherwise; its day does not end meanwhile."""
    await table.rows("UPDATE reactor.control SET time_zone = %(zone)s", zone=noon_zone())
    return Farm(table)


@pytest.fixture
async def on_easel(farm: Farm) -> Farm:
    """The starting set, drawn as stills on the test's own renderer."""
    await farm.table.rows(EASEL)
    return farm
