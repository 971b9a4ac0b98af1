"""Messages wait for webhooks: the loop that sends them hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.events import OutboxFilled


async def deliver(_event: OutboxFilled, context: Context) -> None:
    """The outbox is the truth; this only saves the wait for the next look."""
    context.deliver.nudge()
