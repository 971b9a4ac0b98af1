"""A renderer that draws nothing: to try a pipeline out, and to measure everything but the drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.errors import FailureClass, RenderFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactor.renderers.base import Order, Progress, Rendered

SLOTS = 4000


class DryRun:
    """Takes everything at once; its jobs complete without a file."""

    draws = False
    slots = SLOTS

    async def render(self, order: Order, report: Callable[[Progress], None]) -> Rendered:
        """Never called, because `draws` is false."""
        raise RenderFailed(FailureClass.INPUT, "renderer: 'dry_run' draws nothing")
