"""Filling, making one job, sorting: what is refused, what is written down, and the doors to it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from reactor.db.pool import open_database
from reactor.demo.script import SCRIPT
from reactor.errors import Invalid
from reactor.filler import (
    Lacking,
    count_pending_jobs,
    create_job,
    fill_queue,
    find_lacking,
    get_pending_jobs,
    prioritize_jobs,
)
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from psycopg import AsyncConnection

    from reactor.context import Context
    from reactor.db.pool import Database
    from tests.filler.conftest import Farm

    Start = Callable[..., Awaitable[Context]]

NICHES = "ai_automation, content_creation, email_marketing, solopreneur"
PLATFORMS = "instagram, threads, tiktok, x, youtube"


@pytest.fixture
async def conn(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection."""
    async with database.connection() as opened:
        yield opened


@pytest.mark.parametrize("target", [0, -1, 10_001, 2**31, -(2**31) - 1, 10**30])
async def test_a_target_that_is_none_is_refused(
    farm: Farm, conn: AsyncConnection, target: int
) -> None:
    with pytest.raises(Invalid, match=f"target: is {target}; allowed: 1 to 10000"):
        await fill_queue(conn, target, given_by="me")

    assert await farm.made("id") == []
    assert await farm.table.rows("SELECT count(*) FROM reactor.commands") == [(0,)]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("gardening", "youtube"), f"niche: 'gardening' .*; allowed: {NICHES}$"),
        (("solopreneur", "vimeo"), f"platform: 'vimeo' .*; allowed: {PLATFORMS}$"),
        (("solopreneur", "x", "gone"), "template_id: 'gone' .*; allowed: title-card$"),
        (("", ""), "niche: '' "),
        (("a\0b", "x"), "niche: "),
        (("\ud800", "x"), "niche: "),
        (("x" * 100_000, "x"), "niche: "),
        (("'; DROP TABLE actp_gen_jobs; --", "x"), "niche: '''; DROP TABLE"),
    ],
)
async def test_a_job_of_what_is_not_there_is_refused_with_what_is(
    farm: Farm, conn: AsyncConnection, asked: tuple[str, ...], words: str
) -> None:
    with pytest.raises(Invalid, match=words):
        await create_job(conn, *asked)

    assert await farm.made("id") == []
    assert await farm.table.rows("SELECT sum(made) FROM reactor.niches") == [(0,)]


@pytest.mark.parametrize("part", ["niches", "platforms", "templates"])
async def test_what_is_switched_off_is_refused_as_well(
    farm: Farm, conn: AsyncConnection, part: str
) -> None:
    await farm.table.rows(f"UPDATE reactor.{part} SET enabled = false")

    with pytest.raises(Invalid, match="allowed: none, there is none yet"):
        await create_job(conn, "solopreneur", "x")


async def test_a_template_is_for_whom_it_is_meant(farm: Farm, conn: AsyncConnection) -> None:
    await farm.table.rows(
        "INSERT INTO reactor.templates (template_id, niches, platforms) VALUES ('t', '{solopreneur}', '{x}')"
    )
    with pytest.raises(Invalid, match="allowed: title-card"):
        await create_job(conn, "solopreneur", "youtube", "t")
    with pytest.raises(Invalid, match="allowed: title-card"):
        await create_job(conn, "ai_automation", "x", "t")

    named = await create_job(conn, "solopreneur", "x", "t")
    again = await create_job(conn, "solopreneur", "x")

    assert await farm.made("id", "template_id") == [(named, "t"), (again, "title-card")]


