"""Which database: the one of `DATABASE_URL`, or the embedded one when that is unset."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from anyio import to_thread

from reactor.db.embedded import ensure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from reactor.settings import Settings


@contextmanager
def held_dsn(settings: Settings) -> Iterator[str]:
    """The connection string; the embedded server runs at least as long as the block."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with ensure(settings.data, version=settings.postgres_version) as server:
        yield server.dsn


@asynccontextmanager
async def open_dsn(settings: Settings) -> AsyncIterator[str]:
    """The same, without stopping the event loop while the server starts."""
    held = held_dsn(settings)
    dsn = await to_thread.run_sync(held.__enter__)
    try:
        yield dsn
    finally:
        held.__exit__(None, None, None)
