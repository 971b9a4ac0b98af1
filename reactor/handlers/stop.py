"""Jobs were cancelled: stop those that are being rendered here, and discard what was rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.attempts import discard_cancelled

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.events import JobCancelled


async def stop(event: JobCancelled, context: Context) -> None:
    """The table has said so already; only the renderer has to hear it. Its work discards its own file."""
    for job_id in event.ids:
        context.inflight.stop(job_id, "cancelled")
    if idle := [job_id for job_id in event.ids if context.inflight.get(job_id) is None]:
        await discard_cancelled(context, idle)
    if event.count is not None:  # too many to name: the sweep asks the table
        context.reread()
