"""The command line: `bin/reactor` runs the daemon, its subcommands do the rest.

Every expected error is one line on standard error and an exit code of its own: 2 usage, 69 database
unavailable, 75 try again, 78 bad configuration, 130 or 143 after a second signal.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import anyio
import psycopg
import typer
from psycopg import pq

from reactor.errors import ReactorError, Refused
from reactor.settings import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg import AsyncConnection

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="An event-driven render farm that lives in Postgres: insert a row and a video comes out.",
)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Job = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The job's id.")]


def main() -> None:
    """Run a command; expected errors end it in one line."""
    # The pool logs each failed try, in lines of its own form; who waits for it says the same once.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    try:
        app(prog_name="bin/reactor")
    except ReactorError as wrong:
        end(wrong)
    except ExceptionGroup as group:  # task groups wrap what is raised inside them
        expected, bugs = group.split(ReactorError)
        if bugs or not expected:
            raise
        end(expected)


def end(wrong: ReactorError | ExceptionGroup[ReactorError]) -> NoReturn:
    """Say in one line what is wrong, and leave with its exit code."""
    while isinstance(wrong, ExceptionGroup):
        wrong = wrong.exceptions[0]
    print(f"reactor: {wrong}", file=sys.stderr)  # noqa: T201
    sys.exit(wrong.exit_code)


@app.callback(invoke_without_command=True)
def run(context: typer.Context) -> None:
    """Run the daemon."""
    if context.invoked_subcommand is not None:
        return
    from reactor import daemon

    raise typer.Exit(anyio.run(daemon.run, load()))


@app.command()
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Stay up when all is rendered.")] = False,
) -> None:
    """Render twelve example jobs and show what came of them."""
    from functools import partial

    from reactor.demo import show

    raise typer.Exit(anyio.run(partial(show.run, load(), keep=keep)))


@app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is missing; exit 1 if anything is.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL instead of running it.")
    ] = False,
) -> None:
    """Bring the database to this release's schema."""
    from reactor.db import migrate as migration
    from reactor.db.dsn import held_dsn

    with held_dsn(load()) as dsn:
        if not check and not sql:
            applied = anyio.run(lambda: migration.migrate(dsn, reapply=True))
            typer.echo(f"applied: {', '.join(applied)}")
            return
        todo = anyio.run(migration.check, dsn)
    if sql:
        typer.echo(migration.script_text(todo))
        return
    missing = ", ".join(script.name for script in todo.scripts)
    typer.echo(f"missing: {missing}" if todo else "up to date")
    raise typer.Exit(1 if todo else 0)


@app.command()
def renderer() -> None:
    """Run the embedded render server alone."""
    from reactor.renderserver import server

    server.main(load())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open psql on the configured database; arguments are handed on."""
    from reactor.db.dsn import held_dsn
    from reactor.db.embedded import psql_path
    from reactor.db.migrate import bring_up_to_date

    settings = load()
    with held_dsn(settings) as dsn:
        if settings.database_url is None:
            # A newcomer's first word to the embedded database is an INSERT.
            anyio.run(bring_up_to_date, dsn, settings)
        # In a terminal Ctrl-C is for psql, which cancels the query; we only wait.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        command = [str(psql_path(settings.postgres_version)), *context.args]
        done = subprocess.run(command, env=connection_environment(dsn), check=False)
    raise typer.Exit(done.returncode)


def connection_environment(dsn: str) -> dict[str, str]:
    """The connection as libpq's environment variables: arguments would show the password to everybody."""
    from reactor.db.pool import parse

    parse(dsn)  # which refuses what is no connection string
    options = pq.Conninfo.parse(dsn.encode())
    named = {o.envvar: o.val for o in options if o.envvar and o.val}
    return {**os.environ, **{name.decode(): value.decode() for name, value in named.items()}}


@app.command()
def add(
    template: Annotated[str, typer.Argument(help="title-card, slideshow, audio-visualizer …")],
    title: Annotated[str, typer.Option(help="What the video says.")] = "",
    niche: str = "",
    platform: str = "",
    renderer: str = "server",
    shape: Annotated[str, typer.Option("--format")] = "full_16_9",
    quality: str = "1080p",
    container: str = "mp4",
    priority: Annotated[int, typer.Option(min=-(2**31), max=2**31 - 1)] = 0,
    params: Annotated[str, typer.Option(help="More props, as a JSON object.")] = "{}",
) -> None:
    """Insert a job, as any producer would."""
    from reactor.db import jobs

    props = read_props(params)
    columns = {
        "niche": niche or None,
        "platform": platform or None,
        "template_id": template,
        "renderer": renderer,
        "format": shape,
        "quality": quality,
        "container": container,
        "params": {**({"title": title} if title else {}), **props},
        "priority": priority,
    }
    job_id = with_database(lambda conn: jobs.create_job(conn, **columns))
    typer.echo(f"job {job_id}")


def read_props(text: str) -> dict[str, Any]:
    """The JSON object of `--params`."""
    try:
        props = json.loads(text)
    except ValueError as wrong:
        raise typer.BadParameter(f"is not JSON: {wrong}", param_hint="--params") from None
    if not isinstance(props, dict):
        raise typer.BadParameter("must be a JSON object", param_hint="--params")
    return props


@app.command()
def status(as_json: Json = False) -> None:
    """Show what the farm is doing."""
    from reactor import status as report
    from reactor.api.readings import read

    reading = with_database(read)
    if as_json:
        typer.echo(report.as_json(reading))
    else:
        report.show(reading)


@app.command()
def pause() -> None:
    """Claim nothing more; what is rendering goes on."""
    obey("pause")


@app.command()
def resume() -> None:
    """Claim again."""
    obey("resume")


@app.command()
def flush() -> None:
    """Make everything pending due now."""
    obey("flush")


@app.command()
def retry(job: Job) -> None:
    """Make a failed job pending again."""
    obey("retry", job, expect=f"job {job} is pending again")


@app.command()
def cancel(job: Job, reason: Annotated[str, typer.Option(help="Kept with the job.")] = "") -> None:
    """Cancel a pending or rendering job."""
    obey("cancel", job, reason=reason or None, expect=f"job {job} is cancelled")


def obey(verb: str, job: int | None = None, *, reason: str | None = None, expect: str = "") -> None:
    """Give a command; Refused when the job was not in a state for it."""
    from reactor.db import commands
    from reactor.models import JobId

    job_id = None if job is None else JobId(job)
    given_by = f"command line ({os.environ.get('USER') or os.getuid()})"
    outcome = with_database(
        lambda conn: commands.obey(conn, verb, job_id=job_id, reason=reason, given_by=given_by)
    )
    if expect and outcome != expect:
        raise Refused(outcome)
    typer.echo(outcome)


def with_database(work: Callable[[AsyncConnection], Awaitable[Any]]) -> Any:
    """Run one piece of work on the migrated database."""
    from reactor.db.dsn import open_dsn
    from reactor.db.migrate import bring_up_to_date
    from reactor.db.pool import TRANSIENT, open_database, unavailable

    async def session() -> Any:
        settings = load()
        async with open_dsn(settings) as dsn:
            await bring_up_to_date(dsn, settings)
            async with open_database(dsn) as database, database.connection() as conn:
                try:
                    return await work(conn)
                except TRANSIENT as wrong:
                    raise unavailable(dsn, wrong) from None
                except psycopg.Error as wrong:
                    said = (wrong.diag.message_primary, wrong.diag.message_detail)
                    why = "; ".join(filter(None, said)) or str(wrong)
                    raise Refused(f"the database refused that: {why}") from None

    return anyio.run(session)
