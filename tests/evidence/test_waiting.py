"""Why a job does not run now, its place, and when it will be done: by a real table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from reactor.db.pool import connect
from reactor.errors import Missing
from reactor.evidence import Evidence, get_evidence

if TYPE_CHECKING:
    from reactor.db.pool import Database
    from tests.evidence.conftest import Farm
    from tests.fix_reactor import Table


async def evidence(database: Database, job: int, **asked: Any) -> Evidence:
    """The job's evidence."""
    async with database.connection() as conn:
        return await get_evidence(conn, job, **asked)


async def why(table: Table, job: int) -> str:
    """What psql says."""
    return str((await table.rows("SELECT reactor.why(%(job)s)", job=job))[0][0])


async def test_no_such_job_is_missing(database: Database, table: Table) -> None:
    with pytest.raises(Missing, match="there is no job 4711"):
        await evidence(database, 4711)

    assert await why(table, 4711) == "there is no job 4711"


async def test_each_reason_comes_before_the_next(
    database: Database, table: Table, farm: Farm
) -> None:
    """What holds the job is taken away one after the other, and the next is told."""
    job = await table.insert(approved=False, project_id="p")
    await table.rows("SELECT reactor.pause()")
    await table.rows("INSERT INTO reactor.projects (project_id, max_rendering) VALUES ('p', 1)")
    other = await farm.rendering(seconds=1, project_id="p")
    told = [await why(table, job)]

    await table.rows("UPDATE actp_gen_jobs SET approved = true WHERE id = %(job)s", job=job)
    told.append(await why(table, job))
    await table.rows("SELECT reactor.resume()")
    told.append(await why(table, job))
    await farm.join(renderers=["crayon"])
    told.append(await why(table, job))
    await farm.join(renderers=["easel"])
    told.append(await why(table, job))
    await table.rows("SELECT reactor.cancel(%(other)s)", other=other)
    told.append(await why(table, job))

    assert told == [
        "it is not approved",
        "the farm is paused",
        "no reactor is running",
        "no reactor has the renderer easel",
        "project p has its most rendering (1)",
        "it waits for a slot and is next",
    ]
    found = await evidence(database, job)
    assert found.waiting is not None
    assert found.waiting.reason == told[-1]


async def test_a_job_of_the_render_server_waits_for_one(table: Table, farm: Farm) -> None:
    job = await table.insert(renderer="server")
    await farm.join(renderers=["server"])
    without = await why(table, job)
    await farm.join("renderer", capacity=2)

    assert without == "no render server is running"
    assert await why(table, job) == "it waits for a slot and is next"


async def test_a_reactor_that_has_not_been_heard_of_is_not_running(
    table: Table, farm: Farm
) -> None:
    job = await table.insert()
    await farm.join(renderers=["easel"])
    await table.rows("UPDATE actp_agent_registry SET heartbeat_at = now() - interval '61 seconds'")

    assert await why(table, job) == "no reactor is running"


async def test_a_wait_after_a_failure_says_so(database: Database, table: Table, farm: Farm) -> None:
    await farm.join(renderers=["easel"])
    await farm.takes(10)
    job = await table.insert(run_after="2100-01-02 03:04:05+00", error_class="crash")

    found = await evidence(database, job)

    assert found.waiting is not None
    assert found.waiting.reason == "not before 2100-01-02 03:04:05 UTC (the wait after crash)"
    assert found.waiting.estimated_start_s is not None
    assert found.waiting.estimated_start_s > 86400
    assert found.eta_s == pytest.approx(found.waiting.estimated_start_s + 10, abs=0.2)


async def test_the_usual_limit_of_projects_counts_where_the_farm_knows_it(
    database: Database, table: Table, farm: Farm
) -> None:
    await farm.join(renderers=["easel"])
    await farm.rendering(seconds=1, project_id="p")
    job = await table.insert(project_id="p")

    limited = await evidence(database, job, usual_max_rendering=1)
    free = await evidence(database, job, usual_max_rendering=2)

    assert limited.waiting is not None
    assert free.waiting is not None
    assert limited.waiting.reason == "project p has its most rendering (1)"
    assert free.waiting.reason == "it waits for a slot and is next"


