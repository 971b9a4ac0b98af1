"""Jobs were cancelled: stop those that are being rendered here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.events import JobCancelled


async def stop(event: JobCancelled, context: Context) -> None:
    """The table has said so already; only the renderer has to hear it."""
    for job_id in event.ids:
        context.inflight.stop(job_id, "cancelled")
    if event.count is not None:  # too many to name: the sweep asks the table
        context.reread()
