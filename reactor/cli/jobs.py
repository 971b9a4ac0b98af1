"""Commands about jobs: add, retry, cancel, and what steers the whole farm."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from reactor.cli.app import Job, Json, app
from reactor.cli.session import given_by, with_database


@app.command()
def add(
    template: Annotated[
        str, typer.Argument(help="title-card, slideshow, audio-visualizer, edl-cut …")
    ],
    title: Annotated[str, typer.Option(help="What the video says.")] = "",
    niche: str = "",
    platform: str = "",
    renderer: str = "server",
    shape: Annotated[str, typer.Option("--format")] = "full_16_9",
    quality: str = "1080p",
    container: str = "mp4",
    priority: Annotated[int, typer.Option(min=-(2**31), max=2**31 - 1)] = 0,
    project: Annotated[str, typer.Option(help="Whose job it is; projects take turns.")] = "",
    key: Annotated[str, typer.Option(help="The same key again is the same job.")] = "",
    params: Annotated[str, typer.Option(help="More props, as a JSON object.")] = "{}",
) -> None:
    """Insert a job, as any producer would."""
    from reactor import jobs
    from reactor.records import new_job

    asked = new_job(
        niche=niche or None,
        platform=platform or None,
        template_id=template,
        renderer=renderer,
        format=shape,
        quality=quality,
        container=container,
        params={**({"title": title} if title else {}), **read_props(params)},
        priority=priority,
        project_id=project or None,
        idempotency_key=key or None,
    )
    created = with_database(lambda conn: jobs.create_job(conn, asked))
    typer.echo(f"job {created.id}" + ("" if created.is_new else " (it exists already)"))


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
    steer("pause")


@app.command()
def resume() -> None:
    """Claim again."""
    steer("resume")


@app.command()
def approve(job: Job) -> None:
    """Let a job that waits for approval be rendered."""
    from reactor import jobs

    typer.echo(with_database(lambda conn: jobs.approve(conn, job, given_by=given_by())))


@app.command()
def retry(
    job: Job,
    force: Annotated[
        bool, typer.Option("--force", help="Also when its attempts are used up.")
    ] = False,
) -> None:
    """Make a failed job pending again."""
    from reactor import jobs

    typer.echo(with_database(lambda conn: jobs.retry(conn, job, force=force, given_by=given_by())))


@app.command()
def cancel(job: Job, reason: Annotated[str, typer.Option(help="Kept with the job.")] = "") -> None:
    """Cancel a pending or rendering job."""
    from reactor import jobs

    typer.echo(
        with_database(
            lambda conn: jobs.cancel(conn, job, reason=reason or None, given_by=given_by())
        )
    )


def steer(verb: str) -> None:
    """Give a command that is about no single job."""
    from reactor.db import commands

    outcome = with_database(lambda conn: commands.obey(conn, verb, given_by=given_by()))
    typer.echo(outcome.sentence)