async def test_a_job_that_is_asked_for_exists_exactly_when_the_caller_commits(
    farm: Farm, conn: AsyncConnection
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with conn.transaction():
            await create_job(conn, "solopreneur", "x")
            raise ZeroDivisionError
    async with conn.transaction():
        await create_job(conn, "solopreneur", "x")
        # Refused in the same transaction, which goes on.
        with pytest.raises(Invalid):
            await create_job(conn, "solopreneur", "nowhere")

    assert await farm.made("platform", "metadata ->> 'n'") == [("x", "1")]


async def test_the_queue_can_be_counted_and_read(farm: Farm, conn: AsyncConnection) -> None:
    await farm.fill(3)
    await farm.table.rows(
        "INSERT INTO actp_gen_jobs (niche, approved, run_after, priority) VALUES ('late', true, 'infinity', 1),"
        " ('far', true, '20000-01-01', 2), ('unread', false, now(), 3)"
    )

    counted = (await count_pending_jobs(conn), await count_pending_jobs(conn, most=2))
    found = await get_pending_jobs(conn)

    assert counted == (3, 2)
    assert [job.waits for job in found] == [
        *(None, None, None, "for approval", "until 20000-01-01 00:00:00 UTC", "for ever"),
    ]
    assert (found[0].niche, found[0].platform, found[0].template_id) == (
        *("email_marketing", "instagram", "title-card"),
    )
    assert len(await get_pending_jobs(conn, most=2)) == 2


async def test_priorities_follow_the_catalogue(farm: Farm, conn: AsyncConnection) -> None:
    await farm.fill(15)
    other = await farm.table.insert(niche="unknown", platform="x", priority=7, run_after="infinity")
    done = await farm.table.insert(niche="solopreneur", platform="x", status="complete", priority=7)
    before = await prioritize_jobs(conn)
    await farm.table.rows(
        "UPDATE reactor.niches SET performance = 2.345 WHERE niche = 'solopreneur'"
    )
    await farm.table.rows("UPDATE reactor.platforms SET engagement = 1000 WHERE platform = 'x'")
    await farm.table.rows("CREATE TABLE written AS SELECT id, xmin::text AS by FROM actp_gen_jobs")

    after = await prioritize_jobs(conn, given_by="me")

    expected = {
        row[0]: min(
            1_000_000,
            round((2.345 if row[1] == "solopreneur" else 1) * (1000 if row[2] == "x" else 1) * 100),
        )
        for row in await farm.made("id", "niche", "platform")
    } | {other: 7, done: 7}
    assert dict(await farm.made("id", "priority")) == expected
    changed = sum(priority not in (7, 100) for priority in expected.values())
    assert (before.jobs, after.jobs) == (0, changed)
    touched = (
        "SELECT count(*) FROM actp_gen_jobs j JOIN written w USING (id) WHERE j.xmin::text <> w.by"
    )
    assert await farm.table.rows(touched) == [(changed,)]
    assert await farm.table.rows("SELECT verb, given_by, outcome FROM reactor.commands ORDER BY id DESC LIMIT 1") == [
        ("prioritize", "me", f"{changed} pending jobs have another priority")
    ]  # fmt: skip


async def test_what_people_ask_is_written_down(farm: Farm, dsn: str) -> None:
    await farm.fill(2)
    await farm.table.rows("SELECT reactor.prioritize()")
    await farm.table.rows("SELECT reactor.flush_stale()")

    assert await farm.table.rows("SELECT verb, given_by, outcome FROM reactor.commands ORDER BY id") == [
        ("fill", "postgres", "made 2 jobs; 2 of 2 are pending"),
        ("prioritize", "postgres", "0 pending jobs have another priority"),
        ("flush_stale", "postgres", "no job has been in work for more than 24 h"),
    ]  # fmt: skip


async def test_operators_say_it_by_notify(start: Start, farm: Farm, dsn: str) -> None:
    await farm.table.rows("SELECT reactor.pause()")
    await start()
    said = []
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute("LISTEN reactor_reply")
        for command in ("fill 3", "prioritize", "fill", "fill 10001"):
            await conn.execute("SELECT pg_notify('reactor_control', %s)", (command,))
            with anyio.fail_after(PATIENCE_S):
                replies = [note.payload async for note in conn.notifies(stop_after=1)]
            said.append(json.loads(replies[0])["outcome"])

    assert said == [
        "made 3 jobs; 3 of 3 are pending",
        "0 pending jobs have another priority",
        "made 12 jobs; 15 of 15 are pending",
        "refused: target: is 10001; allowed: 1 to 10000",
    ]


@pytest.mark.parametrize("column", ["niches", "platforms"])
async def test_a_template_for_nobody_who_is_there_is_refused(farm: Farm, column: str) -> None:
    allowed = NICHES if column == "niches" else PLATFORMS
    words = f"template t: {column}: 'nobody' is not in reactor.{column}; allowed: {allowed}"
    for statement in (
        f"INSERT INTO reactor.templates (template_id, {column}) VALUES ('t', '{{nobody}}')",
        f"UPDATE reactor.templates SET template_id = 't', {column} = '{{nobody}}'",
        f"UPDATE reactor.templates SET template_id = 't', {column} = '{{NULL}}'",
    ):
        with pytest.raises(psycopg.errors.CheckViolation) as refused:
            await farm.table.rows(statement)
        assert refused.value.diag.message_primary in (words, words.replace("'nobody'", "'<NULL>'"))


async def test_whoever_fills_by_name_only_may_do_no_more(farm: Farm, dsn: str) -> None:
    """Operators call the functions; the tables behind them stay shut."""
    allowed: dict[str, bool] = {}
    for call in (
        "SELECT reactor.fill(1)",
        "SELECT reactor.prioritize()",
        "SELECT reactor.flush_stale()",
        "SELECT reactor.create_job('solopreneur', 'x')",
        "SELECT reactor.fill_queue(1, 'somebody else')",
        "SELECT reactor.make_jobs('{x}', '{solopreneur}', '{title-card}')",
        "SELECT reactor.flush_stale_jobs(1, 1, 'somebody else')",
    ):
        async with await psycopg.AsyncConnection.connect(dsn) as conn:
            await conn.execute("SET ROLE reactor_operator")
            try:
                await conn.execute(call.encode())
            except psycopg.errors.InsufficientPrivilege:
                allowed[call] = False
            else:
                allowed[call] = True
            await conn.rollback()

    assert list(allowed.values()) == [True] * 4 + [False] * 3


async def test_what_is_missing_of_the_first_twelve(farm: Farm, conn: AsyncConnection) -> None:
    wanted = Counter((niche, platform) for niche, platform, *_ in SCRIPT)
    rows: list[dict[str, Any]] = [
        {"niche": niche, "platform": platform} for niche, platform, *_ in SCRIPT
    ]
    for row in rows[:-1]:
        await farm.table.insert(**row, run_after="infinity")
    await farm.table.rows("UPDATE actp_gen_jobs SET status = 'cancelled' WHERE id = (SELECT max(id) FROM actp_gen_jobs WHERE platform = 'threads')")  # fmt: skip

    lacking = await find_lacking(conn, wanted)

    assert sorted(lacking) == [
        Lacking("ai_automation", "tiktok", 1, 0),
        Lacking("content_creation", "threads", 5, 4),
    ]


async def test_a_template_too_deep_to_fill_in_is_refused(farm: Farm) -> None:
    """One such row would keep the queue from being filled at all."""
    deep = "UPDATE reactor.templates SET defaults = jsonb_build_object('params', %(params)s::jsonb)"

    with pytest.raises(psycopg.errors.CheckViolation, match="nested more than 50 levels deep"):
        await farm.table.rows(deep, params='{"a":' + "[" * 800 + "]" * 800 + "}")

    await farm.table.rows(deep, params='{"a":' + "[" * 40 + '"{niche}"' + "]" * 40 + "}")
    assert await farm.fill(1) == "made one job; 1 of 1 are pending"


async def test_a_database_with_another_usual_isolation_is_filled_all_the_same(
    farm: Farm, dsn: str
) -> None:
    name = conninfo_to_dict(dsn)["dbname"]
    await farm.table.rows(
        f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'repeatable read'"
    )

    async with open_database(dsn) as opened, opened.connection() as conn:
        filled = await fill_queue(conn, 3)

    assert len(filled.ids) == 3
