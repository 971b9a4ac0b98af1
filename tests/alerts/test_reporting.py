"""One open alert for the same trouble; newer knowledge wins; whoever wants to know is told once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from tests.alerts.conftest import Bell, Desk

HERE = ("renderer_down", "here")


async def test_trouble_is_raised_once_and_resolved_once(desk: Desk, bell: Bell) -> None:
    reported = [await desk.report(trouble=trouble) for trouble in (False, True, True, False, False)]

    assert reported == ["nothing", "raised", "nothing", "resolved", "nothing"]
    assert await bell.rung() == [(*HERE, False), (*HERE, True)]
    assert await desk.rows() == [(*HERE, False)]


async def test_of_twenty_that_report_the_same_at_once_one_raises_it(desk: Desk, bell: Bell) -> None:
    await desk.webhook()
    for trouble, outcome in ((True, "raised"), (False, "resolved")) * 3:
        said: list[str] = []

        async def report(said: list[str] = said, *, trouble: bool = trouble) -> None:
            said.append(await desk.report(trouble=trouble))

        async with anyio.create_task_group() as tg:
            for _ in range(20):
                tg.start_soon(report)
        assert sorted(said) == sorted([outcome, *["nothing"] * 19])

    assert len(await bell.rung()) == 6
    assert await desk.rows() == [(*HERE, False)] * 3
    assert len(await desk.posted()) == 6


async def test_old_knowledge_neither_raises_nor_resolves(desk: Desk, bell: Bell) -> None:
    await desk.report(trouble=True)
    assert await desk.report(trouble=False, known_for_s=3600) == "nothing"
    await desk.report(trouble=False)
    assert await desk.report(trouble=True, known_for_s=3600) == "nothing"

    assert await bell.rung() == [(*HERE, False), (*HERE, True)]


async def test_what_somebody_still_sees_is_not_over_for_who_saw_it_earlier(desk: Desk) -> None:
    await desk.report(trouble=True, known_for_s=7200)
    await desk.report(trouble=True)

    assert await desk.report(trouble=False, known_for_s=3600) == "nothing"
    assert await desk.report(trouble=False) == "resolved"


async def test_newer_knowledge_wins_over_an_alert_that_was_raised_late(desk: Desk) -> None:
    await desk.report(trouble=True, known_for_s=7200)

    assert await desk.report(trouble=False, known_for_s=3600) == "resolved"


async def test_flapping_trouble_is_told_each_time(desk: Desk, bell: Bell) -> None:
    for _ in range(4):
        assert await desk.report(trouble=True) == "raised"
        assert await desk.report(trouble=False) == "resolved"

    assert len(await bell.rung()) == 8
    assert await desk.rows() == [(*HERE, False)] * 4


async def test_what_is_still_there_is_refreshed_quietly(desk: Desk, bell: Bell) -> None:
    await desk.report(trouble=True, message="a little")
    await desk.table.rows("UPDATE reactor.alerts SET seen_at = now() - interval '1 hour'")
    await bell.rung()

    assert await desk.report(trouble=True, message="much") == "nothing"

    fresh = "SELECT message, seen_at > now() - interval '30 minutes' FROM reactor.alerts"
    assert await desk.table.rows(fresh) == [("much", True)]
    assert await bell.rung() == []


async def test_the_database_is_not_written_to_while_nothing_is_new(desk: Desk) -> None:
    await desk.report(trouble=True)
    where = "SELECT ctid::text, xmax::text FROM reactor.alerts"
    before = await desk.table.rows(where)

    await desk.report(trouble=True)
    await desk.report(subject="elsewhere", trouble=False)

    assert await desk.table.rows(where) == before


async def test_a_clock_that_was_put_back_holds_nothing_up(desk: Desk) -> None:
    later = "now() + interval '1 hour'"
    await desk.report(trouble=True)
    await desk.table.rows(f"UPDATE reactor.alerts SET raised_at = {later}, seen_at = {later}")

    assert await desk.report(trouble=False) == "resolved"
    await desk.table.rows(f"UPDATE reactor.alerts SET resolved_at = {later}")
    assert await desk.report(trouble=True) == "raised"


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "'; DROP TABLE reactor.alerts; --",
        "\x1b[31m\x01\x02" * 300,
        "\U0001f4a5" * 5000,
        "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(9000)),
        "%s %(kind)s {}",
        "9" * 400,
    ],
    ids=["nothing", "quotes", "controls", "wide", "random", "formats", "digits"],
)
async def test_any_text_can_be_reported(desk: Desk, bell: Bell, subject: str) -> None:
    await desk.webhook()
    for kind in ("renderer_down", "job_failed", subject[:50]):
        assert await desk.report(kind, subject, trouble=True, message=subject) == "raised"
        assert await desk.report(kind, subject, trouble=True, message=subject) == "nothing"
        assert await desk.report(kind, subject, trouble=False) == "resolved"

    assert len(await bell.rung()) == 6
    assert len(await desk.posted()) == 6


async def test_long_subjects_that_differ_at_the_end_are_two(desk: Desk) -> None:
    for end in ("a", "b"):
        assert await desk.report(subject="x" * 5000 + end, trouble=True) == "raised"


async def test_webhooks_are_told_in_the_same_transaction(desk: Desk) -> None:
    everybody = await desk.webhook()
    await desk.webhook(project="spring")
    await desk.webhook(events=["job.failed"])

    async with desk.database.connection() as conn:
        try:
            async with conn.transaction():
                await conn.execute("SELECT reactor.report('renderer_down', 'here', true)")
                raise RuntimeError
        except RuntimeError:
            pass
    assert await desk.posted() == []
    await desk.report(trouble=True, message="it is down")
    await desk.report(trouble=False)

    assert await desk.posted() == [
        (everybody, "alert.raised", "here"),
        (everybody, "alert.resolved", "here"),
    ]
    [[body]] = await desk.table.rows("SELECT body FROM reactor.outbox ORDER BY outbox_id LIMIT 1")
    said = json.loads(body)
    assert said["type"] == "alert.raised"
    assert said["data"] == {
        "id": 2,
        "kind": "renderer_down",
        "subject": "here",
        "message": "it is down",
        "raised_at": said["data"]["raised_at"],
        "resolved_at": None,
    }


async def test_a_projects_webhook_is_told_of_its_own_jobs(desk: Desk) -> None:
    spring, everybody = await desk.webhook(project="spring"), await desk.webhook()
    mine = str(await desk.failed_job(project_id="spring"))
    other = str(await desk.failed_job(project_id="autumn"))
    for job in (mine, other):
        await desk.report("job_failed", job, trouble=True)

    assert await desk.posted() == [
        (spring, "alert.raised", mine),
        (everybody, "alert.raised", mine),
        (everybody, "alert.raised", other),
    ]
    assert await desk.table.rows("SELECT DISTINCT job_id::text FROM reactor.outbox ORDER BY 1") == [
        (mine,),
        (other,),
    ]


async def test_a_webhook_that_takes_nothing_is_not_told_so(desk: Desk) -> None:
    deaf, other = await desk.webhook(), await desk.webhook()

    await desk.report("webhook_failed", str(deaf), trouble=True)
    await desk.report("webhook_failed", str(deaf), trouble=False)

    assert {webhook for webhook, _, _ in await desk.posted()} == {other}


async def test_a_webhook_that_is_being_removed_holds_nobody_up(desk: Desk) -> None:
    webhook = await desk.webhook()
    async with desk.database.transaction() as conn:
        await conn.execute("DELETE FROM reactor.webhooks WHERE webhook_id = %s", (webhook,))
        with anyio.fail_after(PATIENCE_S):
            assert await desk.report(trouble=True) == "raised"

    assert await desk.posted() == []