async def test_the_place_counts_due_jobs_of_the_same_renderer_by_priority_and_id(
    database: Database, table: Table, farm: Farm
) -> None:
    await farm.join(renderers=["easel"])
    await table.insert()
    await table.insert(project_id="p")
    await table.insert(approved=False)
    await table.insert(run_after="2100-01-01")
    await table.insert(renderer="crayon")
    await table.insert(priority=-1)
    job = await table.insert()
    await table.insert()
    await table.insert(priority=5, project_id="q")

    found = await evidence(database, job)

    assert found.waiting is not None
    assert found.waiting.place == 3
    assert found.waiting.reason == "it waits for a slot behind 3 jobs"


async def test_the_place_is_counted_as_far_as_ten_thousand(
    database: Database, table: Table
) -> None:
    await table.rows(
        "INSERT INTO actp_gen_jobs (renderer, template_id) SELECT 'easel', 'still' FROM generate_series(1, 10050)"
    )
    last = (await table.rows("SELECT max(id) FROM actp_gen_jobs"))[0][0]

    found = await evidence(database, last)

    assert found.waiting is not None
    assert found.waiting.place == 10_000


async def test_the_start_is_estimated_from_past_renders_and_known_slots(
    database: Database, table: Table, farm: Farm
) -> None:
    await farm.takes(12)
    await farm.join(renderers=["easel"], slots={"easel": 3})
    await farm.join(renderers=["easel"], slots={"easel": 1})
    jobs = [await table.insert() for _ in range(3)]

    found = await evidence(database, jobs[2])

    assert found.waiting is not None
    assert found.waiting.estimated_start_s == 2 * 12 / 4
    assert found.eta_s == 6 + 12


@pytest.mark.parametrize("slots", [{"easel": "many"}, {"easel": -7}, {"easel": None}, [], "none"])
async def test_nonsense_about_slots_is_one_slot(
    database: Database, table: Table, farm: Farm, slots: object
) -> None:
    await farm.takes(12)
    await farm.join(renderers=["easel"], slots=slots)
    jobs = [await table.insert() for _ in range(2)]

    assert (await evidence(database, jobs[1])).eta_s == 24


async def test_what_nobody_knows_is_not_guessed(
    database: Database, table: Table, farm: Farm
) -> None:
    await farm.join(renderers=["easel"])
    first, second = await table.insert(), await table.insert()

    heads, tails = await evidence(database, first), await evidence(database, second)

    assert heads.waiting is not None
    assert tails.waiting is not None
    assert (heads.waiting.estimated_start_s, heads.eta_s) == (0, None)
    assert (tails.waiting.estimated_start_s, tails.eta_s) == (None, None)


async def test_a_job_that_is_held_has_no_estimate(
    database: Database, table: Table, farm: Farm
) -> None:
    await farm.join(renderers=["easel"])
    await farm.takes(12)
    job = await table.insert(approved=False)

    found = await evidence(database, job)

    assert found.waiting is not None
    assert (found.waiting.estimated_start_s, found.eta_s) == (None, None)


@pytest.mark.parametrize(("seconds", "eta_s", "left"), [(4, 3.5, 3.5), (5000, None, 0)])
async def test_a_render_ends_when_its_renderer_says_or_should_have_ended(
    database: Database, farm: Farm, seconds: float, eta_s: float | None, left: float
) -> None:
    await farm.takes(1000)
    job = await farm.rendering(seconds=seconds, eta_s=eta_s)

    found = await evidence(database, job)

    assert (found.waiting, found.eta_s) == (None, left)


async def test_a_render_ends_as_others_did(database: Database, table: Table, farm: Farm) -> None:
    await farm.takes(1000)
    job = await farm.rendering(seconds=400)
    elapsed = "extract(epoch FROM clock_timestamp() - render_started_at)::float8"

    before = await table.get(job, elapsed)
    found = await evidence(database, job)
    after = await table.get(job, elapsed)

    assert found.waiting is None
    assert found.eta_s is not None
    assert 999.9 - after < found.eta_s < 1000.1 - before


async def test_the_evidence_takes_two_statements(dsn: str, table: Table, farm: Farm) -> None:
    job = await table.insert()
    said: list[str] = []

    class Counted(psycopg.AsyncCursor[Any]):
        async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            said.append(str(query))
            return await super().execute(query, *args, **kwargs)

    async with await connect(dsn, name="counted") as conn:
        conn.cursor_factory = Counted
        await get_evidence(conn, job)

    assert len(said) == 2


async def test_an_operator_may_ask_why(table: Table) -> None:
    job = await table.insert()

    async with table.database.transaction() as conn:
        await conn.execute("SET LOCAL ROLE reactor_operator")
        cursor = await conn.execute("SELECT reactor.why(%s)", [job])
        assert await cursor.fetchone() == ("no reactor is running",)
