"""The process that draws one render: `python -m reactor.renderserver.render SERVER_PID`.

It imports everything, then waits for an order on standard input, says on standard output whether it
can be drawn, draws it, tells of its progress, and ends. One JSON object per line, both ways.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from reactor.errors import FailureClass, RenderFailed
from reactor.models import Format, Quality, dimensions
from reactor.renderserver import encode, leash, templates
from reactor.renderserver.request import Order
from reactor.renderserver.stage import Scene, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRESS_EVERY_S = 0.1
NICENESS = 3
"""The reactor and Postgres come first when all want the processor."""
FIRST_TO_DIE = 500
FULL = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM)


def main() -> None:
    """Wait for an order, draw it, end."""
    leash.tie(int(sys.argv[1]))
    tell = Channel()
    orders = leash.lines_from_server()
    yield_to_others()
    warm_up()
    while True:
        order = Order.model_validate_json(orders.get())
        try:
            scene = templates.scene(order.template, order.props)
        except RenderFailed as refused:
            tell(event="refused", failure=refused.failure, message=str(refused))
            continue
        draw(order, scene, tell)
        # Nothing is left to tidy, and taking everything down would keep the server waiting.
        os._exit(0)


def draw(order: Order, scene: Scene, tell: Callable[..., None]) -> None:
    """Draw the scene and tell how far it is; failures that have a class are told, others crash."""
    tell(event="accepted", total_frames=encode.total_frames(scene, order.container, scene.fps))
    progress = Progress(tell)
    try:
        encode.encode(
            scene, order.container, order.size, scene.fps, Path(order.output_path), progress
        )
    except RenderFailed as failed:
        progress.flush()
        tell(event="failed", failure=failed.failure, message=str(failed))
    except (OSError, av.FFmpegError, MemoryError) as wrong:
        if not isinstance(wrong, MemoryError) and wrong.errno not in FULL:
            raise
        progress.flush()
        what = "memory" if isinstance(wrong, MemoryError) else f"{Path(order.output_path).parent}"
        tell(
            event="failed", failure=FailureClass.RESOURCE, message=f"no room left: {what} ({wrong})"
        )
    else:
        progress.flush()
        tell(event="done")


class Channel:
    """The way to the server; what libraries print goes to standard error instead."""

    def __init__(self) -> None:
        self.handle = os.dup(1)
        os.dup2(2, 1)

    def __call__(self, **fields: Any) -> None:
        """Tell one thing."""
        os.write(self.handle, json.dumps(fields).encode() + b"\n")


class Progress:
    """Tells how many frames are done, not more often than anybody would look."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self.tell = tell
        self.frames = 0
        self.told_at = 0.0

    def __call__(self, frames: int) -> None:
        """So many frames are done."""
        self.frames = frames
        if time.monotonic() - self.told_at >= PROGRESS_EVERY_S:
            self.flush()

    def flush(self) -> None:
        """Tell now."""
        self.told_at = time.monotonic()
        self.tell(event="progress", frames=self.frames)


def yield_to_others() -> None:
    """Be the one that waits, and the one the kernel takes when memory runs out."""
    os.nice(NICENESS)
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_DIE))


def warm_up() -> None:
    """Draw one small frame, so that typefaces and filters are loaded before an order comes."""
    width, height = dimensions(Format.FULL_16_9, Quality.P720)
    card = templates.scene("title-card", {"title": "Ready", "niche": "a", "platform": "b"})
    next(card.frames(Stage(width // 4, height // 4, 30, 1)))


if __name__ == "__main__":
    main()
