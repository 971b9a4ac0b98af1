"""Following a render: outages, restarts, stalls, cancelling, and where the file may lie."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import pytest

from reactor.errors import FailureClass, RenderFailed
from reactor.renderers.server import RenderServer
from tests.renderers.conftest import failure, hasty_once
from tests.renderers.fake import hangs_up, never_answers, says, says_raw

if TYPE_CHECKING:
    from reactor.renderers.base import Order
    from reactor.settings import Settings
    from tests.renderers.conftest import Reports
    from tests.renderers.fake import Behaviour, FakeServer

RENDERING = {"id": "7-1", "status": "rendering", "progress": 0.5}
COMPLETE = {"id": "7-1", "status": "complete", "progress": 1.0}
CLASS = FailureClass


async def test_a_server_that_does_not_wait_is_not_hammered(
    client: RenderServer, fake: FakeServer, order: Order
) -> None:
    fake.tell(status=says(RENDERING), cancel=says({}, 404))
    async with anyio.create_task_group() as tg:
        began = anyio.current_time()
        tg.start_soon(client.render, order, lambda _: None)
        await fake.until_asked("status", 7)
        took_s = anyio.current_time() - began
        followed = [target for _, target, _ in fake.asked("status")]
        tg.cancel_scope.cancel()

    # 50 ms growing by half: not before 0, 50, 125, 237, 406, 659, 1039 ms, however slow the machine.
    assert took_s >= 1.03
    assert all("wait=" in target for target in followed)


async def test_a_restarted_server_that_left_the_file_has_rendered(
    client: RenderServer, fake: FakeServer, order: Order, reports: Reports
) -> None:
    fake.tell(status=[says(RENDERING), says({}, 404)])
    order.output_path.write_bytes(b"video")

    rendered = await client.render(order, reports.append)

    assert rendered.path == order.output_path


@pytest.mark.parametrize("unknown", [says({}, 404), says_raw(b"")], ids=["404", "empty"])
async def test_a_restarted_server_without_the_file_has_lost_the_render(
    client: RenderServer, fake: FakeServer, order: Order, unknown: Behaviour
) -> None:
    fake.tell(status=[says(RENDERING), unknown])

    lost = await failure(client, order)

    assert lost.failure is CLASS.INFRASTRUCTURE
    assert "lost" in str(lost)


async def test_an_outage_while_following_is_borne_for_a_while(
    client: RenderServer, fake: FakeServer, order: Order, reports: Reports
) -> None:
    fake.tell(status=[says(RENDERING), hangs_up, says_raw(b"garbage"), says(COMPLETE)])

    rendered = await client.render(order, reports.append)

    assert rendered.path == order.output_path


@pytest.mark.parametrize(
    "nonsense",
    [hangs_up, says_raw(b"\xff\xfe garbage"), says([]), says({}, 500), says_raw(b"x" * 10_000_000)],
    ids=["reset", "garbage", "list", "500", "10MB"],
)
async def test_a_server_that_stays_away_fails_the_render_without_blame(
    client: RenderServer, fake: FakeServer, order: Order, nonsense: Behaviour
) -> None:
    fake.tell(status=nonsense)
    client._outage_s = 0.6

    gone = await failure(client, order)

    assert gone.failure is CLASS.INFRASTRUCTURE
    assert len(fake.asked("cancel")) == 1


async def test_a_render_that_does_not_move_is_stopped_as_stalled(
    client: RenderServer, fake: FakeServer, settings: Settings, order: Order
) -> None:
    client._settings = settings.model_copy(update={"stall_timeout_s": 0.2})
    fake.tell(status=[*[says(RENDERING)] * 6, says({"status": "cancelled"})])

    stalled = await failure(client, order)

    assert (stalled.failure, str(stalled)) == (CLASS.STALL, "the render has not moved for 0.2 s")
    assert len(fake.asked("cancel")) == 1


async def test_a_render_that_moves_is_not_stalled_however_slow(
    client: RenderServer, fake: FakeServer, settings: Settings, order: Order, reports: Reports
) -> None:
    client._settings = settings.model_copy(update={"stall_timeout_s": 0.45})
    moving = [says({**RENDERING, "rendered_frames": n}) for n in range(6)]
    fake.tell(status=[*moving, says(COMPLETE)])

    rendered = await client.render(order, reports.append)

    assert rendered.path == order.output_path


async def test_a_render_in_the_queue_is_not_stalled_but_has_a_limit(
    client: RenderServer, fake: FakeServer, settings: Settings, order: Order
) -> None:
    limits = {"stall_timeout_s": 0.1, "render_timeout_s": 0.6}
    client._settings = settings.model_copy(update=limits)
    fake.tell(status=says({"status": "queued"}), cancel=says({}, 404))

    late = await failure(client, order)

    assert (late.failure, str(late)) == (CLASS.STALL, "the render was not finished after 0.6 s")
    assert len(fake.asked("cancel")) == 1


async def test_cancelling_waits_until_the_server_confirms(
    client: RenderServer, fake: FakeServer, order: Order
) -> None:
    fake.tell(status=says(RENDERING))
    async with anyio.create_task_group() as tg:
        tg.start_soon(client.render, order, lambda _: None)
        await fake.until_asked("status")
        followed = len(fake.asked("status"))
        fake.tell(status=[says(RENDERING), says(RENDERING), says({"status": "cancelled"})])
        tg.cancel_scope.cancel()

    assert [(method, target) for method, target, _ in fake.asked("cancel")] == [
        ("POST", "/cancel/7-1")
    ]
    assert len(fake.asked("status")) >= followed + 3


async def test_cancelling_while_the_order_is_under_way_stops_it_all_the_same(
    client: RenderServer, fake: FakeServer, order: Order
) -> None:
    fake.tell(render=never_answers, status=says({}, 404))
    hasty_once(client)
    async with anyio.create_task_group() as tg:
        tg.start_soon(client.render, order, lambda _: None)
        await fake.until_asked("render")
        tg.cancel_scope.cancel()

    assert [target for _, target, _ in fake.asked("cancel")] == ["/cancel/7-1"]


async def test_cancelling_gives_up_on_a_server_that_is_gone(
    client: RenderServer, fake: FakeServer, order: Order
) -> None:
    fake.tell(status=says(RENDERING), cancel=hangs_up)
    async with anyio.create_task_group() as tg:
        tg.start_soon(client.render, order, lambda _: None)
        await fake.until_asked("status")
        tg.cancel_scope.cancel()

    assert len(fake.asked("cancel")) == 1
    # Whoever does not hear is not asked how far it is.
    assert fake.requests[-1][1].startswith("/cancel/")


async def test_a_file_elsewhere_among_the_renders_is_taken(
    client: RenderServer, fake: FakeServer, settings: Settings, order: Order, reports: Reports
) -> None:
    place = settings.renders_dir / "mine.mp4"
    fake.tell(status=says({"status": "succeeded", "outputFile": str(place)}))

    rendered = await client.render(order, reports.append)

    assert rendered.path == place


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "{renders}/../library/x.mp4", "{renders}_evil/x.mp4"]
)
async def test_a_file_outside_of_the_renders_is_not_taken(
    client: RenderServer, fake: FakeServer, settings: Settings, order: Order, path: str
) -> None:
    said = path.format(renders=settings.renders_dir)
    fake.tell(status=says({**COMPLETE, "output_path": said}))

    wrong = await failure(client, order)

    assert wrong.failure is CLASS.BAD_OUTPUT


async def test_the_id_a_server_gives_is_followed(
    client: RenderServer, fake: FakeServer, order: Order, reports: Reports
) -> None:
    fake.tell(render=says({"jobId": "a/../b c"}), status=says({"status": "completed"}))

    await client.render(order, reports.append)

    assert fake.asked("status")[0][1].startswith("/status/a%2F..%2Fb%20c?")


async def test_a_password_in_the_address_is_never_shown(settings: Settings) -> None:
    secret = settings.model_copy(update={"renderer_url": "http://me:pa55@127.0.0.1:1"})
    async with aclosing(RenderServer(secret)) as client:
        with pytest.raises(RenderFailed) as caught:
            await client.fetch_health()

    assert "pa55" not in str(caught.value) + client.url
