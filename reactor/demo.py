"""`bin/reactor demo`: the twelve pending jobs of the first brief become twelve videos, while you watch.

It is a reactor like any other, with a few rows inserted and a picture of what happens to them.
"""

from __future__ import annotations

import math
import random
import socket
import struct
import wave
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anyio
from PIL import Image, ImageDraw, ImageFilter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from reactor.daemon import running
from reactor.db import jobs
from reactor.observe import Observer, open_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from reactor.context import Context
    from reactor.models import JobId
    from reactor.settings import Settings

QUALITY = "720p"
SECONDS = 4
LOOK_S = 0.2
PLAIN_WIDTH = 180
SAMPLE_RATE = 44_100
FORMATS = {"youtube": "full_16_9", "tiktok": "short_9_16", "threads": "clip_1_1"}
# Niche, platform, template, title, subtitle: the list of the brief's item 31.
SCRIPT = (
    (
        "solopreneur",
        "youtube",
        "title-card",
        "One person, one product",
        "What a company of one looks like",
    ),
    (
        "solopreneur",
        "youtube",
        "slideshow",
        "A day without meetings",
        "Deep work, in four pictures",
    ),
    (
        "solopreneur",
        "threads",
        "title-card",
        "Ship small, ship daily",
        "The only habit that compounds",
    ),
    (
        "content_creation",
        "youtube",
        "audio-visualizer",
        "Sound you can see",
        "Ten videos a day, one engine",
    ),
    (
        "content_creation",
        "tiktok",
        "slideshow",
        "Three hooks that work",
        "Steal them, they are yours",
    ),
    ("content_creation", "threads", "title-card", "Write the ending first", "Then earn it"),
    (
        "content_creation",
        "threads",
        "title-card",
        "Batch the boring parts",
        "Save the rest for mornings",
    ),
    ("content_creation", "threads", "title-card", "Your archive is an asset", "Cut it again"),
    (
        "content_creation",
        "threads",
        "audio-visualizer",
        "Silence is a choice",
        "Choose the beat instead",
    ),
    (
        "content_creation",
        "threads",
        "title-card",
        "Résumé, naïve, Ελλάδα, 東京",
        "Every alphabet is welcome",
    ),
    (
        "email_marketing",
        "youtube",
        "title-card",
        "The subject line test",
        "Forty opens out of a hundred",
    ),
    ("ai_automation", "tiktok", "title-card", "Let the queue do it", "Insert a row, get a video"),
)


