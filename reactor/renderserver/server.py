"""The embedded render server as a program: `bin/reactor renderer` calls main."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import anyio

from reactor.errors import BadConfiguration
from reactor.httpserver import bind, serve
from reactor.renderserver.app import create_app
from reactor.renderserver.renders import Renders, remove_leftovers
from reactor.renderserver.request import Places

if TYPE_CHECKING:
    from pathlib import Path
    from socket import socket

    from anyio.abc import TaskStatus

    from reactor.settings import Settings

DEFAULT_SLOTS = 1


def main(settings: Settings) -> None:
    """Serve renders until SIGTERM or SIGINT; return when every render process is gone."""
    host, port = settings.renderer_address
    sock = bind(host, port, setting="REACTOR_RENDERER_URL")
    places = Places(prepared(settings), settings.allowed_asset_dirs)
    anyio.run(until_signalled, settings, sock, places)


async def until_signalled(settings: Settings, sock: socket, places: Places) -> None:
    """Run, and stop at the first signal."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with anyio.create_task_group() as tg:
            await tg.start(run, settings, sock, places)
            async for _ in signals:
                tg.cancel_scope.cancel()
                return


async def run(
    settings: Settings,
    sock: socket,
    places: Places,
    *,
    task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve renders on a bound socket until cancelled; started once requests are answered."""
    renders = Renders(
        capacity=settings.slots or DEFAULT_SLOTS,
        stall_s=settings.stall_timeout_s,
        timeout_s=settings.render_timeout_s,
    )
    async with anyio.create_task_group() as tg:
        await tg.start(renders.run)
        await tg.start(serve, create_app(renders, places), sock)
        task_status.started()


def prepared(settings: Settings) -> Path:
    """The render directory, made and rid of old leftovers."""
    try:
        settings.renders_dir.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise BadConfiguration(
            f"REACTOR_DATA: {settings.renders_dir} cannot be made ({wrong.strerror})"
        ) from None
    remove_leftovers(settings.renders_dir)
    return settings.renders_dir
