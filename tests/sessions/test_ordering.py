"""A session's job is created when everything it needs is there, and else refused in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest

from reactor import sessions
from reactor.db.pool import connect
from reactor.db.projects import limit_project
from reactor.errors import Invalid, Missing, QuotaExceeded, Refused
from reactor.sessions import NewAsset, NewEdl, NewSession, create_session_job
from reactor.sessions.mezzanine import source_of
from tests.fix_reactor import PATIENCE_S
from tests.sessions.conftest import CUTS

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from tests.fix_reactor import Table
    from tests.sessions.conftest import Psql

UNLOCK = "UPDATE reactor.edls SET status = 'draft'"
COUNT = "SELECT count(*) FROM actp_gen_jobs"
BLOCKED = "cardinality(pg_blocking_pids(pid)) > 0 FROM pg_stat_activity WHERE pid = %(pid)s"


async def refusal(conn: AsyncConnection, session_id: str = "s1", **asked: Any) -> str:
    """The sentence an order is refused with; it leaves no job behind."""
    with pytest.raises(Refused) as refused:
        await create_session_job(conn, session_id, **asked)
    assert await (await conn.execute(COUNT)).fetchone() == (0,)
    return str(refused.value)


async def store(psql: Psql, cuts: str) -> None:
    """What somebody writes from psql, and locks."""
    await psql.run(UNLOCK)
    await psql.run(f"UPDATE reactor.edls SET cuts = $json${cuts}$json$, status = 'locked'")


async def test_a_job_has_the_cuts_in_their_order(conn: AsyncConnection, ready: str) -> None:
    made = await create_session_job(
        conn, ready, format="clip_1_1", quality="720p", metadata={"by": "me"}, title="Hello"
    )

    assert made.is_new
    assert (made.job.status, made.job.template_id, made.job.session_id) == (
        "pending",
        "edl-cut",
        "s1",
    )
    assert (made.job.format, made.job.quality) == ("clip_1_1", "720p")
    assert (made.job.metadata, made.job.project_id) == ({"by": "me"}, "church")
    assert made.job.params == {
        "title": "Hello",
        "clips": [
            {"source": "left.mov", "in_s": 1, "out_s": 3.5},
            {"source": "/films/a b.mov", "in_s": 0, "out_s": 2},
            {"source": "left.mov", "in_s": 10, "out_s": 11},
        ],
    }


async def test_no_session(conn: AsyncConnection) -> None:
    with pytest.raises(Missing, match=r"no session 'a b'; create it with PUT /api/sessions/a%20b$"):
        await create_session_job(conn, "a b")


async def test_no_edl(conn: AsyncConnection) -> None:
    await sessions.put_session(conn, "s1", NewSession())

    assert await refusal(conn) == (
        "session s1: it has no EDL; write its cuts with PUT /api/sessions/s1/edl"
    )


async def test_a_draft(conn: AsyncConnection, ready: str) -> None:
    await sessions.unlock_edl(conn, ready)

    assert await refusal(conn) == (
        "session s1: its EDL is a draft; lock it with POST /api/sessions/s1/edl/lock"
    )


async def test_every_asset_that_cannot_be_used_is_named(
    conn: AsyncConnection, ready: str, psql: Psql
) -> None:
    await psql.run(
        "INSERT INTO reactor.assets (session_id, asset_id, mezzanine_url)"
        " VALUES ('s1', 'null', NULL), ('s1', 'blank', '  '), ('s1', 'tape', 'ftp://u:canary@h/a.mov')"
    )
    names = ["left", "gone", "null", "blank", "tape", "lost"]
    await store(psql, json.dumps([{"asset": name, "in_s": 0, "out_s": 1} for name in names]))

    assert await refusal(conn) == (
        "session s1: asset 'blank' has no mezzanine_url; asset 'gone' does not exist;"
        " asset 'lost' does not exist; asset 'null' has no mezzanine_url;"
        " asset 'tape' has no usable mezzanine_url: it begins with 'ftp:'"
        " (allowed: a path, file:///…, https://… or http://…);"
        " say where with PUT /api/sessions/s1/assets/ASSET_ID"
    )


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ("[]", "cuts: list should have at least 1 item"),
        ("[null]", "cuts.0: input should be an object"),
        ('[[1], "x", 5]', "cuts.2: input should be an object"),
        ("[{}]", "cuts.0.asset: is missing; cuts.0.in_s: is missing; cuts.0.out_s: is missing"),
        ('[{"asset": "left", "in_s": 2, "out_s": 2}]', "cuts.0.out_s: must be greater than in_s"),
        ('[{"asset": "left", "in_s": "1", "out_s": 2}]', "cuts.0.in_s: input should be a valid"),
        ('[{"asset": "left", "in_s": true, "out_s": 2}]', "cuts.0.in_s: input should be a valid"),
        ('[{"asset": "left", "in_s": -1, "out_s": 2}]', "cuts.0.in_s: input should be greater"),
        ('[{"asset": "left", "in_s": 0, "out_s": 1e400}]', "cuts.0.out_s: input should be"),
        ('[{"asset": "left", "in_s": 0, "out_s": 1e9000}]', "cuts: invalid JSON: number out"),
        ('[{"asset": "", "in_s": 0, "out_s": 1}]', "cuts.0.asset: string should have at least 1"),
        ('[{"asset": 7, "in_s": 0, "out_s": 1}]', "cuts.0.asset: input should be a valid string"),
        ('[{"asset": "left", "in": 0, "out_s": 1}]', "cuts.0.in: is not known"),
        ("[" + "1," * 200 + "1]", "cuts: list should have at most 200 items"),
        ("[" + "1," * 30 + "1]", "cuts: and 21 more"),
        (f'[{{"asset": "{"a" * 1_000_000}", "in_s": 0, "out_s": 1}}]', "cuts: are 1000000 char"),
        ("[" * 100 + "]" * 100, "cuts.0: input should be an object"),
        ("[" * 2000 + "]" * 2000, "cuts: invalid JSON: recursion limit exceeded"),
    ],
)
async def test_whatever_stands_in_the_table_is_refused_in_words(
    conn: AsyncConnection, ready: str, psql: Psql, stored: str, words: str
) -> None:
    await store(psql, stored)

    said = await refusal(conn)
    shown = (await sessions.get_session(conn, ready)).edl

    assert said.startswith("session s1: its EDL cannot be rendered (cuts")
    assert words in said
    assert said.endswith("unlock it with POST /api/sessions/s1/edl/unlock")
    assert len(said) < 2_000
    assert shown
    assert (shown.status, shown.cuts) == ("locked", None)
    assert words in str(shown.problem)


async def test_garbage_is_not_locked(conn: AsyncConnection, ready: str, psql: Psql) -> None:
    await psql.run(UNLOCK)
    await psql.run("UPDATE reactor.edls SET cuts = '[1]'")

    with pytest.raises(Refused, match=r"cannot be rendered \(cuts\.0: .*; write its cuts with PUT"):
        await sessions.lock_edl(conn, ready)

    assert await psql.run("SELECT status, locked_at FROM reactor.edls") == [("draft", None)]


async def test_locked_cuts_are_not_replaced(conn: AsyncConnection, ready: str) -> None:
    with pytest.raises(Refused, match="its EDL is locked; unlock it with POST"):
        await sessions.put_edl(conn, ready, NewEdl(cuts=CUTS[:1]))
    with pytest.raises(Refused, match=r"asset 'left' is in the locked EDL .*; unlock it with POST"):
        await sessions.put_asset(conn, ready, "left", NewAsset(mezzanine_url=None))

    await sessions.unlock_edl(conn, ready)
    await sessions.put_edl(conn, ready, NewEdl(cuts=CUTS[:1]))
    await sessions.put_asset(conn, ready, "left", NewAsset(mezzanine_url=None))
    session = await sessions.get_session(conn, ready)
    assert session.edl
    assert (session.edl.status, session.edl.cuts) == ("draft", CUTS[:1])


async def test_a_refusal_leaves_the_callers_transaction_alive(
    conn: AsyncConnection, ready: str
) -> None:
    async with conn.transaction():
        with pytest.raises(Refused):
            await sessions.put_asset(conn, ready, "left", NewAsset(mezzanine_url=None))
        with pytest.raises(Missing):
            await create_session_job(conn, "other")
        made = await create_session_job(conn, ready)

    assert (await sessions.list_session_jobs(conn, ready)).jobs == [made.job]


async def test_wrong_words_are_named(conn: AsyncConnection, ready: str) -> None:
    with pytest.raises(Invalid, match=r"format: input should be 'full_16_9', .*; quality: input"):
        await create_session_job(conn, ready, format="round", quality="8k")
    for name in ("", "a\0b", "\ud800", "a" * 201):
        with pytest.raises(Invalid, match="session_id"):
            await create_session_job(conn, name)
        with pytest.raises(Invalid, match="session_id"):
            await sessions.put_session(conn, name, NewSession())
        with pytest.raises(Invalid, match="asset_id"):
            await sessions.put_asset(conn, ready, name, NewAsset(mezzanine_url="a"))


async def test_cuts_that_are_too_long_for_a_job_are_refused(
    conn: AsyncConnection, ready: str, psql: Psql
) -> None:
    await psql.run("UPDATE reactor.assets SET mezzanine_url = repeat('x', 1900)")
    await store(psql, json.dumps([cut.model_dump() for cut in CUTS[:1]] * 200))

    with pytest.raises(Invalid, match=r"^params: must be at most 262144 bytes of JSON"):
        await create_session_job(conn, ready)


async def test_the_projects_quota_holds(conn: AsyncConnection, ready: str) -> None:
    await limit_project(conn, "church", max_active=1, max_rendering=None)
    await create_session_job(conn, ready)

    with pytest.raises(QuotaExceeded, match="project church has 1 active jobs"):
        await create_session_job(conn, ready)


async def test_the_same_key_is_the_same_job_whatever_became_of_the_cuts(
    conn: AsyncConnection, ready: str
) -> None:
    first = await create_session_job(conn, ready, idempotency_key="k", title="A")
    await sessions.unlock_edl(conn, ready)
    draft = await create_session_job(conn, ready, idempotency_key="k", title="A")
    await sessions.put_edl(conn, ready, NewEdl(cuts=CUTS[:1]))
    await sessions.lock_edl(conn, ready)
    other = await create_session_job(conn, ready, idempotency_key="k", title="A")

    assert [made.is_new for made in (first, draft, other)] == [True, False, False]
    assert {made.job.id for made in (first, draft, other)} == {first.job.id}
    for shape, word in (("thumbnail", "format"), ("full_16_9", "title")):
        with pytest.raises(Refused, match=rf"'k' is job {first.job.id}, which has another {word}$"):
            await create_session_job(conn, ready, idempotency_key="k", format=shape)


async def test_a_key_of_another_kind_of_job_is_refused(
    conn: AsyncConnection, ready: str, psql: Psql
) -> None:
    await psql.run("INSERT INTO actp_gen_jobs (idempotency_key, params) VALUES ('k', '[]')")

    with pytest.raises(Refused, match="which has another template_id, session_id"):
        await create_session_job(conn, ready, idempotency_key="k")


async def test_many_callers_with_one_key_get_one_job(dsn: str, ready: str, psql: Psql) -> None:
    made: list[sessions.SessionJob] = []

    async def create() -> None:
        async with await connect(dsn, name="one of many") as conn:
            made.append(await create_session_job(conn, ready, idempotency_key="k"))

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg:
            for _ in range(8):
                tg.start_soon(create)

    assert len({one.job.id for one in made}) == 1
    assert sum(one.is_new for one in made) == 1
    assert await psql.run(COUNT) == [(1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reactor.edls SET status = 'draft'",
        "DELETE FROM reactor.assets",
        "UPDATE reactor.assets SET mezzanine_url = 'elsewhere.mov'",
        "UPDATE reactor.sessions SET project_id = 'other'",
        "DELETE FROM reactor.sessions",
    ],
)
async def test_nothing_changes_between_check_and_commit(
    conn: AsyncConnection, ready: str, psql: Psql, table: Table, statement: str
) -> None:
    async def change(other: AsyncConnection) -> None:
        try:
            await other.execute(statement.encode())
        except psycopg.errors.RestrictViolation:
            done.append("refused")
        else:
            done.append("done")

    done: list[str] = []
    async with await connect(psql.dsn, name="psql") as other:
        with anyio.fail_after(PATIENCE_S):
            async with anyio.create_task_group() as tg, conn.transaction():
                made = await create_session_job(conn, ready)
                tg.start_soon(change, other)
                await table.until(BLOCKED, pid=other.info.backend_pid)
                assert done == []

    assert done == ["refused" if statement.startswith("DELETE") else "done"]
    assert made.job.params["clips"][0]["source"] == "left.mov"


async def test_an_edl_that_is_unlocked_meanwhile_is_seen_as_the_draft_it_became(
    conn: AsyncConnection, ready: str, psql: Psql, table: Table
) -> None:
    said: list[str] = []

    async def create() -> None:
        said.append(await refusal(conn))

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg, psql.held(UNLOCK):
            tg.start_soon(create)
            await table.until(BLOCKED, pid=conn.info.backend_pid)

    assert "its EDL is a draft" in said[0]


async def test_cuts_that_are_edited_over_and_over_make_whole_jobs(
    dsn: str, ready: str, psql: Psql
) -> None:
    """One person flips between two cuts while others order: each job is one of the two, or refused."""
    sides = [NewEdl(cuts=CUTS[:1] * 2), NewEdl(cuts=CUTS[1:2] * 2)]
    outcomes: list[str] = []
    refusals: set[str] = set()

    async def edit() -> None:
        async with await connect(dsn, name="editor") as conn:
            for turn in range(30):
                await sessions.unlock_edl(conn, ready)
                await sessions.put_edl(conn, ready, sides[turn % 2])
                await sessions.lock_edl(conn, ready)

    async def order() -> None:
        async with await connect(dsn, name="orderer") as conn:
            taken = 0
            # The editor leaves them locked, so there is an end to the refusals.
            while taken < 15:
                try:
                    made = await create_session_job(conn, ready)
                except Refused as wrong:
                    refusals.add(str(wrong))
                else:
                    taken += 1
                    clips = made.job.params["clips"]
                    outcomes.append("+".join(clip["source"] for clip in clips))

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg:
            tg.start_soon(edit)
            tg.start_soon(order)
            tg.start_soon(order)

    whole = {"left.mov+left.mov", "/films/a b.mov+/films/a b.mov"}
    assert set(outcomes) <= {*whole, "left.mov+/films/a b.mov+left.mov"}
    assert len(outcomes) == (await psql.run(COUNT))[0][0] == 30
    assert all("its EDL is a draft" in said for said in refusals)


@pytest.mark.parametrize(
    ("given", "source"),
    [
        (" a b.mov ", "a b.mov"),
        ("/films/ä.mov", "/films/ä.mov"),
        ("take: 2.mov", "take: 2.mov"),
        ("file:///films/a%20%23.mov", "/films/a #.mov"),
        ("FILE://localhost/films/a.mov", "/films/a.mov"),
        ("file:/films/a.mov", "/films/a.mov"),
        ("https://h.example/a.mov?sig=A%2Fb#x", "https://h.example/a.mov?sig=A%2Fb#x"),
    ],
)
def test_where_a_film_is(given: str, source: str) -> None:
    assert source_of(given) == source


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "is empty"),
        ("a\0canary", "control characters"),
        ("a\ncanary", "control characters"),
        ("file:///a%00canary", "control characters"),
        ("file:///a%ffcanary", "is not a URL"),
        ("file://[canary/a", "is not a URL"),
        ("file://canary/a.mov", "names another machine"),
        ("file:///a.mov?canary", "bare"),
        ("s3://canary/a.mov", "begins with 's3:'"),
        ("https://u:canary@h/a.mov", "must not contain a user name"),
        ("https:///canary", "names no host"),
        ("http://[canary/", "no host"),
    ],
)
def test_where_no_film_can_be(given: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        source_of(given)

    assert "canary" not in str(refused.value)
