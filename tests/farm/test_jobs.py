"""Jobs over nothing but a connection string: created with the caller's transaction, read, commanded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import psycopg
import pytest

from reactor import Farm, NewJob, SyncFarm
from reactor.errors import (
    BadConfiguration,
    DatabaseUnavailable,
    Invalid,
    Missing,
    QuotaExceeded,
    Refused,
    SchemaMismatch,
)
from tests.farm.conftest import Flavour, finish, hang_up

if TYPE_CHECKING:
    from tests.fix_reactor import Table


async def count(table: Table) -> int:
    return int((await table.rows("SELECT count(*) FROM actp_gen_jobs"))[0][0])


async def test_a_job_is_created_and_read(farm: Any) -> None:
    job = await farm.create_job("title-card", params={"title": "Hi"}, project_id="spring")

    assert (job.status, job.params, job.project_id) == ("pending", {"title": "Hi"}, "spring")
    assert await farm.get_job(job) == await farm.get_job(job.id) == job


async def test_jobs_come_back_in_the_order_they_were_asked_for(farm: Any) -> None:
    asked = [NewJob(template_id="t", params={"n": n}) for n in range(20)]

    assert [job.params["n"] for job in await farm.create_jobs(asked)] == list(range(20))


@pytest.mark.parametrize("autocommit", [False, True])
async def test_a_job_exists_exactly_when_the_callers_commit_does(
    farm: Any,
    flavour: Flavour,
    dsn: str,
    table: Table,
    autocommit: bool,  # noqa: FBT001
) -> None:
    async with flavour.connection(dsn, autocommit=autocommit) as (raw, conn):
        if autocommit:
            await conn.execute("BEGIN")
        await farm.create_job("t", connection=raw)
        assert await count(table) == 0
        await conn.rollback()
        assert await count(table) == 0

        if autocommit:
            await conn.execute("BEGIN")
        job = await farm.create_job("t", connection=raw)
        assert await farm.get_job(job, connection=raw) == job
        with pytest.raises(Missing):
            await farm.get_job(job)
        await conn.commit()

    assert await farm.get_job(job) == job


async def test_commands_too_belong_to_the_callers_transaction(
    farm: Any, flavour: Flavour, dsn: str
) -> None:
    job = await farm.create_job("t")
    async with flavour.connection(dsn) as (raw, conn):
        assert (await farm.cancel(job, connection=raw)).status == "cancelled"
        await conn.rollback()

    assert (await farm.get_job(job)).status == "pending"


async def test_a_refused_job_leaves_the_callers_transaction_usable(
    farm: Any, flavour: Flavour, dsn: str, table: Table
) -> None:
    await table.rows("INSERT INTO reactor.projects (project_id, max_active) VALUES ('full', 0)")
    async with flavour.connection(dsn) as (raw, conn):
        with pytest.raises(QuotaExceeded, match="full has 0 active"):
            await farm.create_job("t", project_id="full", connection=raw)
        job = await farm.create_job("t", connection=raw)
        await conn.commit()

    assert (await farm.get_job(job)).status == "pending"


async def test_a_connection_of_the_other_flavour_is_refused(flavour: Flavour, dsn: str) -> None:
    other = Flavour("blocking" if flavour.name == "async" else "async")
    async with flavour.farm(dsn) as farm, other.connection(dsn) as (raw, _):
        with pytest.raises(Invalid, match=r"connection: is a .*; allowed: psycopg's"):
            await farm.create_job("t", connection=raw)


async def test_a_key_is_one_job_from_two_clients_at_once(flavour: Flavour, dsn: str) -> None:
    made: list[int] = []

    async def order(farm: Any) -> None:
        job = await farm.create_job("t", params={"n": 1}, idempotency_key="order-1")
        made.append(job.id)

    async with flavour.farm(dsn) as one, flavour.farm(dsn) as two, anyio.create_task_group() as tg:
        for farm in (one, two) * 4:
            tg.start_soon(order, farm)

    assert len(made) == 8
    assert len(set(made)) == 1


async def test_what_is_wrong_is_named(farm: Any) -> None:
    with pytest.raises(Invalid, match="qualty: is not known"):
        await farm.create_job("t", qualty="4k")
    with pytest.raises(Invalid, match="status: 'done' is unknown; allowed: pending"):
        await farm.list_jobs(status="done")
    for number in (4711, 0, -1, 2**63, 10**40):
        with pytest.raises(Missing, match=f"there is no job {number}"):
            await farm.get_job(number)


async def test_commands_answer_with_the_job_and_leave_their_name(farm: Any, table: Table) -> None:
    job = await farm.create_job("t", approved=False)
    assert (await farm.approve(job)).approved
    await finish(table, job.id, "failed")
    assert (await farm.retry(job)).status == "pending"
    assert (await farm.cancel(job, reason="enough")).status == "cancelled"
    with pytest.raises(Refused, match="is cancelled"):
        await farm.retry(job)

    given = await table.rows("SELECT DISTINCT given_by FROM reactor.commands")
    assert given == [("a test",)]


async def test_pages_go_on_while_jobs_are_inserted(farm: Any, table: Table) -> None:
    for n in range(7):
        await table.insert(project_id="mine" if n % 2 else "other")
    first = await farm.list_jobs(most=3)
    await table.insert()
    second = await farm.list_jobs(most=10, before=first.before)

    ids = [job.id for job in (*first.jobs, *second.jobs)]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 7
    assert second.before is None


async def test_all_that_match_are_read_over_many_pages(farm: Any, table: Table) -> None:
    await table.rows(
        "INSERT INTO actp_gen_jobs (template_id, project_id)"
        " SELECT 't', CASE WHEN n <= 1234 THEN 'mine' END FROM generate_series(1, 1500) AS n"
    )
    seen: list[int] = []
    async for job in farm.iterate(project_id="mine", status="pending"):
        if not seen:
            await table.insert(project_id="mine")
        seen.append(job.id)

    assert len(seen) == len(set(seen)) == 1234


async def test_sessions_that_the_server_ended_are_replaced(farm: Any, table: Table) -> None:
    job = await farm.create_job("t")
    await hang_up(table)

    assert await farm.get_job(job) == job


async def test_a_database_that_is_not_there_is_one_line_without_the_password(
    flavour: Flavour,
) -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        async with flavour.farm("postgresql://me:sesame@127.0.0.1:1/none"):
            pass

    assert "cannot reach the database at 127.0.0.1:1/none" in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_database_without_the_farm_says_what_to_do(flavour: Flavour, dsn: str) -> None:
    async with flavour.farm(psycopg.conninfo.make_conninfo(dsn, dbname="postgres")) as farm:
        with pytest.raises(SchemaMismatch, match="run bin/reactor migrate"):
            await farm.create_job("t")


@pytest.mark.parametrize("kind", [Farm, SyncFarm])
def test_without_a_string_the_environment_says_which_database(
    kind: type[Farm | SyncFarm], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(BadConfiguration, match="DATABASE_URL"):
        kind()
    monkeypatch.setenv("DATABASE_URL", "postgresql://")
    kind()


async def test_outside_its_block_a_farm_is_closed(flavour: Flavour, dsn: str) -> None:
    async with flavour.farm(dsn) as farm:
        pass
    with pytest.raises(Refused, match="inside its `with` block"):
        await farm.create_job("t")
