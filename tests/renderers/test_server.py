"""The client against a render server that keeps the contract, and against those that do not."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from reactor.errors import FailureClass, RenderFailed
from reactor.renderers.answers import Health
from reactor.renderers.base import Progress
from reactor.renderers.server import RenderServer
from tests.renderers.conftest import PATIENCE_S, SOON_S, failure, hasty_once, order_of
from tests.renderers.fake import drips, hangs_up, never_answers, says, says_raw

if TYPE_CHECKING:
    from reactor.renderers.base import Order
    from reactor.settings import Settings
    from tests.renderers.conftest import Reports
    from tests.renderers.fake import Behaviour, FakeServer

RENDERING = {"id": "7-1", "status": "rendering", "progress": 0.5}
COMPLETE = {"id": "7-1", "status": "complete", "progress": 1.0, "log": "all is well"}
CLASS = FailureClass


async def test_a_render_is_ordered_followed_and_answered_with_its_file(
    client: RenderServer, fake: FakeServer, order: Order, reports: Reports
) -> None:
    frames = {"rendered_frames": 15, "total_frames": 30, "eta_s": 2.5}
    fake.tell(status=[says({"status": "queued"}), says({**RENDERING, **frames}), says(COMPLETE)])
    client.health = await client.fetch_health()

    rendered = await client.render(order, reports.append)

    assert (rendered.path, rendered.version) == (order.output_path, "fake 7")
    assert rendered.log == "all is well"
    assert fake.asked("render") == [
        (
            "POST",
            "/render",
            {
                "id": "7-1",
                "template": "title-card",
                "format": "clip_1_1",
                "quality": "720p",
                "container": "mp4",
                "props": {"title": "Hallo 👋"},
                "assets": {},
                "output_path": str(order.output_path),
            },
        )
    ]
    assert reports == [Progress(0.5, 15, 30, 2.5)]
    assert fake.asked("cancel") == []


async def test_health_is_what_the_server_says_of_itself(
    client: RenderServer, fake: FakeServer
) -> None:
    lists = {"templates": ["a", 7], "formats": ["clip_1_1"], "containers": ["mp4"]}
    fake.tell(
        health=says({"ok": True, "name": "x", "version": "1", "capacity": 2, "pid": 99, **lists})
    )

    health = await client.fetch_health()

    assert health == Health("x", "1", 2, 0, ("a",), ("clip_1_1",), ("mp4",), 99)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(says_raw(b"<html>hello</html>"), id="html"),
        pytest.param(says([1, 2]), id="list"),
        pytest.param(says({}), id="nothing"),
        pytest.param(says({"ok": False}), id="unwell"),
        pytest.param(says({"ok": True}, 503), id="503"),
        pytest.param(says_raw(b"{" * 100_000), id="nested"),
        pytest.param(says_raw(b"{}", 302, "Location: http://127.0.0.1:1/\r\n"), id="redirect"),
        pytest.param(hangs_up, id="hang-up"),
        pytest.param(never_answers, id="silent"),
        pytest.param(drips, id="slow-loris"),
        pytest.param(says_raw(b"x" * 10_000_000), id="10MB"),
        pytest.param(says_raw(b"x", 200, "Content-Encoding: gzip\r\n"), id="gzip"),
    ],
)
async def test_what_is_no_render_server_has_no_health(
    client: RenderServer, fake: FakeServer, behaviour: Behaviour
) -> None:
    fake.tell(health=behaviour)

    # Who says something at all has time for it.
    within_s = SOON_S if behaviour in (never_answers, drips) else PATIENCE_S
    with anyio.fail_after(PATIENCE_S), pytest.raises(RenderFailed) as caught:
        await client.fetch_health(within_s=within_s)

    assert caught.value.failure is CLASS.INFRASTRUCTURE


async def test_a_server_that_says_what_ails_it_is_quoted(
    client: RenderServer, fake: FakeServer
) -> None:
    fake.tell(health=says({"ok": False, "message": "no browser can be opened"}))

    with pytest.raises(RenderFailed, match="to GET /health: no browser can be opened"):
        await client.fetch_health()


async def test_slots_are_what_the_server_takes_and_none_while_it_is_down(
    client: RenderServer, fake: FakeServer
) -> None:
    before = client.slots
    client.health = await client.fetch_health()

    assert (before, client.slots) == (0, 3)


@pytest.mark.parametrize(
    ("status", "body", "expected", "message"),
    [
        (400, {"error": {"field": "template", "message": "is unknown"}}, CLASS.INPUT, "template: is unknown"),
        (400, {"error": {"field": "fps", "message": "fps: too many"}}, CLASS.INPUT, "fps: too many"),
        (400, {"message": "titleText must be a string"}, CLASS.INPUT, "titleText must be a string"),
        (422, {"detail": "bad\u202e\nprops"}, CLASS.INPUT, "bad props"),
        (400, {"error": "no " * 1000}, CLASS.INPUT, ("no " * 167)[:500].strip()),
        (413, {}, CLASS.INPUT, "the render server refused the order (413)"),
        (429, {"error": "full"}, CLASS.RESOURCE, "the render server answered 429: full"),
        (503, {}, CLASS.RESOURCE, "the render server answered 503"),
        (500, {"error": {}}, CLASS.CRASH, "the render server answered 500"),
        (404, {}, CLASS.INFRASTRUCTURE, "the render server answered 404"),
        (302, {}, CLASS.INFRASTRUCTURE, "the render server answered 302"),
    ],
)  # fmt: skip
async def test_a_refused_order_fails_with_its_class_and_a_plain_sentence(
    client: RenderServer,
    fake: FakeServer,
    order: Order,
    status: int,
    body: Any,
    expected: FailureClass,
    message: str,
) -> None:
    fake.tell(render=says(body, status))

    refused = await failure(client, order)

    assert (refused.failure, str(refused)) == (expected, message)
    assert len(fake.requests) == 1


async def test_an_error_page_is_not_quoted(
    client: RenderServer, fake: FakeServer, order: Order
) -> None:
    fake.tell(render=says_raw(b"<html><script>", 500, "Content-Type: text/html\r\n"))

    assert str(await failure(client, order)) == "the render server answered 500"


@pytest.mark.parametrize("lost", [hangs_up, never_answers, drips], ids=["reset", "silent", "slow"])
async def test_a_lost_answer_is_asked_for_again_under_the_same_id(
    client: RenderServer, fake: FakeServer, order: Order, reports: Reports, lost: Behaviour
) -> None:
    fake.tell(render=[lost, says({"error": "exists"}, 409)], status=says(COMPLETE))
    hasty_once(client)

    await client.render(order, reports.append)

    assert [body["id"] for _, _, body in fake.asked("render")] == ["7-1", "7-1"]


async def test_an_order_that_never_gets_an_answer_is_stopped_and_not_the_jobs_fault(
    client: RenderServer, fake: FakeServer, order: Order
) -> None:
    fake.tell(render=hangs_up, status=says({}, 404))

    lost = await failure(client, order)

    assert lost.failure is CLASS.INFRASTRUCTURE
    assert (len(fake.asked("render")), len(fake.asked("cancel"))) == (4, 1)


async def test_a_server_that_is_not_there_fails_the_render_at_once_and_is_told(
    settings: Settings, order: Order
) -> None:
    told = list[None]()
    elsewhere = settings.model_copy(update={"renderer_url": "http://127.0.0.1:1"})
    async with aclosing(RenderServer(elsewhere)) as client:
        client.on_trouble = lambda: told.append(None)
        refused = await failure(client, order)

    assert refused.failure is CLASS.INFRASTRUCTURE
    # With the order and with the word to stop it, but not with the order again.
    assert len(told) == 2


async def test_props_that_are_no_json_are_the_jobs_fault(
    client: RenderServer, settings: Settings
) -> None:
    wrong = await failure(client, order_of(settings, duration_s=float("nan")))

    assert (wrong.failure, str(wrong)) == (CLASS.INPUT, "params: cannot be written as JSON")


async def test_a_failure_carries_its_frame_and_the_log(
    client: RenderServer, fake: FakeServer, order: Order
) -> None:
    error = {"class": "crash", "message": "it fell over", "frame": 12}
    fake.tell(status=says({"id": "7-1", "status": "failed", "error": error, "log": "one\ntwo"}))

    failed = await failure(client, order)

    assert (failed.frame, failed.log, str(failed)) == (12, "one\ntwo", "it fell over")
