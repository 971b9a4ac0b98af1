"""`bin/reactor demo`: the twelve pending jobs of the first brief become twelve videos, while you watch.

It is a reactor like any other, with a few rows inserted and a picture of what happens to them.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anyio
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from reactor.address import any_port, is_free
from reactor.daemon import SIGNALS, running
from reactor.db import jobs
from reactor.demo.scenery import draw_assets
from reactor.demo.script import insert
from reactor.directories import prepare_directories
from reactor.draining import drain
from reactor.errors import BadConfiguration
from reactor.observe import Observer, open_log
from reactor.renderers.process import command_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from reactor.context import Context
    from reactor.models import JobId
    from reactor.settings import Settings

LOOK_S = 0.2
PLAIN_WIDTH = 180


async def run(settings: Settings, *, keep: bool) -> int:
    """Render everything; 0 when all twelve files are there, 128 + signal when one cut it short."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    settings = on_free_ports(settings)
    command_line(settings)  # which says at once what the renderer lacks
    console.print("Starting PostgreSQL, the reactor and its renderer …")
    prepare_directories(settings)
    code, part = [1], anyio.CancelScope()
    async with AsyncExitStack() as stack:
        tg = await stack.enter_async_context(anyio.create_task_group())
        stack.callback(tg.cancel_scope.cancel)
        tg.start_soon(end_on_signal, part, code)
        observe = Observer(open_log("json", stack.enter_context(open_file(settings))))
        context = await stack.enter_async_context(running(settings, observe=observe))
        stack.push_async_callback(put_down, context)
        # Only what is shown is cut short; the reactor stops in its own order.
        with part:
            code[0] = 0 if await render(context, console) else 1
            if keep:
                console.print(f"Still running, at http://{settings.http} — Ctrl-C ends it.")
                await anyio.sleep_forever()
    return code[0]


async def end_on_signal(scope: anyio.CancelScope, code: list[int]) -> None:
    """Ctrl-C ends the demo, and is how a demo that stays up is meant to end."""
    with anyio.open_signal_receiver(*SIGNALS) as signals:
        async for number in signals:
            if not scope.cancel_called:
                code[0] = code[0] and 128 + number
            scope.cancel()


async def render(context: Context, console: Console) -> bool:
    """Insert, watch, tell what came of it; whether all is there."""
    settings = context.settings
    assets = await anyio.to_thread.run_sync(draw_assets, settings.uploads_dir)
    ids = await insert(context, assets)
    console.print(f"Inserted {len(ids)} rows into actp_gen_jobs. The page: http://{settings.http}")
    await follow(ids, context, console)
    rows = await read(ids, context)
    console.print(summary(rows))
    console.print(f"Videos: {settings.library_dir}")
    return all(row["status"] == "complete" for row in rows)


async def put_down(context: Context) -> None:
    """What is still in work goes back into the queue at once, instead of when its lease runs out."""
    now = anyio.Event()
    now.set()
    await drain(context, now)


def open_file(settings: Settings) -> TextIO:
    """The log of all demos; the terminal is for the picture."""
    path = settings.data / "demo.log"
    try:
        return path.open("a", encoding="utf-8", buffering=1)
    except OSError as wrong:
        raise BadConfiguration(
            f"REACTOR_DATA: {path} cannot be written ({wrong.strerror})"
        ) from None


def on_free_ports(settings: Settings) -> Settings:
    """The usual ports, or free ones when somebody sits there already."""
    changes: dict[str, Any] = {"log": "json"}
    if not is_free(*settings.http_address):
        changes["http"] = f"127.0.0.1:{any_port()}"
    if not is_free(*settings.renderer_address):
        changes["renderer_url"] = f"http://127.0.0.1:{any_port()}"
    return settings.model_copy(update=changes)


async def follow(ids: Sequence[JobId], context: Context, console: Console) -> None:
    """Show what happens until every job has ended: bars on a terminal, lines elsewhere."""
    if not console.is_terminal:
        await follow_in_lines(ids, context, console)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
    ) as bars:
        shown = {job_id: bars.add_task(f"job {job_id}", total=100) for job_id in ids}
        async for row in changes(ids, context):
            label = f"{row['id']:>4} {row['niche']}/{row['platform']}"
            bars.update(
                shown[row["id"]],
                completed=row["progress"],
                description=f"{label:<30} {row['stage'] or row['status']:<10}",
            )


async def follow_in_lines(ids: Sequence[JobId], context: Context, console: Console) -> None:
    """A line whenever a job ends."""
    ended: set[JobId] = set()
    async for row in changes(ids, context):
        if row["status"] in ("complete", "failed", "cancelled") and row["id"] not in ended:
            ended.add(row["id"])
            what = row["output_path"] or row["error_message"]
            console.print(
                f"{len(ended):>2}/{len(ids)} job {row['id']} {row['status']}: {what}",
                soft_wrap=True,
            )


async def changes(ids: Sequence[JobId], context: Context) -> Any:
    """Every row, again and again, until all have ended."""
    while True:
        rows = await read(ids, context)
        for row in rows:
            yield row
        if all(row["status"] in ("complete", "failed", "cancelled") for row in rows):
            return
        await anyio.sleep(LOOK_S)


async def read(ids: Sequence[JobId], context: Context) -> list[dict[str, Any]]:
    """The rows as they are now."""
    async with context.database.connection() as conn:
        return await jobs.get_jobs(conn, ids)


def summary(rows: Sequence[dict[str, Any]]) -> Table:
    """What came of it."""
    table = Table()
    for heading in ("job", "niche/platform", "file", "thumbnail", "size", "seconds"):
        number = heading in ("job", "size", "seconds")
        table.add_column(
            heading, justify="right" if number else "left", overflow="fold", no_wrap=number
        )
    for row in rows:
        done = row["status"] == "complete"
        table.add_row(
            str(row["id"]),
            f"{row['niche']}/{row['platform']}",
            base(row["output_path"])
            if done
            else escape(f"{row['status']}: {row['error_message']}"),
            base(row["thumbnail_path"]) if done else "",
            f"{row['file_size_bytes'] / 1e6:.1f} MB" if done else "",
            f"{row['seconds']:.1f}" if done else "",
        )
    return table


def base(path: str) -> str:
    """The file's name alone; the directory is said once below."""
    return path.rsplit("/", 1)[-1]
