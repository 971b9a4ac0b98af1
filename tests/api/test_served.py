"""The application behind the real server, over a real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import httpx
import pytest

from reactor import httpserver
from reactor.api.app import create_app
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from reactor.context import Context
    from tests.api.conftest import Farm


@pytest.fixture
async def served(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application at its address."""
    sock = httpserver.bind("127.0.0.1", 0, setting="REACTOR_HTTP")
    port = sock.getsockname()[1]
    async with anyio.create_task_group() as tg:
        await tg.start(httpserver.serve, create_app(context), sock)
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=PATIENCE_S) as client:
            yield client
        tg.cancel_scope.cancel()


async def test_a_video_is_sought_over_a_socket(
    served: httpx.AsyncClient, farm: Farm, context: Context
) -> None:
    video = context.settings.library_dir / "v.mp4"
    video.write_bytes(b"0123456789")
    job_id = await farm.complete(video)

    status = (await served.get("/api/renderer/status")).json()
    [job] = status["recent"]
    answer = await served.get(job["video_url"], headers={"Range": "bytes=2-4"})

    assert job["id"] == job_id
    assert (answer.status_code, answer.content) == (206, b"234")


async def test_head_answers_like_get_without_a_body(served: httpx.AsyncClient) -> None:
    answer = await served.head("/health")

    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_name_that_is_not_this_machines_is_refused(served: httpx.AsyncClient) -> None:
    answer = await served.get("/api/renderer/status", headers={"Host": "evil.example"})

    assert answer.status_code == 421
