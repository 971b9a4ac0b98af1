"""`POST /api/renderer/flush`: the answer, and the lines that follow it."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx
from psycopg_pool import AsyncConnectionPool

from reactor import httpserver
from reactor.api.app import create_app
from reactor.api.renderer_commands import MOST_STREAMS, FlushAnswer, RendererNow, lines_of
from reactor.db.pool import Database
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from reactor.context import Context
    from tests.fix_reactor import Easel, Table

    Start = Callable[..., Awaitable[Context]]

FLUSH = "/api/renderer/flush"
LINES = {"Accept": "application/x-ndjson"}


def read(text: str) -> list[dict[str, Any]]:
    """The lines of a stream."""
    return [json.loads(line) for line in text.splitlines()]


async def test_who_never_said_whether_it_is_approved_is_rendered_and_so_named(
    client: httpx.AsyncClient, table: Table
) -> None:
    """Rows of a table that was there before."""
    await table.rows("ALTER TABLE actp_gen_jobs ALTER COLUMN approved DROP NOT NULL")
    job = await table.insert(approved=None)

    said = (await client.post(FLUSH)).json()

    assert (said["flushed"], said["jobs"]) == (1, [job])
    assert said["outcome"] == "1 pending jobs are due now"


async def test_everything_pending_and_approved_is_due_and_named(
    client: httpx.AsyncClient, table: Table
) -> None:
    later = await table.insert(run_after="infinity")
    urgent = await table.insert(priority=9)
    await table.insert(approved=False)
    await table.insert(status="failed")

    answer = await client.post(FLUSH)

    said = answer.json()
    assert answer.status_code == 202
    assert (said["flushed"], said["jobs"], said["paused"]) == (2, [urgent, later], False)
    assert said["outcome"] == "2 pending jobs are due now"
    assert said["renderer"] == {"running": False, "started": False}
    assert await table.get(later, "run_after <= now()")
    given = await table.rows("SELECT verb, given_by, outcome FROM reactor.commands")
    assert given == [("flush", "HTTP (127.0.0.1)", said["outcome"])]


async def test_a_paused_farm_stays_paused_and_the_answer_says_so(
    client: httpx.AsyncClient, table: Table
) -> None:
    await table.insert()
    await table.rows("SELECT reactor.pause()")

    said = (await client.post(FLUSH)).json()

    assert said["paused"]
    assert "nothing is claimed until it is resumed" in said["outcome"]
    assert await table.rows("SELECT paused FROM reactor.control") == [(True,)]


async def test_without_a_reactor_the_lines_end_and_say_why(
    client: httpx.AsyncClient, table: Table
) -> None:
    job = await table.insert()

    first, last = read((await client.post(FLUSH, headers=LINES)).text)

    assert (first["type"], first["jobs"]) == ("flush", [job])
    assert (last["type"], last["left"], last["reason"]) == ("end", 1, "no reactor is running")


async def test_a_line_for_each_job_as_it_ends(
    client: httpx.AsyncClient, table: Table, start: Start, easel: Easel
) -> None:
    jobs = [await table.insert(niche="n", platform="p", run_after="infinity") for _ in range(3)]
    bad = await table.insert(template_id="t", renderer="nobody", run_after="infinity")
    await start()

    answer = await client.post(FLUSH, headers=LINES)

    first, *ended, last = read(answer.text)
    assert (answer.status_code, first["flushed"]) == (202, 4)
    assert {line["id"]: line["status"] for line in ended} == {
        **dict.fromkeys(jobs, "complete"),
        bad: "failed",
    }
    assert [line["left"] for line in ended] == [3, 2, 1, 0]
    assert all(line["output_path"] for line in ended if line["status"] == "complete")
    assert (last["complete"], last["failed"], last["left"], last["reason"]) == (3, 1, 0, None)


async def test_a_row_that_was_deleted_is_not_waited_for(
    client: httpx.AsyncClient, table: Table, start: Start, easel: Easel
) -> None:
    easel.gate = anyio.Event()
    await start(min_free_mb=2**40)
    job = await table.insert()
    lines: list[dict[str, Any]] = []

    async with anyio.create_task_group() as tg:

        async def follow() -> None:
            lines.extend(read((await client.post(FLUSH, headers=LINES)).text))

        tg.start_soon(follow)
        await table.until("count(*) = 1 FROM reactor.commands")
        await table.rows("DELETE FROM actp_gen_jobs")

    assert [(line.get("id"), line.get("status")) for line in lines[1:-1]] == [(job, "gone")]
    assert (lines[-1]["gone"], lines[-1]["left"]) == (1, 0)


async def test_a_database_that_goes_away_ends_the_lines_with_a_word() -> None:
    answer = FlushAnswer(
        flushed=1,
        jobs=[1],
        paused=False,
        outcome="",
        renderer=RendererNow(running=True, started=False),
    )
    away = Database("", AsyncConnectionPool("", open=False))

    lines = read("".join([line async for line in lines_of(answer, away)]))

    assert [line["type"] for line in lines] == ["flush", "error"]
    assert lines[-1]["detail"] == "the database does not answer"


@asynccontextmanager
async def served(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    """The application on a real socket: a client that leaves is noticed there."""
    sock = httpserver.bind("127.0.0.1", 0, setting="REACTOR_HTTP")
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with anyio.create_task_group() as tg:
        await tg.start(httpserver.serve, create_app(context), sock)
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=url, trust_env=False, limits=limits, timeout=PATIENCE_S
        ) as client:
            yield client
        tg.cancel_scope.cancel()


async def test_so_many_clients_may_follow_and_one_that_leaves_makes_room(
    context: Context, table: Table, start: Start, easel: Easel
) -> None:
    await start(min_free_mb=2**40)  # which claims nothing
    await table.insert()
    async with served(context) as client, AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(client.stream("POST", FLUSH, headers=LINES))
            for _ in range(MOST_STREAMS)
        ]
        assert {stream.status_code for stream in streams} == {202}
        [(before,)] = await table.rows("SELECT count(*) FROM reactor.commands")

        refused = await client.post(FLUSH, headers=LINES)
        plain = await client.post(FLUSH)

        assert (refused.status_code, plain.status_code) == (503, 202)
        assert "clients follow a flush already" in refused.json()["detail"]
        assert await table.rows("SELECT count(*) FROM reactor.commands") == [(before + 1,)]
        await streams[0].aclose()
        with anyio.fail_after(PATIENCE_S):
            while True:
                async with client.stream("POST", FLUSH, headers=LINES) as again:
                    if again.status_code == 202:
                        break
