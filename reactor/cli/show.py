"""`bin/reactor show ID`: everything that is known of one job, for a terminal or as JSON."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import typer

from reactor.cli.app import Job, Json, app
from reactor.cli.session import with_database
from reactor.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from reactor.db.evidence import Attempt
    from reactor.evidence import Evidence
    from reactor.records import JobRecord

COLOURS = {"complete": "green", "failed": "red", "cancelled": "yellow", "processing": "cyan"}
LOG_LINES = 12
LABEL_WIDTH = 10


@app.command()
def show(job: Job, as_json: Json = False) -> None:
    """Show everything that is known of one job."""
    from reactor.evidence import get_evidence

    usual = load().project_max_rendering
    found: Evidence = with_database(
        partial(get_evidence, job_id=job, usual_max_rendering=usual),
    )
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    from rich.console import Console

    console = Console()
    for part in parts(found):
        console.print(part)


def parts(found: Evidence) -> Iterator[RenderableType]:
    """The view, from the most to the least important."""
    job = found.job
    yield headline(job)
    yield facts(found)
    if found.attempts:
        yield ""
        yield attempts_table(found.attempts)
    latest = found.attempts[0] if found.attempts else None
    if latest and latest.log_tail:
        yield ""
        yield log(latest)


def headline(job: JobRecord) -> Text:
    """Its state in one line."""
    from rich.text import Text

    state = job.stage or job.status
    line = Text(f"job {job.id}  ", style="bold")
    line.append(state, style=COLOURS.get(job.status, "blue"))
    line.append(f"  {job.progress:.0f} %")
    if job.rendered_frames is not None:
        line.append(f"  frame {job.rendered_frames} of {job.total_frames or '?'}", style="dim")
    return line


def facts(found: Evidence) -> Table:
    """What, when, why and where, one line each; what is not known has no line."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", min_width=LABEL_WIDTH, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, said in lines(found):
        if said:
            # Text, because what producers and renderers write is not markup.
            grid.add_row(label, Text(printable(said), style="red" if label == "error" else ""))
    return grid


def lines(found: Evidence) -> Iterator[tuple[str, str | None]]:
    """Label and words of every fact there may be."""
    job = found.job
    yield "title", job.title
    yield "template", " · ".join(filter(None, (job.template_id, job.niche, job.platform)))
    yield "picture", " · ".join(filter(None, (job.format, job.quality, job.container)))
    yield "renderer", job.renderer
    yield "project", job.project_id
    yield "created", moment(job.created_at)
    yield "started", moment(job.render_started_at)
    yield "ended", moment(job.completed_at)
    if found.waiting:
        yield "waits", found.waiting.reason
        yield "starts in", duration(found.waiting.estimated_start_s)
    yield "done in", duration(found.eta_s)
    yield "error", ": ".join(filter(None, (job.error_class, job.error_message)))
    yield "file", job.output_path
    yield "thumbnail", job.thumbnail_path
    yield "measured", measured(job)
    yield "taken from", f"job {job.cached_from}" if job.cached_from else None


def measured(job: JobRecord) -> str | None:
    """What the finished file is."""
    if job.file_size_bytes is None:
        return None
    size = f"{job.file_size_bytes / 1e6:.2f} MB"
    picture = f"{job.width} × {job.height}" if job.width else None
    rate = f"{job.fps:g} fps" if job.fps else None
    return " · ".join(filter(None, (size, picture, rate, duration(job.duration_s))))


def attempts_table(attempts: list[Attempt]) -> Table:
    """Every try, the newest first."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("try", "outcome", "took", "frames", "renderer", "what happened"):
        table.add_column(heading, overflow="fold")
    for one in attempts:
        table.add_row(
            str(one.attempt),
            Text(one.outcome or "running", style=COLOURS.get(one.outcome or "", "")),
            took(one),
            "" if one.frames is None else str(one.frames),
            Text(printable(one.renderer_version or one.renderer)),
            Text(printable(happened(one))),
        )
    return table


def took(one: Attempt) -> str:
    """How long it rendered, or was at it."""
    end = one.rendered_at or one.ended_at
    return (duration((end - one.started_at).total_seconds()) or "") if end else ""


def happened(one: Attempt) -> str:
    """Why it ended as it did, in one line."""
    if one.cached_from:
        return f"took over the file of job {one.cached_from}"
    where = f"at frame {one.error_frame}" if one.error_frame is not None else None
    again = "will be tried again" if one.will_retry else None
    why = ": ".join(filter(None, (one.error_class, one.error_message)))
    return " · ".join(filter(None, (why, where, again)))


def log(latest: Attempt) -> Text:
    """The last lines of the latest attempt's log."""
    from rich.text import Text

    last = (latest.log_tail or "").splitlines()[-LOG_LINES:]
    text = Text(f"log of try {latest.attempt}\n", style="dim")
    text.append("\n".join(f"  {printable(line)}" for line in last), style="default")
    return text


def printable(words: str) -> str:
    """Without what could move the cursor or hide something."""
    return "".join(c if c.isprintable() else " " for c in words)


def moment(when: datetime | None) -> str | None:
    """A time on the clock of whoever looks."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if when else None


def duration(seconds: float | None) -> str | None:
    """A length of time as people say it."""
    if seconds is None:
        return None
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
