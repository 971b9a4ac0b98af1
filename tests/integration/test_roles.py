"""Who may do what: producers insert, operators command, the daemon works, and nobody else does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anyio
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from reactor.db import agents, alerts, attempts, commands, jobs, orphans, publications
from reactor.db.migrate import migrate
from reactor.db.pool import open_database
from tests.fix_reactor import PATIENCE_S
from tests.integration.conftest import Bare, Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.fix_reactor import Table

P, O, D = "producer", "operator", "daemon"  # noqa: E741
ACTIONS = {
    "INSERT INTO actp_gen_jobs (niche, params) VALUES ('n', '{}')": {P, D},
    "COPY actp_gen_jobs (niche) FROM STDIN": {P, D},
    "SELECT * FROM actp_gen_jobs": {O, D},
    "UPDATE actp_gen_jobs SET priority = 9": {D},
    "DELETE FROM actp_gen_jobs": {D},
    "TRUNCATE actp_gen_jobs": set(),
    "ALTER TABLE actp_gen_jobs DISABLE TRIGGER USER": set(),
    "SELECT reactor.pause()": {O, D},
    "SELECT reactor.resume()": {O, D},
    "SELECT reactor.flush()": {O, D},
    "SELECT reactor.retry(1)": {O, D},
    "SELECT reactor.fill(1)": {O, D},
    "SELECT reactor.fill_queue(1, 'somebody else')": {D},
    "SELECT reactor.prioritize()": {O, D},
    "SELECT reactor.flush_stale()": {O, D},
    "SELECT reactor.create_job('solopreneur', 'x')": {O, D},
    "SELECT reactor.cancel(1, 'why')": {O, D},
    # Whoever may call this one may say that somebody else did it.
    "SELECT reactor.approve(1)": {O, D},
    "SELECT reactor.obey('pause', NULL, NULL, 'somebody else', false)": {D},
    "SELECT * FROM reactor.events": {O, D},
    "SELECT * FROM reactor.sessions, reactor.edls, reactor.assets": {O, D},
    "INSERT INTO reactor.projects (project_id, max_active) VALUES ('p', 1)": {O, D},
    "SELECT * FROM reactor.webhooks": {D},
    "SELECT * FROM reactor.outbox": {D},
    "SELECT reactor.announce('job.pending', '{1}')": {D},
    "SELECT reactor.can_transition('pending', 'failed')": {D},
    "SELECT * FROM reactor.commands": {O, D},
    "SELECT * FROM reactor.alerts": {O, D},
    "SELECT * FROM reactor.open_alerts, reactor.agents": {O, D},
    "SELECT reactor.report('k', 's', true)": {D},
    "SELECT * FROM reactor.attempts": {O, D},
    "SELECT * FROM reactor.orphans": {O, D},
    "SELECT * FROM reactor.publications": {D},
    "SELECT * FROM reactor.migrations": {D},
    "UPDATE reactor.control SET paused = true": {D},
    "INSERT INTO reactor.commands (verb, given_by, outcome) VALUES ('pause', 'me', 'x')": {D},
    "DELETE FROM reactor.alerts": {D},
    "UPDATE actp_agent_registry SET status = 'x'": {D},
    "CREATE TABLE reactor.mine ()": set(),
    "CREATE TABLE public.mine ()": set(),
    "SELECT pg_notify('reactor_control', 'ping')": {P, O, D, "nobody"},
}


@pytest.fixture
async def people(table: Table, dsn: str) -> AsyncIterator[Mapping[str, str]]:
    """A login for each role; roles belong to the whole server, so their names are their own."""
    mark = uuid4().hex[:8]
    names = {role: f"{role}_{mark}" for role in (P, O, D, "nobody")}
    for role, name in names.items():
        await table.rows(f"CREATE ROLE {name} LOGIN")
        if role != "nobody":
            await table.rows(f"GRANT reactor_{role} TO {name}")
    yield {role: make_conninfo(dsn, user=name) for role, name in names.items()}
    for name in names.values():
        await table.rows(f"DROP OWNED BY {name}")
        await table.rows(f"DROP ROLE {name}")


@pytest.mark.parametrize("role", [P, O, D, "nobody"])
async def test_a_role_may_do_what_it_is_for_and_no_more(
    people: Mapping[str, str], table: Table, role: str
) -> None:
    await table.insert()
    allowed = set()
    async with await psycopg.AsyncConnection.connect(people[role]) as conn:
        for action in ACTIONS:
            try:
                await do(conn, action)
            except psycopg.errors.InsufficientPrivilege:
                pass
            else:
                allowed.add(action)
            await conn.rollback()

    assert allowed == {action for action, roles in ACTIONS.items() if role in roles}


async def do(conn: psycopg.AsyncConnection[Any], action: str) -> None:
    """Run it, whatever kind of statement it is."""
    if action.startswith("COPY"):
        async with conn.cursor().copy(action.encode()) as copy:
            await copy.write_row(("n",))
    else:
        await conn.execute(action.encode())


async def test_who_may_only_insert_is_announced_all_the_same(
    people: Mapping[str, str], dsn: str
) -> None:
    """Without any right on the schema whose functions the triggers call."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as ears:
        await ears.execute("LISTEN reactor_events")
        async with await psycopg.AsyncConnection.connect(people[P], autocommit=True) as conn:
            await conn.execute("INSERT INTO actp_gen_jobs (niche) VALUES ('n')")
        with anyio.fail_after(PATIENCE_S):
            heard = [note.payload async for note in ears.notifies(stop_after=1)]

    assert heard == ['{"event" : "job.pending", "ids" : [1]}']


