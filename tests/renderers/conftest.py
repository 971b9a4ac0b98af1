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
    """The client, less patient than in real life."""
    async with aclosing(RenderServer(settings, answer_s=0.5, outage_s=0.6)) as opened:
        yield opened


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
    with anyio.fail_after(10), pytest.raises(RenderFailed) as caught:
        await client.render(order, lambda _: None)
    return caught.value
