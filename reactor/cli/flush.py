"""`bin/reactor flush`: everything pending is due now, and each job is told of when it ends."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from threading import Semaphore
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import anyio
import typer

from reactor.cli.app import Json, app
from reactor.cli.session import given_by
from reactor.cli.show import COLOURS, duration, printable
from reactor.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Protocol

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool
    from rich.text import Text

    from reactor.farm.flushed import Flushed, JobEnded, Summary

    class Voice(Protocol):
        """Who tells of a flush, and how."""

        def begin(self, flushed: Flushed) -> None:
            """The command was given."""

        def tell(self, job: JobEnded) -> None:
            """A job has ended."""

        def end(self, summary: Summary | None) -> None:
            """Nothing more is told; without a summary, because whoever listened left."""


NOT_ENDED = 75
"""The exit code when jobs are left that nobody works on: try again."""


@app.command()
def flush(
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until the jobs have ended.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make everything pending due now, start the renderer if it is down, and tell of each job as it ends.

    Ctrl-C leaves the jobs alone. Exit codes: 0 all complete, 1 some are not, 75 nobody works on what is left.
    """
    voice: Voice = Lines() if as_json else Words()
    try:
        code = anyio.run(flush_and_follow, voice, not no_wait)
    except KeyboardInterrupt:
        voice.end(None)
        code = 130
    raise typer.Exit(code)


async def flush_and_follow(voice: Voice, wait: bool) -> int:  # noqa: FBT001 - it is --no-wait
    """Give the command, then tell what comes of it; the exit code."""
    from reactor.farm.ears import Ears
    from reactor.farm.flushed import Summary, flush_pending_jobs, follow

    async with farm() as (dsn, pool):
        async with pool.connection() as conn, conn.transaction():
            done = await flush_pending_jobs(conn, given_by=given_by())
        voice.begin(done)
        if not wait or not done.jobs:
            return 0
        # One semaphore's place: this command listens over a connection of its own.
        async with Ears(dsn, pool, Semaphore()) as ears, aclosing(follow(ears, done.jobs)) as told:
            async for said in told:
                if isinstance(said, Summary):
                    voice.end(said)
                    return exit_code(said)
                voice.tell(said)
    raise AssertionError("unreachable")


@asynccontextmanager
async def farm() -> AsyncIterator[tuple[str, AsyncConnectionPool[AsyncConnection]]]:
    """The migrated database: where to listen, and connections for short work."""
    from reactor.db.dsn import open_dsn
    from reactor.db.migrate import bring_up_to_date
    from reactor.farm.connections import in_our_words, open_pool

    settings = load()
    async with open_dsn(settings) as dsn:
        await bring_up_to_date(dsn, settings)
        direct = settings.listen_url
        with in_our_words(dsn):
            async with await open_pool(dsn) as pool:
                yield (direct.get_secret_value() if direct else dsn), pool


def exit_code(summary: Summary) -> int:
    """0 when every job is complete."""
    if summary.failed or summary.cancelled or summary.gone:
        return 1
    return NOT_ENDED if summary.left else 0


class Lines:
    """For programs: one JSON object a line."""

    def begin(self, flushed: Flushed) -> None:
        """What was flushed."""
        typer.echo(flushed.model_dump_json())

    def tell(self, job: JobEnded) -> None:
        """The job, as it ended."""
        typer.echo(job.model_dump_json())

    def end(self, summary: Summary | None) -> None:
        """How it went."""
        if summary:
            typer.echo(summary.model_dump_json())


class Words:
    """For people: one line a job, and below them a bar on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        self._console = Console(soft_wrap=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Elapsed(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("rendering", total=None)
        self._began = monotonic()
        self._total = 0

    def begin(self, flushed: Flushed) -> None:
        """The database's own sentence."""
        self._total = len(flushed.jobs)
        typer.echo(flushed.outcome)
        if self._total < flushed.flushed:
            typer.echo(f"the first {self._total} of them are followed here", err=True)

    def tell(self, job: JobEnded) -> None:
        """Which job, what became of it, and what remains."""
        if not self._bar.live.is_started:
            self._bar.start()
        self._bar.update(self._task, total=self._total, completed=self._total - job.left)
        self._console.print(line(job, self._total), soft_wrap=True)

    def end(self, summary: Summary | None) -> None:
        """How it went in all; what is left, and what to do about it."""
        self._bar.stop()
        if summary is None:
            typer.echo("the jobs go on; bin/reactor status shows them", err=True)
            return
        if summary.left < self._total:
            took = duration(monotonic() - self._began)
            typer.echo(f"{counted(summary)} in {took}")
        if summary.left:
            typer.echo(left_over(summary), err=True)


def line(job: JobEnded, total: int) -> Text:
    """One job that has ended."""
    from rich.text import Text

    number = str(total - job.left).rjust(len(str(total)))
    said = Text(f"{number}/{total}  job {job.id}  ")
    said.append(
        printable("/".join(filter(None, (job.niche, job.platform))) or job.template_id or "")
    )
    said.append("  ")
    said.append(job.status, style=COLOURS.get(job.status, ""))
    if job.seconds is not None:
        said.append(f" in {duration(job.seconds)}")
    if what := job.output_path if job.status == "complete" else reason(job):
        said.append(f": {printable(what)}")
    said.append(f"  ({job.left} left)", style="dim")
    return said


def reason(job: JobEnded) -> str:
    """Why it is no video."""
    if job.status == "gone":
        return "somebody deleted its row"
    return ": ".join(filter(None, (job.error_class, job.error_message)))


def counted(summary: Summary) -> str:
    """The ends by kind; what did not happen is not said."""
    kinds = ("failed", "cancelled", "gone")
    others = [f"{getattr(summary, kind)} {kind}" for kind in kinds if getattr(summary, kind)]
    return ", ".join([f"{summary.complete} complete", *others])


def left_over(summary: Summary) -> str:
    """What is left, why, and what to do."""
    from reactor.farm.flushed import PAUSED

    jobs = "1 job is" if summary.left == 1 else f"{summary.left} jobs are"
    remedy = (
        "bin/reactor resume lets it go on"
        if summary.reason == PAUSED
        else "start one with bin/reactor, or for good with bin/reactor service install"
    )
    return f"{jobs} left, and {summary.reason}: {remedy}"
