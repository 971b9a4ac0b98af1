"""Videos that are complete, and publishers' words about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_reactor import Table

COMPLETE = """
UPDATE actp_gen_jobs
   SET status = 'complete', stage = NULL, completed_at = clock_timestamp(), output_path = %(output_path)s,
       thumbnail_path = %(thumbnail_path)s, duration_s = %(duration_s)s::float8, width = %(width)s::integer,
       height = %(height)s::integer, file_size_bytes = %(file_size_bytes)s::bigint, sha256 = %(sha256)s
 WHERE id = %(id)s
"""
MADE = {
    "output_path": "/elsewhere/a.mp4",
    "thumbnail_path": None,
    "duration_s": 10.0,
    "width": 1920,
    "height": 1080,
    "file_size_bytes": 1000,
    "sha256": None,
}


class Queue:
    """The publish queue as a test looks at it."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def rendered(self, **columns: Any) -> int:
        """A job whose video is about to be complete."""
        row = {
            "niche": "solopreneur",
            "platform": "youtube",
            "template_id": "title-card",
            **columns,
        }
        if isinstance(row.get("params"), dict):
            row["params"] = json.dumps(row["params"])
        job = await self.table.insert(**row)
        await self.table.rows(
            "UPDATE actp_gen_jobs SET status = 'processing', stage = 'rendered' WHERE id = %(id)s",
            id=job,
        )
        return job

    async def complete(self, made: dict[str, Any] | None = None, **columns: Any) -> int:
        """A complete job; `made` is what its video is."""
        job = await self.rendered(**columns)
        await self.table.rows(COMPLETE, id=job, **{**MADE, **(made or {})})
        return job

    async def video(self, path: Path, content: bytes = b"video", **columns: Any) -> int:
        """A complete job with files of its own."""
        path.write_bytes(content)
        thumbnail = path.with_name(f"{path.name}.thumb.jpg")
        thumbnail.write_bytes(b"picture")
        made = {"output_path": str(path), "thumbnail_path": str(thumbnail)}
        return await self.complete({**made, "file_size_bytes": len(content)}, **columns)

    async def get(self, job: int, *columns: str) -> Any:
        """Columns of a job's row in the queue; None when it has none."""
        found = await self.table.rows(
            f"SELECT {', '.join(columns)} FROM reactor.mplite_queue WHERE job_id = %(job)s", job=job
        )
        if not found:
            return None
        return found[0][0] if len(columns) == 1 else found[0]

    async def take(self, publisher: str = "p", **named: Any) -> list[tuple[int, Any]]:
        """Publications and their tokens."""
        given = "".join(f", {name} => %({name})s" for name in named)
        statement = f"SELECT publish_id, token FROM reactor.take_publications(%(publisher)s{given})"
        return [
            (row[0], row[1])
            for row in await self.table.rows(statement, publisher=publisher, **named)
        ]

    async def say(self, call: str, **named: Any) -> tuple[str, str]:
        """The verdict and the sentence of one of the functions."""
        [(verdict, outcome)] = await self.table.rows(
            f"SELECT verdict, outcome FROM reactor.{call}", **named
        )
        return verdict, outcome

    async def events(self) -> list[tuple[str, list[int]]]:
        """What was announced of publishing."""
        found = await self.table.rows(
            "SELECT event, job_ids FROM reactor.events WHERE event LIKE 'publish%%' ORDER BY id"
        )
        return [(row[0], row[1]) for row in found]

    async def alerts(self) -> list[tuple[str, str]]:
        """The open alerts about publishing."""
        found = await self.table.rows(
            "SELECT kind, subject FROM reactor.alerts WHERE kind LIKE 'publish%%' AND resolved_at IS NULL ORDER BY id"
        )
        return [(row[0], row[1]) for row in found]


async def until_offered(table: Table, job: int) -> None:
    """Wait until equal jobs may take the video over; who was quick to see the file completes the job before."""
    await table.until(
        "cache_key NOT LIKE 'drawing %%' FROM actp_gen_jobs WHERE id = %(job)s", job=job
    )


@pytest.fixture
def queue(table: Table) -> Queue:
    """The publish queue."""
    return Queue(table)
