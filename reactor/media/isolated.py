"""Decode foreign files in a process of its own: a hostile one can crash a decoder, and must not crash us."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio import to_process

from reactor.media.source import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
TRIES = 2
"""A process that was killed or began too late says nothing of the file; one that ends twice does."""


async def run_isolated(
    work: Callable[[], T], *, within_s: float, limiter: anyio.CapacityLimiter | None = None
) -> T:
    """What the work returns, pickled as it is; Malformed when it takes too long or ends its process twice.

    The limiter is the turn it waits for; without one, all share as many as there are processors.
    """
    for _ in range(TRIES):
        try:
            with anyio.fail_after(within_s):
                return await to_process.run_sync(work, cancellable=True, limiter=limiter)
        except anyio.BrokenWorkerProcess:
            continue
        except TimeoutError:
            raise Malformed(f"could not be decoded within {within_s:g} s") from None
    raise Malformed("crashed the decoder")
