"""The supervisor, the client and the embedded render server together draw a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from PIL import Image

from reactor.models import Container, Format, JobId, Quality, RenderSpec
from reactor.observe import Seen
from reactor.renderers.base import Order
from tests.supervisor.conftest import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

    from tests.supervisor.conftest import Supervised


def order_into(directory: Path, **props: object) -> Order:
    """A still of that size."""
    spec = RenderSpec(
        template="title-card",
        format=Format.THUMBNAIL,
        quality=Quality.P720,
        container=Container.JPG,
        props=props,
    )
    return Order(JobId(7), 1, spec, directory / "job-7-a1.jpg")


async def test_the_embedded_renderer_is_started_and_draws(
    supervised: Supervised, data: Path
) -> None:
    stage = await supervised(renderer="embedded")
    await stage.until(Seen.RENDERER_UP)
    with anyio.fail_after(PATIENCE_S):
        rendered = await stage.client.render(
            order_into(data / "renders", title="Hallo"), lambda _: None
        )

    with Image.open(rendered.path) as picture:
        assert picture.size == (1280, 720)