async def test_the_daemon_needs_no_other_role(people: Mapping[str, str], table: Table) -> None:
    """Everything a reactor does in a day, as a member of reactor_daemon."""
    assert await migrate(people[D]) == []
    async with open_database(people[D]) as database, database.connection() as conn:
        worker = Worker(database, table)
        await agents.register_agent(
            conn,
            worker.reactor_id,
            name="r",
            kind="reactor",
            status="running",
            pid=1,
            host="h",
            version=None,
            url=None,
            capabilities={"renderers": ["easel"]},
        )
        await agents.beat_agents(conn, [worker.reactor_id], channel="reactor_probe", nonce="n")
        job = await worker.bring("publishing")
        await attempts.save_progress(conn, [(job, 1, 0.5, 1, 2, 1.0)])
        artifact = {
            "path": "/library/a.mp4",
            "output_path": "/library/a.mp4",
            "thumbnail_path": None,
            "size_bytes": 10,
            "sha256": "0" * 64,
            "duration_s": 2.0,
            "width": 1280,
            "height": 720,
            "fps": 30.0,
        }
        assert await publications.intend_publication(conn, job, artifact)
        assert await attempts.complete_job(conn, job, worker.token, artifact)
        assert await alerts.report_alert(conn, "k", "s", trouble=True) == "raised"
        await orphans.replace_orphans(conn, "/renders", [])
        await attempts.take_back_expired_jobs(conn, ours=[])
        assert (await jobs.get_job_stats(conn))["complete"] == 1
        assert "paused" in (await commands.obey(conn, "pause", given_by="somebody")).sentence
        await agents.retire_agents(conn, [worker.reactor_id])


@pytest.mark.parametrize(
    ("call", "audited"),
    [
        ("pause()", ("pause", None, None)),
        ("resume()", ("resume", None, None)),
        ("flush()", ("flush", None, None)),
        ("approve(1)", ("approve", 1, None)),
        ("retry(1)", ("retry", 1, None)),
        ("retry(1, true)", ("retry", 1, None)),
        ("cancel(1)", ("cancel", 1, None)),
        ("cancel(1, 'why')", ("cancel", 1, "why")),
        ("cancel(404, 'why')", ("cancel", 404, "why")),
    ],
)
async def test_every_command_is_written_down_once_with_who_gave_it(
    people: Mapping[str, str], table: Table, call: str, audited: tuple[object, ...]
) -> None:
    await table.insert()
    async with await psycopg.AsyncConnection.connect(people[O], autocommit=True) as conn:
        said = await (await conn.execute(f"SELECT reactor.{call}".encode())).fetchone()

    assert said
    assert await table.rows(
        "SELECT verb, job_id, reason, given_by, outcome FROM reactor.commands"
    ) == [(*audited, conn_user(people[O]), said[0])]


def conn_user(dsn: str) -> str:
    """The role a DSN names."""
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["user"])


async def test_a_borrowed_role_does_not_hide_who_it_was(
    people: Mapping[str, str], table: Table
) -> None:
    async with await psycopg.AsyncConnection.connect(people[O], autocommit=True) as conn:
        await conn.execute("SET ROLE reactor_operator")
        await conn.execute("SELECT reactor.pause()")

    assert await table.rows("SELECT given_by FROM reactor.commands") == [(conn_user(people[O]),)]


async def test_no_function_is_everybodys(table: Table) -> None:
    everybodys = """
        SELECT oid::regprocedure::text
          FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
         WHERE pronamespace = 'reactor'::regnamespace AND acl.grantee = 0"""

    assert await table.rows(
        "SELECT count(*) > 10 FROM pg_proc WHERE pronamespace = 'reactor'::regnamespace"
    ) == [(True,)]
    assert await table.rows(everybodys) == []


async def test_what_runs_as_its_owner_looks_up_names_in_fixed_places(table: Table) -> None:
    """With pg_temp last, where anybody may put a table of any name."""
    found = await table.rows(
        "SELECT proname, 'search_path=pg_catalog, reactor, pg_temp' = ANY (proconfig) FROM pg_proc"
        " WHERE pronamespace = 'reactor'::regnamespace AND prosecdef"
    )

    assert len(found) >= 10
    assert [name for name, fixed in found if not fixed] == []


async def test_a_decoy_table_of_the_callers_changes_nothing(
    people: Mapping[str, str], table: Table
) -> None:
    job = await table.insert()
    async with await psycopg.AsyncConnection.connect(people[O], autocommit=True) as conn:
        await conn.execute("CREATE TEMP TABLE actp_gen_jobs (id bigint, status text, stage text)")
        await conn.execute("SET search_path = pg_temp, public")
        await conn.execute("SELECT reactor.cancel(%s)", (job,))

    assert await table.get(job, "status") == "cancelled"


async def test_the_owner_of_the_database_can_migrate_it_without_being_superuser(bare: Bare) -> None:
    """As on managed databases, where the four roles have been made by somebody else."""
    owner = f"owner_{uuid4().hex}"
    database = psycopg.conninfo.conninfo_to_dict(bare.dsn)["dbname"]
    await bare.run(f"CREATE ROLE {owner} LOGIN")
    await bare.run(f"ALTER DATABASE {database} OWNER TO {owner}")
    try:
        assert await migrate(make_conninfo(bare.dsn, user=owner))
        assert await migrate(make_conninfo(bare.dsn, user=owner)) == []
    finally:
        await bare.run(f"DROP OWNED BY {owner} CASCADE")
        await bare.run(f"ALTER DATABASE {database} OWNER TO CURRENT_USER")
        await bare.run(f"DROP ROLE {owner}")
