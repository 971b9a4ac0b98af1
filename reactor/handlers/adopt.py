"""A finished file was seen: it ends its job's rendering, whoever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from reactor.db import attempts
from reactor.observe import Seen

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.events import OutputSeen


async def adopt(event: OutputSeen, context: Context) -> None:
    """Mark the job rendered if this is its file; the table decides."""
    entry = context.inflight.get(event.job_id)
    async with context.database.connection() as conn:
        if entry and event.attempt == entry.attempt:
            frames = entry.progress.total_frames if entry.progress else None
            taken = await attempts.mark_rendered(
                conn, event.job_id, entry.token, output_path=str(event.path), frames=frames
            )
        else:
            taken = await attempts.adopt_output(
                conn,
                event.job_id,
                attempt=event.attempt,
                output_path=str(event.path),
                reactor_id=context.reactor_id,
                token=uuid4(),
                lease_s=context.settings.lease_s,
            )
            if taken and entry:
                entry.stop("a file was dropped for this job")
    if taken:
        context.observe(Seen.FILE_SEEN, job_id=event.job_id, attempt=event.attempt)