async def run(settings: Settings, *, keep: bool) -> int:
    """Render everything; 0 when all twelve files are there."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    settings = on_free_ports(settings)
    settings.data.mkdir(parents=True, exist_ok=True)
    console.print("Starting PostgreSQL, the reactor and its renderer …")
    async with AsyncExitStack() as stack:
        log = stack.enter_context(
            (settings.data / "demo.log").open("a", encoding="utf-8", buffering=1)
        )
        observe = Observer(open_log("json", log))
        context = await stack.enter_async_context(running(settings, observe=observe))
        assets = await anyio.to_thread.run_sync(draw_assets, settings.uploads_dir)
        ids = await insert(context, assets)
        console.print(
            f"Inserted {len(ids)} rows into actp_gen_jobs. The page: http://{settings.http}"
        )
        await follow(ids, context, console)
        rows = await read(ids, context)
        console.print(summary(rows))
        console.print(f"Videos: {settings.library_dir}")
        done = all(row["status"] == "complete" for row in rows)
        if keep:
            console.print(f"Still running, at http://{settings.http} — Ctrl-C ends it.")
            await anyio.sleep_forever()
    return 0 if done else 1


def on_free_ports(settings: Settings) -> Settings:
    """The usual ports, or free ones when somebody sits there already."""
    changes: dict[str, Any] = {"log": "json"}
    if not free(*settings.http_address):
        changes["http"] = f"127.0.0.1:{any_port()}"
    if not free(*settings.renderer_address):
        changes["renderer_url"] = f"http://127.0.0.1:{any_port()}"
    return settings.model_copy(update=changes)


def free(host: str, port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def any_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def insert(context: Context, assets: dict[str, Any]) -> list[JobId]:
    """One row each, as any producer would."""
    ids = []
    async with context.database.connection() as conn:
        for niche, platform, template, title, subtitle in SCRIPT:
            params = {"title": title, "subtitle": subtitle, "duration_s": SECONDS}
            ids.append(
                await jobs.create_job(
                    conn,
                    niche=niche,
                    platform=platform,
                    template_id=template,
                    renderer="server",
                    format=FORMATS[platform],
                    quality=QUALITY,
                    container="mp4",
                    params={**params, **assets.get(template, {})},
                    priority=0,
                )
            )
    return ids


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
    table = Table(title="Twelve rows, twelve videos", title_justify="left")
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


def draw_assets(uploads: Path) -> dict[str, Any]:
    """A few pictures and a tune, so that the templates have something to show; props per template."""
    pictures = [uploads / f"demo-{number}.jpg" for number in range(1, 5)]
    for number, path in enumerate(pictures):
        if not path.exists():
            landscape(number).save(path, quality=90)
    tune = uploads / "demo.wav"
    if not tune.exists():
        write_tune(tune)
    captions = ["Morning", "Focus", "Make", "Rest"]
    return {
        "slideshow": {"images": [str(path) for path in pictures], "captions": captions},
        "audio-visualizer": {"audio": str(tune)},
    }


def landscape(number: int) -> Image.Image:
    """Hills under a low sun; each number has its own hour of the day."""
    draw_random = random.Random(number)  # noqa: S311 - scenery
    width, height = 1600, 1200
    top, bottom = [
        ((24, 32, 74), (244, 132, 95)),
        ((20, 70, 110), (250, 214, 165)),
        ((60, 20, 80), (240, 90, 120)),
        ((8, 24, 40), (70, 150, 160)),
    ][number % 4]
    sky = Image.linear_gradient("L").resize((width, height))
    picture = Image.composite(
        Image.new("RGB", sky.size, bottom), Image.new("RGB", sky.size, top), sky
    )
    draw = ImageDraw.Draw(picture)
    x, y, r = draw_random.randint(400, 1200), 640, 130
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 240, 210))
    picture = picture.filter(ImageFilter.GaussianBlur(6))
    draw = ImageDraw.Draw(picture)
    for ridge in range(5):
        phase = draw_random.uniform(0, 6)
        base_y = 640 + ridge * 120
        outline = [
            (
                px,
                base_y
                - 70 * math.sin(px / (190 + 60 * ridge) + phase)
                - 30 * math.sin(px / 71 + phase),
            )
            for px in range(0, width + 10, 10)
        ]
        shade = tuple(int(c * (0.75 - ridge * 0.14)) for c in top)
        draw.polygon([*outline, (width, height), (0, height)], fill=shade)
    return picture


def write_tune(path: Path) -> None:
    """Eight seconds of chords with a beat, mono, 16 bit."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples()))


def samples() -> Iterator[int]:
    """The tune, sample by sample."""
    chords = (
        (220.0, 277.2, 329.6),
        (196.0, 246.9, 293.7),
        (174.6, 220.0, 261.6),
        (196.0, 246.9, 329.6),
    )
    for index in range(SAMPLE_RATE * 8):
        t = index / SAMPLE_RATE
        beat = t % 0.5
        chord = chords[int(t / 2) % 4]
        pad = (
            sum(math.sin(2 * math.pi * f * t) + 0.4 * math.sin(4 * math.pi * f * t) for f in chord)
            / 6
        )
        kick = math.sin(2 * math.pi * 60 * beat) * math.exp(-beat * 14)
        hat = random.uniform(-1, 1) * math.exp(-((t + 0.25) % 0.5) * 60) * 0.3  # noqa: S311
        yield int(20_000 * max(-1, min(1, 0.5 * pad * (0.6 + 0.4 * beat) + 0.6 * kick + hat)))
