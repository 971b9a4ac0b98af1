"""Videos are published: their files go to the archive, and the jobs' paths follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reactor.archive import archive_published
from reactor.db.publish_queue import take_back_publications
from reactor.events import Swept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context


async def archive(events: Sequence[Any], context: Context) -> None:
    """Move what the publish queue says is published and not yet in the archive.

    The sweep also takes back what publishers did not come back with.
    """
    if any(isinstance(event, Swept) for event in events):
        async with context.database.connection() as conn:
            await take_back_publications(conn)
    await archive_published(context)
