"""Projects take turns: one with a thousand jobs does not hold up another's first."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from reactor.db import attempts, projects
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from reactor.db.pool import Database
    from tests.fix_reactor import Table
    from tests.integration.conftest import Worker

FILL = """
INSERT INTO actp_gen_jobs (template_id, renderer, project_id, priority)
SELECT 't', 'easel', %(project)s, %(priority)s FROM generate_series(1, %(n)s) RETURNING id
"""


async def fill(table: Table, project: str | None, n: int, priority: int = 0) -> list[int]:
    """So many jobs of a project."""
    rows = await table.rows(FILL, project=project, n=n, priority=priority)
    return [row[0] for row in rows]


async def owners(table: Table, ids: list[int]) -> list[str | None]:
    """Whose jobs these are, in that order."""
    return [await table.get(job, "project_id") for job in ids]


async def end(table: Table, ids: list[int]) -> None:
    """Make room again."""
    await table.rows(
        "UPDATE actp_gen_jobs SET status = 'complete', stage = NULL WHERE id = ANY (%(ids)s)",
        ids=ids,
    )


async def test_with_one_slot_the_projects_alternate(table: Table, worker: Worker) -> None:
    """Nothing runs when the next is chosen, so only the memory of the last turn can decide."""
    await fill(table, "big", 1000)
    await fill(table, "small", 2)
    await fill(table, None, 2)

    order = []
    for _ in range(7):
        claimed = await worker.claim(1)
        order += await owners(table, list(claimed))
        await end(table, list(claimed))

    assert order[:3].count("big") == 1
    assert sorted(map(str, order)) == ["None", "None", *["big"] * 3, "small", "small"]


async def test_a_newcomer_is_served_next(table: Table, worker: Worker) -> None:
    await fill(table, "big", 1000)
    for _ in range(3):
        await end(table, list(await worker.claim(1)))

    (first,) = await fill(table, "late", 1)

    assert await worker.claim(1) == [first]


async def test_many_slots_are_shared_by_what_runs_already(table: Table, worker: Worker) -> None:
    await fill(table, "big", 100)
    assert len(await worker.claim(6)) == 6
    await fill(table, "small", 100)

    claimed = await owners(table, list(await worker.claim(8)))

    assert (claimed.count("big"), claimed.count("small")) == (1, 7)


async def test_priority_comes_before_turns(table: Table, worker: Worker) -> None:
    await fill(table, "big", 5)
    urgent = await fill(table, "big", 3, priority=9)
    await fill(table, "small", 5)

    assert sorted(await worker.claim(3)) == urgent


async def test_a_project_has_no_more_rendering_than_it_may(
    table: Table, worker: Worker, database: Database
) -> None:
    await fill(table, "tight", 5)
    await fill(table, "usual", 5)
    async with database.connection() as conn:
        await projects.limit_project(conn, "tight", max_active=None, max_rendering=1)
        token = uuid4()
        claims = await attempts.claim_next_jobs(
            conn,
            {"easel": 10},
            reactor_id=uuid4(),
            token=token,
            lease_s=30,
            project_max_rendering=3,
        )

        claimed = await owners(table, [claim.id for claim in claims])
        assert (claimed.count("tight"), claimed.count("usual")) == (1, 3)
        again = await attempts.claim_next_jobs(
            conn,
            {"easel": 10},
            reactor_id=uuid4(),
            token=token,
            lease_s=30,
            project_max_rendering=3,
        )
    assert again == []


async def test_reactors_that_claim_at_once_take_each_job_once(
    table: Table, worker: Worker, rival: Worker
) -> None:
    for project in ("a", "b", "c"):
        await fill(table, project, 40)
    taken: list[int] = []

    async def claim(who: Worker) -> None:
        while claimed := await who.claim(3):
            taken.extend(claimed)

    with anyio.fail_after(PATIENCE_S):
        async with anyio.create_task_group() as tg:
            for who in (worker, rival, worker, rival):
                tg.start_soon(claim, who)

    assert len(taken) == len(set(taken)) == 120


async def test_what_somebody_holds_is_stepped_over(
    table: Table, worker: Worker, dsn: str, database: Database
) -> None:
    held = (await fill(table, "a", 1))[0]
    (free,) = await fill(table, "a", 1)

    async with database.transaction() as conn:
        await conn.execute("SELECT FROM actp_gen_jobs WHERE id = %s FOR UPDATE", (held,))
        meanwhile = await worker.claim(2)

    assert meanwhile == [free]
    assert await worker.claim(2) == [held]
