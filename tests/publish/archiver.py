"""A process that archives what is published, for tests that kill it: `main(DSN, DATA)`."""

from __future__ import annotations

from uuid import uuid4

from reactor.archive import archive_published
from reactor.daemon import wired
from reactor.db.pool import open_database
from reactor.observe import Observer, open_log
from reactor.settings import load


async def main(dsn: str, data: str) -> None:
    """Look once."""
    settings = load(data=data, database_url=dsn, renderer="none", renderer_url="http://127.0.0.1:1")
    async with (
        open_database(dsn, name="archiver") as database,
        wired(settings, database, Observer(open_log("json")), uuid4(), {}) as parts,
    ):
        await archive_published(parts.context)
