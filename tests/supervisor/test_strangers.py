"""Who else may sit at the renderer's address, and what is not ours to start."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.observe import Observer, Seen, open_log
from tests.supervisor.conftest import SOON_S, runs

if TYPE_CHECKING:
    from reactor.settings import Settings
    from tests.supervisor.conftest import Supervised


async def test_somebody_elses_renderer_is_used_and_taken_over(supervised: Supervised) -> None:
    owner = await supervised()
    await owner.until(Seen.RENDERER_UP)
    guest = await supervised(observe=Observer(open_log("json")))
    await guest.until(Seen.RENDERER_UP)
    shared = guest.pid() == owner.pid()
    before = [seen for seen, _ in guest.seen]
    await owner.supervisor.stop()
    guest.supervisor.nudge()
    await guest.until(Seen.RENDERER_UP, 2)

    assert (shared, before) == (True, [Seen.RENDERER_UP])
    assert Seen.RENDERER_STARTED in [seen for seen, _ in guest.seen]


async def test_a_guests_stop_leaves_somebody_elses_renderer_alone(supervised: Supervised) -> None:
    owner = await supervised()
    await owner.until(Seen.RENDERER_UP)
    guest = await supervised(running=False)
    await guest.supervisor.start()
    await guest.supervisor.stop()

    assert runs(owner.pid())
    assert await guest.supervisor.is_running()


async def test_a_foreign_process_on_the_port_is_left_alone_and_named_once(
    supervised: Supervised, settings: Settings
) -> None:
    taken = await anyio.create_tcp_listener(
        local_host="127.0.0.1", local_port=settings.renderer_address[1]
    )

    async def answer(stream: anyio.abc.SocketStream) -> None:
        # Who asks may be gone by now.
        with suppress(anyio.BrokenResourceError):
            async with stream:
                await stream.send(b"220 mail.example ESMTP\r\n")

    async with taken, anyio.create_task_group() as tg:
        tg.start_soon(taken.serve, answer)
        stage = await supervised()
        down = await stage.until(Seen.RENDERER_DOWN)
        await stage.looked(2)
        seen = [what for what, _ in stage.seen]
        tg.cancel_scope.cancel()

    assert "is taken by something" in down["reason"]
    assert seen == [Seen.RENDERER_DOWN]


async def test_the_port_is_used_as_soon_as_it_is_free(
    supervised: Supervised, settings: Settings
) -> None:
    port = settings.renderer_address[1]
    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port):
        stage = await supervised(health_timeout_s=SOON_S)
        await stage.until(Seen.RENDERER_DOWN)

    await stage.until(Seen.RENDERER_UP)


@pytest.mark.parametrize(
    "elsewhere", [{"renderer": "none"}, {"renderer_url": "http://127.0.0.1.nip.invalid:3100"}]
)
async def test_what_is_not_ours_to_start_is_only_watched(
    supervised: Supervised, elsewhere: dict[str, Any]
) -> None:
    stage = await supervised(health_timeout_s=SOON_S, **elsewhere)
    await stage.until(Seen.RENDERER_DOWN)

    assert await stage.supervisor.start() is False
    assert Seen.RENDERER_STARTED not in [seen for seen, _ in stage.seen]
