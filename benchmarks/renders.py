"""What the reactor adds to the time of the render server alone, for the twelve videos of the demo."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import httpx

from benchmarks.ports import free_port
from benchmarks.reactors import reactor_on
from benchmarks.spread import paired_ratio
from benchmarks.table import Line, at_most, line
from benchmarks.waiting import until
from reactor import jobs
from reactor.demo.scenery import draw_assets
from reactor.demo.script import FORMATS, QUALITY, SCRIPT, SECONDS
from reactor.models import Format, Quality
from reactor.observe import Seen
from reactor.records import NewJob

if TYPE_CHECKING:
    from benchmarks.bench import Bench
    from reactor.context import Context

LIMIT = 1.1
LIMIT_S = 600.0
WAIT_S = 30
QUICK_VIDEOS = 2
QUICK_SECONDS = 1


class Video(NamedTuple):
    """One order, for both ways."""

    niche: str
    platform: str
    template: str
    params: dict[str, Any]
    quality: str = QUALITY


def measure(bench: Bench) -> list[Line]:
    """Both ways in turns, over one and the same render server process."""
    dsn = bench.farm("renders")
    alone, reacting = anyio.run(compare, bench, dsn)
    count = bench.choose(len(SCRIPT), QUICK_VIDEOS)
    what = f"{count} demo videos, {QUALITY}"
    ratio = paired_ratio(reacting, alone)
    return [
        line(what, "reactor, insert → all in the library", reacting, "s", ratio=ratio,
             target=at_most(ratio, LIMIT)),
        line(what, "the bare render server", alone, "s"),
    ]  # fmt: skip


async def compare(bench: Bench, dsn: str) -> tuple[list[float], list[float]]:
    """Seconds of every round: by the render server alone, and through the reactor."""
    url = f"http://127.0.0.1:{free_port()}"
    alone, reacting = [], []
    async with reactor_on(bench, dsn, renderer="embedded", renderer_url=url) as context:
        await until(lambda: context.renderers["server"].slots > 0)
        videos = await anyio.to_thread.run_sync(script, bench, context)
        await render_alone(videos[:1], context, "warm-up")
        for number in range(bench.choose(3, 2)):
            alone.append(await render_alone(videos, context, f"alone-{number}"))
            reacting.append(await render_by_reactor(videos, context))
    return alone, reacting


def script(bench: Bench, context: Context) -> list[Video]:
    """The demo's videos, or a few short ones of them."""
    assets = draw_assets(context.settings.uploads_dir)
    videos = []
    for niche, platform, template, title, subtitle in SCRIPT:
        params = {"title": title, "subtitle": subtitle, "duration_s": SECONDS}
        params.update(assets.get(template, {}))
        if bench.quick:
            params["duration_s"] = QUICK_SECONDS
        videos.append(Video(niche, platform, template, params))
    return videos[: bench.choose(len(SCRIPT), QUICK_VIDEOS)]


async def render_alone(videos: list[Video], context: Context, name: str) -> float:
    """Order one after another straight from the render server; seconds for all."""
    settings = context.settings
    async with httpx.AsyncClient(
        base_url=settings.renderer_url, timeout=WAIT_S * 2, trust_env=False
    ) as client:
        began = perf_counter()
        for number, video in enumerate(videos):
            path = settings.renders_dir / f"{name}-{number}.mp4"
            body = {
                "id": f"{name}-{number}",
                "template": video.template,
                "format": FORMATS[video.platform],
                "quality": video.quality,
                "container": "mp4",
                "props": video.params,
                "output_path": str(path),
            }
            await finish(client, body)
            path.unlink()
        return perf_counter() - began


async def finish(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """Order one render and wait for its end."""
    (await client.post("/render", json=body)).raise_for_status()
    with anyio.fail_after(LIMIT_S):
        while True:
            answer = await client.get(f"/status/{body['id']}", params={"wait": WAIT_S})
            status = answer.raise_for_status().json()
            if status["status"] == "complete":
                return
            if status["status"] in ("failed", "cancelled"):
                raise RuntimeError(f"{body['template']}: {status['error']}")


async def render_by_reactor(videos: list[Video], context: Context) -> float:
    """Insert a row each, as any producer would; seconds until the last is in the library."""
    left, done = len(videos), anyio.Event()
    failed: list[dict[str, Any]] = []

    def note(seen: Seen, facts: dict[str, Any]) -> None:
        nonlocal left
        if seen is Seen.ATTEMPT_FAILED:
            failed.append(facts)
            done.set()
        elif seen is Seen.JOB_COMPLETE:
            left -= 1
            if left == 0:
                done.set()

    context.observe.subscribe(note)
    began = perf_counter()
    await insert(videos, context)
    with anyio.fail_after(LIMIT_S):
        await done.wait()
    took_s = perf_counter() - began
    context.observe.unsubscribe(note)
    if failed:
        raise RuntimeError(f"a render failed: {failed[0]}")
    return took_s


async def insert(videos: list[Video], context: Context) -> None:
    """One statement and one commit for each."""
    async with context.database.connection() as conn:
        for video in videos:
            await jobs.create_job(
                conn,
                NewJob(
                    niche=video.niche,
                    platform=video.platform,
                    template_id=video.template,
                    format=Format(FORMATS[video.platform]),
                    quality=Quality(video.quality),
                    params=video.params,
                    # Each is to be drawn, also the second time.
                    cache=False,
                ),
            )
