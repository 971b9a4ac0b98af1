"""The farm as a Python program sees it: the service of `reactor.jobs`, and waiting."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from threading import Semaphore
from time import monotonic
from typing import TYPE_CHECKING, Any

from reactor import jobs, publish_queue
from reactor.db import events
from reactor.db.jobs import get_job_records
from reactor.errors import FieldError, Invalid, Missing, Refused
from reactor.farm.connections import given_dsn, in_our_words, joined, open_pool
from reactor.farm.ears import Ears
from reactor.farm.log import follow, read_cursor, read_kinds, write_cursor
from reactor.farm.wait import wait_for_end
from reactor.jobs import LONGEST_PAGE, PAGE
from reactor.models import JobId, JobStatus
from reactor.publish_queue import LEASE_S
from reactor.records import JobRecord, new_job

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
    from types import TracebackType

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from reactor.db.publish_queue import Taken
    from reactor.farm.log import Event
    from reactor.farm.primitives import Watcher
    from reactor.jobs import Page
    from reactor.records import NewJob

MOST_LISTENERS = 8
"""How many connections may LISTEN at once; whoever waits beside them looks every 2 s instead."""


class Farm:
    """The farm of a database, used inside its `with` block; the DSN is that of DATABASE_URL unless given.

    Errors are those of `reactor.errors`: Invalid, Missing, Refused, QuotaExceeded, DatabaseUnavailable.
    With `connection` a method works inside the caller's transaction and commits nothing; what the driver
    raises there is the caller's. `given_by` is who asked, as `reactor.commands` has it.
    """

    def __init__(self, dsn: str | None = None, *, given_by: str | None = None) -> None:
        self._dsn = given_dsn(dsn)
        self._given_by = given_by or f"python ({os.environ.get('USER') or os.getuid()})"
        self._opened: AsyncConnectionPool[AsyncConnection] | None = None
        self._listeners = Semaphore(MOST_LISTENERS)

    async def __aenter__(self) -> Farm:
        if self._opened is not None:
            raise Refused("this Farm is in use already; make another one")
        self._opened = await open_pool(self._dsn)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pool, self._opened = self._pool(), None
        await pool.close()

    async def create_job(
        self,
        template_id: str,
        *,
        connection: AsyncConnection[Any] | None = None,
        **columns: Any,
    ) -> JobRecord:
        """Create a job, or find the one its idempotency key names; `columns` are those of `NewJob`."""
        asked = new_job(template_id=template_id, **columns)
        [job] = await self.create_jobs([asked], connection=connection)
        return job

    async def create_jobs(
        self, asked: Sequence[NewJob], *, connection: AsyncConnection[Any] | None = None
    ) -> list[JobRecord]:
        """Create jobs in the order given, at most 10,000, all or none."""
        async with self._using(connection) as conn, conn.transaction():
            created = await jobs.create_jobs(conn, asked)
            found = await get_job_records(conn, [job.id for job in created])
        by_id = {job.id: job for job in found}
        return [by_id[job.id] for job in created]

    async def get_job(
        self, job: JobRecord | int, *, connection: AsyncConnection[Any] | None = None
    ) -> JobRecord:
        """Read a job as it is now; Missing when there is none."""
        async with self._using(connection) as conn:
            return await jobs.get_job(conn, id_of(job))

    async def list_jobs(
        self,
        *,
        status: str | None = None,
        project_id: str | None = None,
        session_id: str | None = None,
        batch_id: str | None = None,
        before: int | None = None,
        most: int = PAGE,
    ) -> Page:
        """One page of the jobs that match, the newest first; the next one is `before=page.before`."""
        check_status(status)
        async with self._using(None) as conn:
            return await jobs.list_jobs(
                conn,
                status=status,
                project_id=project_id,
                session_id=session_id,
                batch_id=batch_id,
                before=before,
                most=most,
            )

    async def iterate(self, **matching: str | None) -> AsyncGenerator[JobRecord]:
        """All jobs that match, the newest first, read in pages; the words are those of `list_jobs`."""
        before: int | None = None
        while True:
            page = await self.list_jobs(**matching, before=before, most=LONGEST_PAGE)
            for job in page.jobs:
                yield job
            before = page.before
            if before is None:
                return

    async def approve(
        self, job: JobRecord | int, *, connection: AsyncConnection[Any] | None = None
    ) -> JobRecord:
        """Let a job that waits for approval be rendered."""
        async with self._using(connection) as conn, conn.transaction():
            await jobs.approve(conn, id_of(job), given_by=self._given_by)
            return await jobs.get_job(conn, id_of(job))

    async def retry(
        self,
        job: JobRecord | int,
        *,
        force: bool = False,
        connection: AsyncConnection[Any] | None = None,
    ) -> JobRecord:
        """Make a failed job pending; `force` also when its attempts are used up."""
        async with self._using(connection) as conn, conn.transaction():
            await jobs.retry(conn, id_of(job), force=force, given_by=self._given_by)
            return await jobs.get_job(conn, id_of(job))

    async def cancel(
        self,
        job: JobRecord | int,
        *,
        reason: str | None = None,
        connection: AsyncConnection[Any] | None = None,
    ) -> JobRecord:
        """Cancel a job that waits or renders; Refused when it has ended or is being published."""
        async with self._using(connection) as conn, conn.transaction():
            await jobs.cancel(conn, id_of(job), reason=reason, given_by=self._given_by)
            return await jobs.get_job(conn, id_of(job))

    async def wait(
        self,
        job: JobRecord | int,
        on_progress: Watcher | None = None,
        *,
        timeout_s: float | None = None,
    ) -> JobRecord:
        """Wait until a job is complete, failed or cancelled; TimeoutError after so many seconds.

        `on_progress` is called with the job as it is at first and after each change. A database that is
        away for a while is waited for, too.
        """
        deadline = float("inf") if timeout_s is None else monotonic() + timeout_s
        with in_our_words(self._dsn):
            return await wait_for_end(
                self._ears(deadline), id_of(job), on_progress, deadline=deadline
            )

    def events(
        self, since: str | None = None, *, kinds: Collection[str] | None = None
    ) -> AsyncGenerator[Event]:
        """What happens to jobs and videos after a cursor, for ever: START is the log's begin, None is now.

        Lost connections are made anew. Keep the `cursor` of the last event that you have dealt with.
        """
        place = None if since is None else read_cursor(since)
        return follow(self._ears(), place, read_kinds(kinds))

    async def find_end(self) -> str:
        """The cursor from which only what is yet to come is read."""
        async with self._using(None) as conn:
            return write_cursor(await events.find_end(conn))

    async def take_publications(
        self,
        publisher: str,
        *,
        most: int = 1,
        platform: str | None = None,
        lease_s: float = LEASE_S,
    ) -> list[Taken]:
        """Take videos that are ready to be published; nobody else is handed the same for `lease_s`."""
        async with self._using(None) as conn, conn.transaction():
            return await publish_queue.take(
                conn, publisher=publisher, most=most, platform=platform, lease_s=lease_s
            )

    async def renew_publication(self, taken: Taken, *, lease_s: float = LEASE_S) -> str:
        """Keep it for so long from now; Refused when the claim is over."""
        async with self._using(None) as conn, conn.transaction():
            return await publish_queue.renew(conn, taken.publish_id, taken.token, lease_s=lease_s)

    async def mark_published(
        self,
        taken: Taken,
        url: str | None = None,
        *,
        connection: AsyncConnection[Any] | None = None,
    ) -> str:
        """Say that it is on its platform; saying so twice does no harm."""
        async with self._using(connection) as conn, conn.transaction():
            return await publish_queue.mark_published(
                conn, taken.publish_id, token=taken.token, url=url
            )

    async def mark_publish_failed(
        self, taken: Taken, error: str, *, retry_after_s: float | None = None, final: bool = False
    ) -> str:
        """Say that it did not work; it is tried again while there are tries left, unless that is final."""
        async with self._using(None) as conn, conn.transaction():
            return await publish_queue.mark_failed(
                conn,
                taken.publish_id,
                error,
                token=taken.token,
                retry_after_s=retry_after_s,
                final=final,
            )

    async def release_publication(self, taken: Taken) -> str:
        """Give it back without having tried it."""
        async with self._using(None) as conn, conn.transaction():
            return await publish_queue.release(conn, taken.publish_id, taken.token)

    @asynccontextmanager
    async def _using(
        self, given: AsyncConnection[Any] | None
    ) -> AsyncIterator[AsyncConnection[Any]]:
        if given is not None:
            yield await joined(given)
            return
        with in_our_words(self._dsn):
            async with self._pool().connection() as conn:
                yield conn

    def _pool(self) -> AsyncConnectionPool[AsyncConnection]:
        if self._opened is None:
            raise Refused("a Farm is used inside its `with` block")
        return self._opened

    def _ears(self, deadline: float = float("inf")) -> Ears:
        return Ears(self._dsn, self._pool(), self._listeners, deadline=deadline)


def id_of(job: JobRecord | int) -> JobId:
    """The id of a job that is given as a record or as a number; Missing when it can be none."""
    number = job.id if isinstance(job, JobRecord) else job
    if not 0 < number < 2**63:
        raise Missing(f"there is no job {number}")
    return JobId(number)


def check_status(status: str | None) -> None:
    """Refuse a word that no job can have as its status."""
    if status is not None and status not in list(JobStatus):
        raise Invalid(
            [FieldError("status", f"'{status}' is unknown; allowed: {', '.join(JobStatus)}")]
        )
