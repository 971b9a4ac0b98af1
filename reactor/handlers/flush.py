"""Everything pending is wanted now: see to it that the renderer runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context


async def flush(_events: Sequence[Any], context: Context) -> None:
    """Start the renderer when it is down."""
