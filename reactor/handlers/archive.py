"""Videos are published: their files go to the archive, and the jobs' paths follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context


async def archive(_events: Sequence[Any], context: Context) -> None:
    """Move what the publish queue says is published and not yet in the archive."""
