"""Starts the embedded PostgreSQL again when it was killed: nobody else would, as long as we use it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio

from reactor.db.dsn import held_dsn
from reactor.errors import ReactorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskStatus

    from reactor.settings import Settings

LOOK_S = 3.0


class Revival:
    """Looks at the server only while the listener is deaf; another database than ours is let alone."""

    def __init__(self, settings: Settings, hearing: Callable[[], bool]) -> None:
        self._settings = settings
        self._hearing = hearing

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Look until cancelled."""
        task_status.started()
        while self._settings.database_url is None:
            await anyio.sleep(LOOK_S)
            if not self._hearing():
                # A failure is in the server's log, and everybody who waits for the database says so.
                with suppress(ReactorError):
                    await anyio.to_thread.run_sync(self.start, abandon_on_cancel=True)

    def start(self) -> None:
        """Start the server if it does not run and its data are still there; a new one would be empty."""
        if (self._settings.data / "postgres").exists():
            with held_dsn(self._settings):
                pass
