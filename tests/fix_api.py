"""The real application on a real database, around a reactor that is put together but not started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from reactor.api.app import create_app
from reactor.daemon import wired
from reactor.directories import prepare_directories

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reactor.context import Context
    from reactor.db.pool import Database
    from reactor.observe import Observer
    from reactor.settings import Settings


@pytest.fixture
def limits() -> dict[str, Any]:
    """The settings that a module's tests have of their own."""
    return {}


@pytest.fixture
async def context(
    settings: Settings, database: Database, observer: Observer, limits: dict[str, Any]
) -> AsyncIterator[Context]:
    """A reactor whose loops stand still."""
    changed = settings.model_copy(update=limits)
    prepare_directories(changed)
    async with wired(changed, database, observer, uuid4(), {}) as parts:
        yield parts.context


def client_of(context: Context) -> httpx.AsyncClient:
    """A client of that reactor's application; a bug becomes a 500, as for any client."""
    transport = httpx.ASGITransport(create_app(context), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


@pytest.fixture
async def client(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application."""
    async with client_of(context) as opened:
        yield opened
