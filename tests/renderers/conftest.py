"""A render server under the test's command, its client, and an order to hand over."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.errors import RenderFailed
from reactor.models import Container, Format, JobId, Quality, RenderSpec
from reactor.renderers.base import Order
from reactor.renderers.server import RenderServer
from reactor.settings import Settings, load
from tests.renderers.fake import FakeServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from reactor.renderers.base import Progress

PATIENCE_S = 60.0
SOON_S = 0.5
"""For an answer, in tests of servers that give none."""


class Reports(list["Progress"]):
    """What a render has reported."""

    def fractions(self) -> list[float]:
        """How far it was, each time."""
        return [progress.fraction for progress in self]


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    """A render server that does as it is told."""
    async with FakeServer().serving() as serving:
        yield serving


@pytest.fixture
def settings(fake: FakeServer, tmp_path: Path) -> Settings:
    """Pointing at the fake server."""
    return load(data=tmp_path, renderer_url=fake.url, renderer="none")


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[RenderServer]:
    """The client, more patient than in real life: no answer of the fake's is late by chance."""
    opened = RenderServer(settings, answer_s=PATIENCE_S, outage_s=PATIENCE_S)
    async with aclosing(opened):
        yield opened


def hasty_once(client: RenderServer) -> None:
    """Have it lose patience soon with the first answer that does not come, and with no other."""

    def be_patient() -> None:
        client._answer_s = PATIENCE_S

    client._answer_s = SOON_S
    client.on_trouble = be_patient


@pytest.fixture
def order(settings: Settings) -> Order:
    """Job 7, first attempt."""
    return order_of(settings)


@pytest.fixture
def reports() -> Reports:
    """Pass its `append` to `render`."""
    return Reports()


def order_of(settings: Settings, **props: Any) -> Order:
    """An order with any props."""
    settings.renders_dir.mkdir(parents=True, exist_ok=True)
    spec = RenderSpec(
        template="title-card",
        format=Format.CLIP_1_1,
        quality=Quality.P720,
        container=Container.MP4,
        props=props or {"title": "Hallo 👋"},
    )
    return Order(JobId(7), 1, spec, settings.renders_dir / "job-7-a1.mp4")


async def failure(client: RenderServer, order: Order) -> RenderFailed:
    """How a render fails, within the time a test has."""
    with anyio.fail_after(PATIENCE_S), pytest.raises(RenderFailed) as caught:
        await client.render(order, lambda _: None)
    return caught.value
