"""Raw NOTIFY commands: obeyed from operators, refused from everybody else, answered always."""

from __future__ import annotations

import json
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.fix_reactor import PATIENCE_S, Easel, seeing
from tests.integration.conftest import start_hearing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from reactor.context import Context
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]


@asynccontextmanager
async def session(dsn: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A person at psql, with their ears open."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute("LISTEN reactor_reply")
        yield conn


async def say(conn: psycopg.AsyncConnection[Any], command: str) -> str:
    """Send a command and wait for its outcome."""
    await conn.execute("SELECT pg_notify('reactor_control', %s)", (command,))
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(conn.notifies()) as notes:
            async for note in notes:
                return str(json.loads(note.payload)["outcome"])
    raise AssertionError("no reply")


@pytest.fixture
async def stranger(table: Table, dsn: str) -> AsyncIterator[str]:
    """The DSN of a role that may connect and nothing else."""
    await table.rows("CREATE ROLE stranger LOGIN")
    yield make_conninfo(dsn, user="stranger")
    await table.rows("DROP ROLE stranger")


async def test_an_operator_steers_the_farm_from_psql(
    start: Start, table: Table, dsn: str, easel: Easel
) -> None:
    easel.gate = anyio.Event()
    await start_hearing(start)
    job = await table.insert()
    with anyio.fail_after(PATIENCE_S):
        await easel.waiting.wait()

    async with session(dsn) as conn:
        assert "paused" in await say(conn, "pause")
        assert await say(conn, "status") == "paused: 0 pending, 1 processing, 0 complete, 0 failed"
        assert await say(conn, f"cancel {job} wrong music") == f"job {job} is cancelled"
        assert await say(conn, "resume") == "resumed"
        assert "only a failed job" in await say(conn, f"retry {job}")

    assert await table.get(job, "error_message") == "wrong music"
    audited = await table.rows("SELECT verb, job_id, given_by FROM reactor.commands ORDER BY id")
    assert audited == [
        ("pause", None, "postgres"),
        ("cancel", job, "postgres"),
        ("resume", None, "postgres"),
        ("retry", job, "postgres"),
    ]


async def test_a_stranger_may_ask_but_not_command(
    start: Start, table: Table, stranger: str
) -> None:
    await start_hearing(start)
    job = await table.insert(run_after="infinity")

    async with session(stranger) as conn:
        refused = await say(conn, f"cancel {job}")
        pong = await say(conn, "ping")

    assert refused.startswith("refused: stranger is not a member of reactor_operator")
    assert pong.startswith("pong from reactor")
    assert await table.get(job, "status") == "pending"
    assert await table.rows("SELECT count(*) FROM reactor.commands") == [(0,)]


async def test_a_member_of_reactor_operator_is_obeyed(
    start: Start, table: Table, stranger: str
) -> None:
    await table.rows("GRANT reactor_operator TO stranger")
    await start_hearing(start)

    async with session(stranger) as conn:
        assert "due now" in await say(conn, "flush")

    assert await table.rows("SELECT given_by FROM reactor.commands") == [("stranger",)]
    await table.rows("REVOKE reactor_operator FROM stranger")


async def test_a_command_from_a_session_that_has_ended_is_refused(
    start: Start, table: Table, dsn: str, observer: Any
) -> None:
    from reactor.observe import Seen

    context = await start()
    from reactor.events import Control
    from reactor.handlers.control import control
    from reactor.models import JobId

    job = await table.insert(run_after="infinity")
    async with seeing(observer, Seen.COMMAND_REFUSED):
        await control(Control("cancel", JobId(job), None, pid=2**22 + 1), context)

    assert await table.get(job, "status") == "pending"


@pytest.mark.parametrize(
    "command",
    [
        "retry",
        "retry 0",
        "retry 1 2",
        "pause 1",
        "drop table",
        "cancel 1; select 1",
        "RETRY 1",
        "r" * 7000,
    ],
)
async def test_what_is_not_a_command_changes_nothing(
    start: Start, table: Table, dsn: str, command: str
) -> None:
    await start_hearing(start)
    job = await table.insert(run_after="infinity")

    async with session(dsn) as conn:
        await conn.execute("SELECT pg_notify('reactor_control', %s)", (command,))
        assert (await say(conn, "ping")).startswith("pong")

    assert await table.get(job, "status") == "pending"
    assert await table.rows("SELECT count(*) FROM reactor.commands") == [(0,)]
