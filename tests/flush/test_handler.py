"""A flush sees to it that the renderer runs; so does whoever asks for it over HTTP."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
from starlette.requests import Request

from reactor.api import renderer_commands
from reactor.api.renderer_commands import RendererCommands
from reactor.daemon import running
from reactor.events import RendererWanted
from reactor.handlers.flush import flush
from reactor.observe import Seen
from tests.fix_api import client_of
from tests.fix_reactor import seeing
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from reactor.context import Context
    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Table

FLUSH = "SELECT reactor.flush()"
START = "/api/renderer/start"
# A renderer's start is waited for to its end, however slow the machine is.
START_S = 300.0
DEAF = shlex.join([sys.executable, "-c", "import time; time.sleep(60)"])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start over HTTP is answered when it is over."""
    commands = partial(RendererCommands, start_s=START_S)
    monkeypatch.setattr(renderer_commands, "RendererCommands", commands)


def with_renderer(settings: Settings, command: str) -> Settings:
    """A renderer of ours at a free port."""
    url = f"http://127.0.0.1:{free_port()}"
    return settings.model_copy(update={"renderer": command, "renderer_url": url})


async def test_a_flush_starts_a_renderer_that_was_stopped(
    settings: Settings, observer: Observer, table: Table
) -> None:
    changed = with_renderer(settings, "embedded")
    async with running(changed, observe=observer, api=False) as context:
        await stopped(context)
        async with seeing(observer, Seen.RENDERER_UP):
            await table.rows(FLUSH)


async def stopped(context: Context) -> None:
    """Let the renderer run, and then end it for good."""
    assert await context.supervisor.start()
    await context.supervisor.stop()


async def test_a_renderer_that_cannot_be_started_is_said(
    settings: Settings, observer: Observer, table: Table
) -> None:
    changed = with_renderer(
        settings, shlex.join([sys.executable, "-c", "raise SystemExit('no GPU')"])
    )
    async with (
        running(changed, observe=observer, api=False),
        seeing(observer, Seen.RENDERER_NOT_STARTED, url=changed.renderer_url),
    ):
        await table.rows(FLUSH)


async def test_a_reactor_that_drains_starts_nothing(settings: Settings, observer: Observer) -> None:
    changed = with_renderer(settings, "embedded")
    async with running(changed, observe=observer, api=False) as context:
        await stopped(context)
        context.gate.draining = True

        await flush([RendererWanted()], context)

        assert not await context.supervisor.is_running()
        async with client_of(context) as client:
            assert (await client.post(START)).status_code == 409


@pytest.mark.usefixtures("patient")
async def test_a_start_over_http_answers_when_the_renderer_runs(
    settings: Settings, observer: Observer, table: Table
) -> None:
    changed = with_renderer(settings, "embedded")
    async with (
        running(changed, observe=observer, api=False) as context,
        client_of(context) as client,
    ):
        await stopped(context)

        started = await client.post(START)
        again = await client.post(START)

    said = started.json()
    assert (started.status_code, said["running"], said["url"]) == (200, True, changed.renderer_url)
    assert (again.status_code, again.json()["pid"]) == (200, said["pid"])
    assert said["pid"]
    given = await table.rows("SELECT verb, given_by FROM reactor.commands")
    assert given == [("start", "HTTP (127.0.0.1)")] * 2


@pytest.mark.usefixtures("patient")
async def test_a_renderer_that_does_not_start_is_a_503_with_the_reason(
    settings: Settings, observer: Observer
) -> None:
    changed = with_renderer(
        settings, shlex.join([sys.executable, "-c", "raise SystemExit('no GPU')"])
    )
    async with (
        running(changed, observe=observer, api=False) as context,
        client_of(context) as client,
    ):
        answer = await client.post(START)

    assert answer.status_code == 503
    assert "no GPU" in answer.json()["detail"]


async def test_a_slow_start_goes_on_without_the_client(
    settings: Settings, observer: Observer
) -> None:
    changed = with_renderer(settings, DEAF)
    async with running(changed, observe=observer, api=False) as context:
        served = RendererCommands(context, start_s=0.05)
        answer = await served.start(a_request())

    assert answer.status_code == 202
    assert b'"starting":true' in bytes(answer.body)


def a_request() -> Request:
    """A request that says where it comes from."""
    return Request({"type": "http", "path": START, "client": ("127.0.0.1", 1), "headers": []})


async def refused(context: Context, client: httpx.AsyncClient) -> tuple[int, str]:
    """What a start is answered."""
    answer = await client.post(START)
    return answer.status_code, answer.json()["detail"]


async def test_where_there_is_no_renderer_a_start_says_what_to_do(
    context: Context, client: httpx.AsyncClient
) -> None:
    code, said = await refused(context, client)

    assert code == 409
    assert "REACTOR_RENDERER is none" in said


async def test_a_renderer_elsewhere_is_started_there(
    start: Callable[..., Awaitable[Context]],
) -> None:
    context = await start(renderer="embedded", renderer_url="http://192.0.2.1:1")
    async with client_of(context) as client:
        code, said = await refused(context, client)

    assert (code, "on another machine" in said) == (409, True)
