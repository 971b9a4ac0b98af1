"""Waiting for something that only looking can tell; looking is cheap and its pause is short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LOOK_S = 0.002
LIMIT_S = 120.0


async def until(holds: Callable[[], bool], *, within_s: float = LIMIT_S) -> None:
    """Return as soon as it holds; TimeoutError when it does not in time."""
    with anyio.fail_after(within_s):
        while not holds():  # noqa: ASYNC110 - nobody is there to set an event
            await anyio.sleep(LOOK_S)


async def until_asked(holds: Callable[[], Awaitable[bool]], *, within_s: float = LIMIT_S) -> None:
    """The same for what has to be asked for, such as the state of a table."""
    with anyio.fail_after(within_s):
        while not await holds():  # noqa: ASYNC110 - likewise
            await anyio.sleep(LOOK_S)
