"""Commands that run a part of the farm: the daemon, the demo, the database."""

from __future__ import annotations

import os
import signal
import subprocess
from enum import StrEnum
from typing import Annotated

import anyio
import typer
from psycopg import pq

from reactor.cli.app import app
from reactor.settings import load


class Drawn(StrEnum):
    """The renderers that can draw the demo."""

    EMBEDDED = "embedded"
    REMOTION = "remotion"


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
    renderer: Annotated[
        Drawn | None,
        typer.Option(help="Who draws; by default REACTOR_RENDERER, which is embedded."),
    ] = None,
) -> None:
    """Render twelve example jobs and show what came of them."""
    from functools import partial

    from reactor.demo import show

    settings = load().model_copy(update={"renderer": renderer.value} if renderer else {})
    raise typer.Exit(anyio.run(partial(show.run, settings, keep=keep)))


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
