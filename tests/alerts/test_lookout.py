"""What each reactor sees for itself, and that two of them say it once."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import pytest
from psycopg_pool import AsyncConnectionPool

from reactor.alerts import renderer_subject
from reactor.db.pool import Database
from reactor.errors import FailureClass, RenderFailed
from reactor.events import Event, RendererDown, RendererUp
from reactor.loops.lookout import Lookout
from reactor.observe import Observer, Seen, open_log
from reactor.router import Router
from reactor.routes import ROUTES
from tests.fix_reactor import PATIENCE_S, seeing
from tests.ports import free_port
from tests.supervisor.conftest import renderer_command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reactor.context import Context
    from tests.alerts.conftest import Bell, Desk
    from tests.fix_reactor import Easel, Table

    Start = Callable[..., Awaitable[Context]]

WHOLE = 10**9
"""More megabytes than any disk has free."""
CUT = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'reactor%%'"
)


def down(context: Context, reason: str = "no answer") -> None:
    """As after a look at a renderer that does not answer."""
    context.supervisor._standing.note_down(reason)
    context.supervisor.looked_at = anyio.current_time()


def nobody_set_one_up(context: Context) -> None:
    """REACTOR_RENDERER=none, and no address."""
    context.settings.model_fields_set.discard("renderer_url")


def counting(observer: Observer) -> list[tuple[Seen, str, str]]:
    """Every observation of an alert from now on."""
    seen: list[tuple[Seen, str, str]] = []

    def note(what: Seen, facts: dict[str, Any]) -> None:
        if what in (Seen.ALERT_RAISED, Seen.ALERT_RESOLVED):
            seen.append((what, facts["kind"], facts["subject"]))

    observer.subscribe(note)
    return seen


def watched(lookout: Lookout) -> tuple[float | None, float | None]:
    """Since when it has been looking, and since when the ears are deaf."""
    return lookout._watching_since, lookout._deaf_since


async def test_two_reactors_that_miss_one_renderer_raise_one_alert(
    start: Start, desk: Desk, bell: Bell, observer: Observer
) -> None:
    webhook = await desk.webhook()
    seen = counting(observer)

    async with seeing(observer, Seen.ALERT_RAISED, kind="renderer_down"):
        reactors = [await start(), await start()]
    for reactor in reactors:
        await Lookout(reactor).look()

    subject = renderer_subject(reactors[0].settings)
    assert subject == f"http://127.0.0.1:1 on {socket.gethostname()}"
    assert await bell.rung() == [("renderer_down", subject, False)]
    assert await desk.posted() == [(webhook, "alert.raised", subject)]
    assert seen == [(Seen.ALERT_RAISED, "renderer_down", subject)]


async def test_a_killed_renderer_is_told_and_taken_back_when_another_runs(
    start: Start, table: Table, bell: Bell
) -> None:
    context = await start(
        renderer=renderer_command(), renderer_url=f"http://127.0.0.1:{free_port()}"
    )
    subject = renderer_subject(context.settings)
    for number in range(1, 4):
        with anyio.fail_after(PATIENCE_S):
            while context.supervisor.server.health is None:
                await anyio.sleep(0.01)
        assert context.supervisor.pid
        os.kill(context.supervisor.pid, signal.SIGKILL)
        await table.until(
            "count(*) = %(n)s FROM reactor.alerts WHERE kind = 'renderer_down' AND resolved_at IS NOT NULL",
            n=number,
        )

    assert (
        await bell.rung()
        == [
            ("renderer_down", subject, False),
            ("renderer_down", subject, True),
        ]
        * 3
    )


async def test_a_renderer_that_is_up_before_its_end_was_told_is_not_down_for_good(
    context: Context, desk: Desk
) -> None:
    """Both at once, the news of its return would find no alert, and the news of its end would then raise one."""
    url = context.settings.renderer_url
    send, receive = anyio.create_memory_object_stream[Event](2)
    async with anyio.create_task_group() as tg:
        await tg.start(Router(ROUTES, context, receive).run)
        with send:
            async with desk.database.transaction() as conn:
                await conn.execute("LOCK TABLE reactor.alerts IN EXCLUSIVE MODE")
                send.send_nowait(RendererDown(url, "it was killed"))
                send.send_nowait(RendererUp(url))
                await desk.table.until(
                    "count(*) > 0 FROM pg_locks WHERE relation = 'reactor.alerts'::regclass AND NOT granted"
                )
            await desk.table.until("count(*) = 1 FROM reactor.alerts WHERE resolved_at IS NOT NULL")


async def test_a_renderer_that_was_stopped_on_request_is_missed_once_jobs_wait(
    start: Start, desk: Desk, observer: Observer
) -> None:
    async with seeing(observer, Seen.RENDERER_UP):
        context = await start(
            renderer=renderer_command(), renderer_url=f"http://127.0.0.1:{free_port()}"
        )
    lookout = Lookout(context, doubt_s=0)
    async with seeing(observer, Seen.RENDERER_DOWN):
        await context.supervisor.stop()
    await desk.table.until("status = 'down' FROM reactor.agents WHERE kind = 'renderer'")
    await lookout.look()
    assert await desk.rows("renderer_down") == []

    await desk.table.insert(renderer="server")
    await lookout.look()
    subject = renderer_subject(context.settings)
    assert await desk.rows("renderer_down") == [("renderer_down", subject, True)]

    async with seeing(observer, Seen.ALERT_RESOLVED, kind="renderer_down"):
        assert await context.supervisor.start()


async def test_without_a_renderer_nobody_misses_one_until_jobs_wait(
    context: Context, desk: Desk
) -> None:
    nobody_set_one_up(context)
    down(context)
    lookout = Lookout(context, doubt_s=0)
    await desk.table.insert(renderer="server", run_after="infinity")
    await desk.table.insert(renderer="dry_run")
    await lookout.look()
    assert await desk.rows() == []

    job = await desk.table.insert(renderer="server")
    await lookout.look()
    assert [row[0] for row in await desk.rows()] == ["renderer_down"]

    await desk.table.rows("SELECT reactor.cancel(%(id)s)", id=job)
    await lookout.look()
    assert [row[2] for row in await desk.rows()] == [False]


async def test_a_reactor_without_a_renderer_does_not_miss_what_another_has(
    context: Context, desk: Desk
) -> None:
    nobody_set_one_up(context)
    down(context)
    await desk.table.insert(renderer="server")
    await desk.table.rows(
        "INSERT INTO actp_agent_registry (kind, status, heartbeat_at) VALUES ('renderer', 'running', now())"
    )
    await Lookout(context).look()

    assert await desk.rows() == []


async def test_of_two_that_see_it_differently_the_one_in_trouble_is_believed(
    context: Context, desk: Desk, bell: Bell
) -> None:
    """Not one message after the other, as long as one reactor cannot reach what the other can."""
    subject = renderer_subject(context.settings)
    down(context)
    for _ in range(3):
        await Lookout(context).look()
        assert (
            await desk.report("renderer_down", subject, trouble=False, known_for_s=60) == "nothing"
        )

    assert await bell.rung() == [("renderer_down", subject, False)]


async def test_an_old_look_at_the_renderer_raises_nothing_that_is_over(
    context: Context, desk: Desk
) -> None:
    subject = renderer_subject(context.settings)
    down(context)
    context.supervisor.looked_at = anyio.current_time() - 10
    await desk.report("renderer_down", subject, trouble=True)
    await desk.report("renderer_down", subject, trouble=False)

    await Lookout(context).look()

    assert await desk.rows() == [("renderer_down", subject, False)]


async def test_a_renderer_nobody_has_looked_at_is_neither_up_nor_down(
    context: Context, desk: Desk
) -> None:
    await desk.report("renderer_down", renderer_subject(context.settings), trouble=True)
    await Lookout(context, doubt_s=0).look()

    assert [row[2] for row in await desk.rows()] == [True]


async def test_two_reactors_on_one_full_disk_raise_one_alert(
    context: Context, desk: Desk, bell: Bell
) -> None:
    """Of reactors whose loops stand still: a lookout of their own would go on raising it."""
    full, roomy = (
        replace(
            context,
            reactor_id=uuid4(),
            settings=context.settings.model_copy(update={"min_free_mb": least}),
        )
        for least in (WHOLE, 1)
    )
    for reactor in (full, replace(full, reactor_id=uuid4())):
        await Lookout(reactor).look()
    subject = f"{context.settings.data} on {socket.gethostname()}"
    assert [one for one in await bell.rung() if one[0] == "disk_low"] == [
        ("disk_low", subject, False)
    ]

    await Lookout(roomy).look()

    assert await desk.rows("disk_low") == [("disk_low", subject, False)]


async def test_ears_that_stay_deaf_are_told_and_those_that_reconnect_are_not(
    context: Context, desk: Desk
) -> None:
    """Of a reactor whose loops stand still: the database answers, and the listener hears nothing."""
    patient, hasty = Lookout(context, deaf_s=3600), Lookout(context, deaf_s=0)
    for _ in range(3):
        await patient.look()
    assert await desk.rows("listener_deaf") == []

    await hasty.look()
    subject = str(context.reactor_id)
    assert await desk.rows("listener_deaf") == [("listener_deaf", subject, True)]

    context.listener.healthy = True
    await hasty.look()
    assert await desk.rows("listener_deaf") == [("listener_deaf", subject, False)]


async def test_a_reactor_that_died_deaf_leaves_no_alert_for_ever(
    context: Context, desk: Desk
) -> None:
    await Lookout(context, deaf_s=0).look()
    [dead] = await desk.rows("listener_deaf")
    survivor = replace(context, reactor_id=context.supervisor.agent_id)
    lookout = Lookout(survivor, deaf_s=3600)
    await lookout.look()
    assert await desk.rows("listener_deaf") == [dead]

    await desk.table.rows("UPDATE reactor.alerts SET seen_at = now() - interval '6 minutes'")
    lookout._watching_since = anyio.current_time() - 301
    await lookout.look()

    assert await desk.rows("listener_deaf") == [(*dead[:2], False)]


async def test_an_outage_is_no_time_of_watching(context: Context) -> None:
    lookout = Lookout(context)
    await lookout.look()
    assert None not in watched(lookout)

    away = Database("", AsyncConnectionPool("", open=False))
    lookout._around = replace(context, database=away)
    with pytest.raises(Exception, match="pool"):
        await lookout.look()

    assert watched(lookout) == (None, None)


async def test_a_job_that_fails_is_told_once_and_is_over_with_its_retry(
    start: Start, desk: Desk, bell: Bell, easel: Easel
) -> None:
    easel.fail = RenderFailed(FailureClass.INPUT, "props.title: is a number")
    watching = [Observer(open_log("json")) for _ in range(2)]
    seen = [counting(observer) for observer in watching]
    for observer in watching:
        await start(observe=observer)
    job = await desk.table.insert()
    await desk.table.until("EXISTS (SELECT FROM reactor.alerts WHERE kind = 'job_failed')")
    easel.fail = None
    await desk.table.rows("SELECT reactor.retry(%(id)s)", id=job)
    await desk.table.until_status(job, "complete")

    told = [one for one in await bell.rung() if one[0] == "job_failed"]
    assert told == [("job_failed", str(job), False), ("job_failed", str(job), True)]
    raised = [one for one in seen[0] + seen[1] if one[1] == "job_failed"]
    assert raised == [(Seen.ALERT_RAISED, "job_failed", str(job))]


async def test_a_job_that_somebody_puts_back_by_hand_is_no_alert_any_more(
    start: Start, desk: Desk, easel: Easel
) -> None:
    easel.fail = RenderFailed(FailureClass.INPUT, "props.title: is a number")
    context = await start()
    job = await desk.table.insert()
    await desk.table.until("EXISTS (SELECT FROM reactor.alerts WHERE kind = 'job_failed')")
    await desk.table.rows(
        "UPDATE actp_gen_jobs SET status = 'pending', run_after = 'infinity' WHERE id = %(id)s",
        id=job,
    )
    # The reactor's own lookout may be at it just now.
    with anyio.fail_after(PATIENCE_S):
        while (await desk.rows("job_failed"))[0][2]:
            await Lookout(context).look()

    assert await desk.rows("job_failed") == [("job_failed", str(job), False)]


async def test_the_loop_looks_again_and_again_and_outlives_the_database(
    context: Context, desk: Desk, observer: Observer
) -> None:
    lookout = Lookout(context, look_s=0.05)
    async with anyio.create_task_group() as tg:
        await tg.start(lookout.run)
        lookout._around = replace(
            context, database=Database("", AsyncConnectionPool("", open=False))
        )
        for _ in range(2):
            async with seeing(observer, Seen.SWEEP_FAILED, what="alerts"):
                pass
        lookout._around = context
        await desk.table.rows(CUT)
        async with seeing(observer, Seen.ALERT_RAISED, kind="job_failed"):
            await desk.failed_job()
        tg.cancel_scope.cancel()


async def test_a_disk_that_does_not_answer_stops_no_look(context: Context, desk: Desk) -> None:
    lookout = Lookout(context, deaf_s=0)
    lookout._measuring = True

    await lookout.look()

    assert [row[0] for row in await desk.rows()] == ["listener_deaf"]


async def test_what_the_database_does_not_understand_does_not_end_the_reactor(
    start: Start, table: Table, observer: Observer
) -> None:
    context = await start()
    lookout = Lookout(context, look_s=0.05)
    rename = "ALTER FUNCTION reactor.{}(boolean, double precision) RENAME TO {}"
    async with anyio.create_task_group() as tg:
        async with seeing(observer, Seen.SWEEP_FAILED, what="alerts", error="UndefinedFunction"):
            await table.rows(rename.format("check_farm", "check_nothing"))
            await tg.start(lookout.run)
        await table.rows(rename.format("check_nothing", "check_farm"))
        await table.insert(renderer="nobody")
        await table.rows(
            "INSERT INTO reactor.alerts (kind, subject, message) VALUES ('job_failed', '1000', 'x')"
        )
        await table.until("resolved_at IS NOT NULL FROM reactor.alerts WHERE subject = '1000'")
        tg.cancel_scope.cancel()
