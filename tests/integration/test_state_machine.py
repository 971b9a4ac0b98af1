"""Random actions from several connections against a model: no illegal state, one terminal event per job.

The model is `reactor.states` and a dict; every action is the statement that the farm itself uses.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reactor import jobs as service
from reactor import states
from reactor.db import attempts
from reactor.db.pool import connect
from reactor.errors import Refused
from reactor.models import JobId, JobStatus, Stage
from reactor.records import NewJob
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal
    from psycopg import AsyncConnection

WORKERS = 3
TERMINAL = ("job.complete", "job.cancelled")
workers = st.integers(0, WORKERS - 1)
picks = st.integers(0, 2**16)


@dataclass
class Known:
    """What the model holds of a job."""

    status: JobStatus = JobStatus.PENDING
    stage: Stage | None = None
    approved: bool = True
    retry_count: int = 0
    holder: int | None = None
    token: UUID | None = None
    failures: int = 0
    ends: int = 0
    """Times it was said to be complete or cancelled."""

    @property
    def held(self) -> bool:
        """Whether a worker has it."""
        return self.token is not None

    @property
    def due(self) -> bool:
        """Whether it may be claimed."""
        return self.status is JobStatus.PENDING and self.approved


@dataclass
class Connections:
    """A person's and the workers', all in one event loop."""

    portal: BlockingPortal
    person: AsyncConnection
    reactors: list[AsyncConnection]
    ids: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(WORKERS)])


class Farm(RuleBasedStateMachine):
    """One database, several hands."""

    farm: Connections

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[JobId, Known] = {}
        for table in ("public.actp_gen_jobs", "reactor.events", "reactor.attempts"):
            self.sql(f"DELETE FROM {table}")

    def call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self.farm.portal.call(lambda: function(*args, **kwargs))

    def sql(self, text: str, **values: Any) -> list[Any]:
        async def run() -> list[Any]:
            cursor = await self.farm.person.execute(text.encode(), values)
            return await cursor.fetchall() if cursor.description else []

        return list(self.farm.portal.call(run))

    def pick(self, number: int, **traits: Any) -> JobId | None:
        fitting = [
            job
            for job, known in self.jobs.items()
            if all(getattr(known, name) == value for name, value in traits.items())
        ]
        return fitting[number % len(fitting)] if fitting else None

    @initialize()
    def begin_with_some(self) -> None:
        for n in range(4):
            self.create(approved=True, priority=n % 2)

    @rule(approved=st.booleans(), priority=st.integers(-1, 1))
    def create(self, *, approved: bool, priority: int) -> None:
        asked = NewJob(template_id="t", renderer="easel", approved=approved, priority=priority)
        created = self.call(service.create_job, self.farm.person, asked)
        self.jobs[created.id] = Known(approved=approved)

    @rule(worker=workers, slots=st.integers(0, 3))
    def claim(self, worker: int, slots: int) -> None:
        token = uuid4()
        claims = self.call(
            attempts.claim_next_jobs,
            self.farm.reactors[worker],
            {"easel": slots},
            reactor_id=self.farm.ids[worker],
            token=token,
            lease_s=3600,
        )
        due = sum(known.due for known in self.jobs.values())
        assert len(claims) == min(slots, due)
        for claimed in claims:
            known = self.jobs[claimed.id]
            assert (known.status, known.approved) == (JobStatus.PENDING, True)
            known.status, known.stage = JobStatus.PROCESSING, Stage.CLAIMED
            known.holder, known.token = worker, token

    @rule(number=picks, worker=workers, stage=st.sampled_from(list(Stage)[1:]))
    def advance(self, number: int, worker: int, stage: Stage) -> None:
        """By whoever holds the job, or by somebody who only thinks so."""
        if (job := self.pick(number)) is None:
            return
        known = self.jobs[job]
        mine = known.holder == worker and known.token is not None
        conn, token = self.farm.reactors[worker], known.token if mine else uuid4()
        if stage is Stage.RENDERING:
            done = self.call(attempts.begin_rendering, conn, job, token)
            expected = mine and known.stage is Stage.CLAIMED
        elif stage is Stage.RENDERED:
            done = self.call(attempts.mark_rendered, conn, job, token, output_path="/x")
            expected = mine and known.stage is Stage.RENDERING
        else:
            done = self.call(attempts.begin_publishing, conn, job, self.farm.ids[worker])
            expected = known.holder == worker and known.stage is Stage.RENDERED
        assert bool(done) == expected
        if expected:
            assert states.can_advance(known.stage, stage)
            known.stage = stage

    @precondition(lambda self: any(known.due for known in self.jobs.values()))
    @rule(worker=workers, steps=st.integers(1, 3), finish=st.booleans())
    def work(self, worker: int, steps: int, *, finish: bool) -> None:
        """As the farm does it: claim, carry on, and perhaps to the end."""
        self.claim(worker, 1)
        job = self.pick(-1, holder=worker, stage=Stage.CLAIMED)
        assert job is not None
        place = list(self.jobs).index(job)
        for stage in list(Stage)[1 : steps + 1]:
            self.advance(place, worker, stage)
        if finish:
            self.complete(place, worker)

    @rule(number=picks, worker=workers)
    def complete(self, number: int, worker: int) -> None:
        if (job := self.pick(number)) is None:
            return
        known = self.jobs[job]
        mine = known.holder == worker
        artifact = dict.fromkeys(("thumbnail_path", "duration_s", "width", "height", "fps"))
        artifact |= {"output_path": "/x", "size_bytes": 1, "sha256": "s"}
        token = known.token if mine and known.token else uuid4()
        done = self.call(attempts.complete_job, self.farm.reactors[worker], job, token, artifact)
        assert done == (mine and known.stage is Stage.PUBLISHING)
        if done:
            self.end(known, JobStatus.COMPLETE)

    @precondition(lambda self: any(known.held for known in self.jobs.values()))
    @rule(number=picks, worker=workers, charged=st.booleans(), may_retry=st.booleans())
    def fail(self, number: int, worker: int, *, charged: bool, may_retry: bool) -> None:
        if (job := self.pick(number)) is None:
            return
        known = self.jobs[job]
        mine = known.holder == worker and known.token is not None
        ended = self.call(
            attempts.fail_attempt,
            self.farm.reactors[worker],
            job,
            known.token if mine else uuid4(),
            error_class="crash",
            error_message="m",
            charged=charged,
            may_retry=may_retry,
            delay_s=0,
        )
        assert (ended is not None) == mine
        if ended:
            again = may_retry and (not charged or known.retry_count + 1 < 3)
            known.retry_count += charged
            assert ended.status == (JobStatus.PENDING if again else JobStatus.FAILED)
            if again:
                self.let_go(known, JobStatus.PENDING)
            else:
                known.failures += 1
                self.let_go(known, JobStatus.FAILED)

    @precondition(lambda self: any(known.held for known in self.jobs.values()))
    @rule(number=picks)
    def lose_the_reactor(self, number: int) -> None:
        """Its lease runs out; whoever sweeps takes the job back. Three in a row are poison."""
        job = self.pick(number, stage=Stage.CLAIMED) or self.pick(number, stage=Stage.RENDERING)
        if job is None:
            return
        self.sql(
            "UPDATE actp_gen_jobs SET lease_expires_at = now() - interval '1 s' WHERE id = %(id)s",
            id=job,
        )
        lost = self.call(attempts.take_back_expired_jobs, self.farm.reactors[0], ours=[])
        assert [found for found, _ in lost] == [job]
        known = self.jobs[job]
        known.failures += lost[0][1] is JobStatus.FAILED
        self.let_go(known, lost[0][1])

    @rule(number=picks)
    def cancel(self, number: int) -> None:
        """Rather one in work, because most others have ended."""
        job = self.pick(number, held=True) or self.pick(number)
        if job is None:
            return
        known = self.jobs[job]
        allowed = states.is_active(known.status) and known.stage is not Stage.PUBLISHING
        assert self.commanded(service.cancel, job) == allowed
        if allowed:
            self.end(known, JobStatus.CANCELLED)

    @rule(number=picks, force=st.booleans())
    def retry(self, number: int, *, force: bool) -> None:
        job = self.pick(number, status=JobStatus.FAILED) or self.pick(number)
        if job is None:
            return
        known = self.jobs[job]
        allowed = states.can_retry(known.status, known.retry_count, 3) or (
            force and known.status is JobStatus.FAILED
        )
        assert self.commanded(service.retry, job, force=force) == allowed
        if allowed:
            known.retry_count = 0 if force else known.retry_count
            self.let_go(known, JobStatus.PENDING)

    @precondition(lambda self: self.jobs)
    @rule(number=picks)
    def approve(self, number: int) -> None:
        job = self.pick(number, approved=False) or self.pick(number)
        assert job is not None
        known = self.jobs[job]
        allowed = known.approved or known.status is JobStatus.PENDING
        assert self.commanded(service.approve, job) == allowed
        known.approved = known.approved or allowed

    @rule(
        number=picks,
        status=st.sampled_from(list(JobStatus)),
        stage=st.sampled_from([None, *Stage]),
    )
    def update_by_hand(self, number: int, status: JobStatus, stage: Stage | None) -> None:
        """Anybody in psql: only the moves of `reactor.states` are let through."""
        if (job := self.pick(number)) is None:
            return
        known = self.jobs[job]
        moved = status is not known.status
        legal = (not moved or states.can_transition(known.status, status)) and (
            (stage == known.stage and not moved)
            or (
                (status is JobStatus.PROCESSING) == (stage is not None)
                and (
                    stage is None or stage == known.stage or states.can_advance(known.stage, stage)
                )
            )
        )
        try:
            self.sql(
                "UPDATE actp_gen_jobs SET status = %(status)s, stage = %(stage)s, claim_token = NULL,"
                " claimed_by = NULL, lease_expires_at = NULL, run_after = now() WHERE id = %(id)s",
                id=job,
                status=status,
                stage=stage,
            )
        except psycopg.errors.CheckViolation:
            assert not legal
            return
        assert legal
        known.failures += moved and status is JobStatus.FAILED
        known.ends += moved and states.is_terminal(status)
        known.status, known.stage, known.holder, known.token = status, stage, None, None

    @rule(number=picks, status=st.sampled_from(list(JobStatus)))
    def render_elsewhere(self, number: int, status: JobStatus) -> None:
        if (job := self.pick(number)) is None:
            return
        known = self.jobs[job]
        try:
            self.call(service.transition, self.farm.person, job, status)
        except Refused:
            assert not states.can_transition(known.status, status)
            return
        assert states.can_transition(known.status, status)
        known.failures += status is JobStatus.FAILED
        known.retry_count += status is JobStatus.FAILED
        known.ends += states.is_terminal(status)
        self.let_go(known, status)
        known.stage = Stage.CLAIMED if status is JobStatus.PROCESSING else None

    def commanded(self, verb: Any, job: JobId, **how: Any) -> bool:
        try:
            self.call(verb, self.farm.person, job, given_by="test", **how)
        except Refused:
            return False
        return True

    def end(self, known: Known, status: JobStatus) -> None:
        known.ends += 1
        self.let_go(known, status)

    def let_go(self, known: Known, status: JobStatus) -> None:
        known.status, known.stage, known.holder, known.token = status, None, None, None

    @invariant()
    def the_table_is_the_model(self) -> None:
        rows = self.sql(
            "SELECT id, status, stage, approved, retry_count, claim_token FROM actp_gen_jobs"
        )
        assert {row[0]: tuple(row[1:]) for row in rows} == {
            job: (k.status, k.stage, k.approved, k.retry_count, k.token)
            for job, k in self.jobs.items()
        }

    @invariant()
    def every_end_was_told_once(self) -> None:
        told = self.sql(
            "SELECT job, count(*) FILTER (WHERE event = ANY (%(ends)s)), count(*) FILTER (WHERE event = 'job.failed')"
            "  FROM reactor.events, unnest(job_ids) AS job GROUP BY job",
            ends=list(TERMINAL),
        )
        said = {job: (ends, failures) for job, ends, failures in told}
        for job, known in self.jobs.items():
            assert known.ends == states.is_terminal(known.status)
            assert said.get(job, (0, 0)) == (known.ends, known.failures)


def test_no_action_from_anywhere_leaves_the_model(dsn: str) -> None:
    with start_blocking_portal("asyncio") as portal:

        async def open_all() -> list[AsyncConnection]:
            return [await connect(dsn, name=f"hand {n}") for n in range(WORKERS + 1)]

        person, *reactors = portal.call(open_all)
        Farm.farm = Connections(portal, person, reactors)
        run_state_machine_as_test(
            Farm,
            settings=settings(
                max_examples=60,
                stateful_step_count=40,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
        for conn in (person, *reactors):
            portal.call(conn.close)


def test_many_hands_at_once_end_every_job_once(dsn: str) -> None:
    """Threads that complete, fail, cancel and retry the same jobs as fast as they can."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(
            "INSERT INTO actp_gen_jobs (template_id, renderer, max_attempts)"
            " SELECT 't', 'easel', 2 FROM generate_series(1, 40)"
        )
    start = threading.Barrier(4)
    bugs: list[BaseException] = []

    def work(number: int) -> None:
        with start_blocking_portal("asyncio") as portal:
            start.wait()
            try:
                portal.call(hammer, dsn, number)
            except BaseException as bug:  # noqa: BLE001 - a thread's failure is the test's
                bugs.append(bug)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S * 5)

    assert not any(thread.is_alive() for thread in threads)
    assert bugs == []
    with psycopg.connect(dsn, autocommit=True) as conn:
        ended = conn.execute(
            "SELECT j.id, j.status, count(e.id) FROM actp_gen_jobs j LEFT JOIN reactor.events e"
            " ON j.id = ANY (e.job_ids) AND e.event IN ('job.complete', 'job.cancelled') GROUP BY j.id"
        ).fetchall()
    assert len(ended) == 40
    assert {(status, count) for _, status, count in ended} <= {("complete", 1), ("cancelled", 1)}


async def hammer(dsn: str, number: int) -> None:
    """One hand: claims, ends, cancels, retries, until nothing is left to end."""
    token, reactor_id = uuid4(), uuid4()
    async with await connect(dsn, name=f"hammer {number}") as conn:
        for turn in range(400):
            claims = await attempts.claim_next_jobs(
                conn, {"easel": 3}, reactor_id=reactor_id, token=token, lease_s=3600
            )
            for n, claim in enumerate(claims):
                if (turn + n + number) % 3 == 0:
                    await attempts.fail_attempt(
                        conn,
                        claim.id,
                        token,
                        error_class="crash",
                        error_message="m",
                        charged=True,
                        may_retry=True,
                        delay_s=0,
                    )
                elif (turn + n) % 5 == 0:
                    await attempts.release_jobs(conn, {claim.id: token})
                else:
                    await attempts.complete_dry_runs(conn, [claim.id], token)
            job = JobId(1 + (turn * 7 + number) % 40)
            with suppress(Refused):
                await service.retry(conn, job, force=True, given_by="hammer")
            if turn > 20:
                with suppress(Refused):
                    await service.cancel(conn, job, given_by="hammer")
