"""Something needs a person: say it once, and take it back when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.db import alerts
from reactor.events import JobFailed, RendererDown, RendererUp
from reactor.observe import Seen

if TYPE_CHECKING:
    from reactor.context import Context


async def alert(event: JobFailed | RendererDown | RendererUp, context: Context) -> None:
    """Open or resolve the alert; the database keeps it to one, whoever else saw it."""
    async with context.database.connection() as conn:
        match event:
            case JobFailed():
                new = bool(await alerts.raise_job_alerts(conn, event.ids))
            case RendererDown():
                message = f"the renderer at {event.url} is down: {event.reason}"
                new = await alerts.raise_alert(conn, "renderer_down", event.url, message)
            case RendererUp():
                await alerts.resolve_alert(conn, "renderer_down", event.url)
                new = False
    if new:
        context.observe(Seen.ALERT_RAISED, kind=type(event).__name__)
