"""A job has left the queue: put new ones in, if this reactor keeps the queue full."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context


async def fill(_events: Sequence[Any], context: Context) -> None:
    """Fill the queue up to the target; nothing to do without one."""
