"""The moves a job can make, as docs and Python and the database see them; the database refuses the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import reactor
from reactor import states
from reactor.models import JobStatus, Stage
from tests.integration.conftest import snapshot

if TYPE_CHECKING:
    from tests.fix_reactor import Table

# "A job's life" of the design, in its own words.
MOVES = {
    ("pending", "processing"),
    ("pending", "cancelled"),
    ("processing", "complete"),
    ("processing", "failed"),
    ("processing", "cancelled"),
    ("processing", "pending"),
    ("failed", "pending"),
}
# A step on, or back from an interrupted publication; a file may be there before its renderer says so.
ADVANCES = {
    ("claimed", "rendering"),
    ("claimed", "rendered"),
    ("rendering", "rendered"),
    ("rendered", "publishing"),
    ("publishing", "rendered"),
    (None, "claimed"),
    (None, "rendered"),
}
STATUSES = list(JobStatus)
STAGES = [None, *Stage]
WAYS: dict[str, list[tuple[str, str | None]]] = {
    "pending": [],
    "claimed": [("processing", "claimed")],
    "rendering": [("processing", "claimed"), ("processing", "rendering")],
    "rendered": [("processing", "rendered")],
    "publishing": [("processing", "rendered"), ("processing", "publishing")],
    "complete": [("processing", "claimed"), ("complete", None)],
    "failed": [("processing", "claimed"), ("failed", None)],
    "cancelled": [("cancelled", None)],
}


async def move(table: Table, job: int, status: str, stage: str | None) -> None:
    """Update a job the way a person would in psql."""
    await table.rows(
        "UPDATE actp_gen_jobs SET status = %(status)s, stage = %(stage)s WHERE id = %(job)s",
        status=status,
        stage=stage,
        job=job,
    )


async def job_that_is(table: Table, where: str, **columns: Any) -> int:
    """A job in that status or stage, brought there by allowed moves."""
    job = await table.insert(**columns)
    for status, stage in WAYS[where]:
        await move(table, job, status, stage)
    return job


@pytest.mark.parametrize("old", STATUSES)
async def test_a_status_moves_as_designed_and_not_otherwise(table: Table, old: JobStatus) -> None:
    reached = set()
    for new in STATUSES:
        job = await job_that_is(table, "claimed" if old == "processing" else old)
        if await accepts(table, job, new, "claimed" if new == "processing" else None):
            reached.add(new)

    assert reached == {old} | {new for was, new in MOVES if was == old}


@pytest.mark.parametrize("old", Stage)
async def test_a_stage_advances_as_designed_and_not_otherwise(table: Table, old: Stage) -> None:
    reached = set()
    for new in STAGES:
        job = await job_that_is(table, old)
        if await accepts(table, job, "processing", new):
            reached.add(new)

    assert reached == {old} | {new for was, new in ADVANCES if was == old}


async def test_processing_begins_with_a_claim_or_a_file(table: Table) -> None:
    reached = set()
    for new in STAGES:
        job = await job_that_is(table, "pending")
        if await accepts(table, job, "processing", new):
            reached.add(new)

    assert reached == {"claimed", "rendered"}


async def test_outside_processing_there_is_no_stage(table: Table) -> None:
    for where in ("claimed", "rendered"):
        job = await job_that_is(table, where)
        for new in ("pending", "complete", "failed", "cancelled"):
            assert not await accepts(table, job, new, where)


async def accepts(table: Table, job: int, status: str, stage: str | None) -> bool:
    """Try a move; what was refused must have changed nothing."""
    before = await snapshot(table)
    try:
        await move(table, job, status, stage)
    except psycopg.errors.CheckViolation:
        assert await snapshot(table) == before
        return False
    assert await table.get(job, "status", "stage") == (status, stage)
    return True


async def test_the_functions_answer_as_the_triggers_do(table: Table) -> None:
    pairs = "SELECT o, n FROM unnest(%(all)s::text[]) AS o, unnest(%(all)s::text[]) AS n WHERE "
    moves = await table.rows(pairs + "reactor.can_transition(o, n)", all=STATUSES)
    advances = await table.rows(pairs + "reactor.can_advance(o, n)", all=STAGES)

    assert (set(moves), set(advances)) == (MOVES, ADVANCES)


def test_python_answers_as_the_database_does() -> None:
    moves = {(o, n) for o in JobStatus for n in JobStatus if states.can_transition(o, n)}
    advances = {(o, n) for o in STAGES for n in Stage if states.can_advance(o and Stage(o), n)}

    assert (moves, advances) == (MOVES, ADVANCES)


def test_the_page_of_states_draws_the_same_moves() -> None:
    page = Path(reactor.__file__).parent.parent / "docs" / "states.md"
    drawn = re.findall(r"^\s*(\w+) --> (\w+):", page.read_text("utf-8"), re.MULTILINE)

    assert sorted(drawn) == sorted(MOVES | {(old, new) for old, new in ADVANCES if old})


@pytest.mark.parametrize("status", ["processing", "done", "PENDING", ""])
async def test_a_new_job_is_not_in_work_already(table: Table, status: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="starts as pending"):
        await table.insert(status=status)

    assert await table.rows("SELECT count(*) FROM actp_gen_jobs") == [(0,)]


@pytest.mark.parametrize("status", ["complete", "failed", "cancelled"])
async def test_finished_rows_can_be_brought_along(table: Table, status: str) -> None:
    """A restored dump, or another system's history."""
    job = await table.insert(status=status)

    assert await table.get(job, "status") == status


async def test_a_status_nobody_knows_is_refused(table: Table) -> None:
    job = await table.insert()

    assert not await accepts(table, job, "done", None)


async def test_an_id_stays_what_it_is(table: Table) -> None:
    job = await table.insert()
    before = await snapshot(table)

    with pytest.raises(psycopg.errors.CheckViolation, match="changing its id"):
        await table.rows("UPDATE actp_gen_jobs SET id = 999 WHERE id = %(job)s", job=job)

    assert await snapshot(table) == before


async def test_one_illegal_row_among_many_changes_none(table: Table) -> None:
    for where in ("pending", "pending", "complete", "pending"):
        await job_that_is(table, where)
    before = await snapshot(table)

    with pytest.raises(psycopg.errors.CheckViolation, match="complete -> cancelled is not a move"):
        await table.rows("UPDATE actp_gen_jobs SET status = 'cancelled'")

    assert await snapshot(table) == before


async def test_a_refusal_names_the_move_and_the_way(table: Table) -> None:
    job = await job_that_is(table, "rendering")

    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        await move(table, job, "processing", "publishing")

    assert refused.value.diag.message_primary == (
        f"job {job}: processing/rendering -> processing/publishing is not a move a job can make"
    )
    assert "reactor.retry(id)" in (refused.value.diag.message_hint or "")


async def test_a_whole_life_in_psql(table: Table) -> None:
    """Claim, fail, retry, lose, adopt, publish: each step one UPDATE."""
    job = await table.insert()

    for status, stage in [
        ("processing", "claimed"),
        ("failed", None),
        ("pending", None),
        ("processing", "claimed"),
        ("pending", None),
        ("processing", "rendered"),
        ("processing", "publishing"),
        ("processing", "rendered"),
        ("processing", "publishing"),
        ("complete", None),
    ]:
        await move(table, job, status, stage)

    assert await table.get(job, "status") == "complete"
