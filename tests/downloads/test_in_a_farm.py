"""A job that names a URL is rendered from a file; one that names a private address fails with the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from tests.downloads.shelf import Shelf
    from tests.fix_reactor import Easel, Table

    Start = Callable[..., Awaitable[Context]]


async def test_the_renderer_gets_a_file(
    start: Start,
    table: Table,
    easel: Easel,
    shelf: Shelf,
) -> None:
    # However slow the machine is, the job is drawn once.
    await start(egress_allow=("127.0.0.1",), lease_s=3600)
    url = f"{shelf.url}/clip.mov"

    job = await table.insert(format="thumbnail", params=json.dumps({"clips": [{"source": url}]}))
    await table.until_status(job, "complete")

    (order,) = easel.orders
    assert Path(order.spec.props["clips"][0]["source"]).read_bytes() == b"material"
    assert await table.get(job, "params") == {"clips": [{"source": url}]}


async def test_a_private_address_fails_the_job_by_its_field(
    start: Start,
    table: Table,
    easel: Easel,
    shelf: Shelf,
) -> None:
    await start()

    job = await table.insert(
        format="thumbnail", params=json.dumps({"audio": f"{shelf.url}/clip.mov"})
    )
    await table.until_status(job, "failed")

    failure, message = await table.get(job, "error_class", "error_message")
    assert failure == "input"
    assert message.startswith("audio: ")
    assert easel.orders == []
    assert shelf.asked == {}
