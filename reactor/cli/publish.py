"""Commands about the publish queue: what is on its way to a platform, and a person's word about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from reactor.cli.app import Job, Json, app
from reactor.cli.session import with_database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg import AsyncConnection

    from reactor.db.publish_queue import Publication

commands = typer.Typer(help="Look at the publish queue; say what was published by hand.")
app.add_typer(commands, name="publish")


@commands.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    status: Annotated[
        str, typer.Option(help="Only ready, blocked, publishing, published or failed ones.")
    ] = "",
    platform: Annotated[str, typer.Option(help="Only those for this platform.")] = "",
    most: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """Show the publish queue, the newest first."""
    if context.invoked_subcommand is not None:
        return
    from reactor import publish_queue

    page = with_database(
        lambda conn: publish_queue.list_publications(
            conn, status=status or None, platform=platform or None, most=most
        )
    )
    if as_json:
        found = [one._asdict() for one in page.publications]
        typer.echo(json.dumps(found, default=str, indent=2))
        return
    for one in page.publications:
        typer.echo(line_of(one))
    if not page.publications:
        typer.echo("there is no publication" + (" of this kind" if status or platform else ""))


def line_of(one: Publication) -> str:
    """A publication in a line; what the producer wrote must not steer the terminal."""
    title = "".join(char for char in str(one.payload.get("title") or "") if char.isprintable())
    why = "; ".join(one.problems) if one.status == "blocked" else one.error_message or ""
    where = one.published_url or (f"by {one.publisher}" if one.publisher else "")
    parts = (f"job {one.job_id}", one.status, one.platform, title[:60], where, why[:200])
    line = "  ".join(part for part in parts if part)
    return "".join(char if char.isprintable() else " " for char in line)


@commands.command()
def done(job: Job, url: Annotated[str, typer.Option(help="Where it can be seen.")] = "") -> None:
    """Say that a job's video was published by hand; its file goes to the archive."""
    from reactor import publish_queue

    tell(job, lambda conn, one: publish_queue.mark_published(conn, one, url=url or None))


@commands.command()
def again(job: Job) -> None:
    """Let publishers try a blocked or failed one again."""
    from reactor import publish_queue

    tell(job, publish_queue.republish)


def tell(job: int, say: Callable[[AsyncConnection, int], Awaitable[str]]) -> None:
    """Find the job's publication and say something of it."""
    from reactor import publish_queue

    async def work(conn: AsyncConnection) -> str:
        return await say(conn, await publish_queue.find_publication(conn, job))

    typer.echo(with_database(work))
