"""Something needs a person: say it once, and take it back when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor import alerts
from reactor.events import JobFailed, RendererDown, RendererUp

if TYPE_CHECKING:
    from reactor.context import Context


async def alert(event: JobFailed | RendererDown | RendererUp, context: Context) -> None:
    """Report it at once; the lookout reports what this has missed."""
    match event:
        case JobFailed():
            async with context.database.connection() as conn:
                await alerts.report_failed_jobs(conn, context.observe, event.ids)
        case RendererDown():
            await report_renderer(context, event.reason)
        case RendererUp():
            await report_renderer(context, None)


async def report_renderer(context: Context, reason: str | None) -> None:
    """The renderer has just gone down, or has come up."""
    async with context.database.connection() as conn:
        await alerts.report_renderer(
            conn,
            context.observe,
            context.settings,
            reason=reason,
            wanted=context.supervisor.wanted,
        )
