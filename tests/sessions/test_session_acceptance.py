"""A session with two real films, written down by HTTP, becomes videos in every shape and a still."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from reactor.daemon import running
from tests.fix_api import client_of
from tests.ports import free_port
from tests.renderserver.clips import CYAN, YELLOW, make_clip, pictures, read

if TYPE_CHECKING:
    import httpx
    from PIL import Image

    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Table

PATIENCE_S = 300.0
CUTS = [
    {"asset": "yellow", "in_s": 0.4, "out_s": 1.2},
    {"asset": "cyan", "in_s": 1.0, "out_s": 1.6},
    {"asset": "yellow", "in_s": 1.6, "out_s": 2.0},
]
SHOWN = [
    *(("yellow", number) for number in range(10, 30)),
    *(("cyan", number) for number in range(25, 40)),
    *(("yellow", number) for number in range(40, 50)),
]
SIZES = {
    "full_16_9": (640, 360),
    "short_9_16": (360, 640),
    "clip_1_1": (360, 360),
    "thumbnail": (640, 360),
}


async def write_session(client: httpx.AsyncClient, uploads: Path) -> None:
    """Two films, one named by path and one by URL, and the cuts, locked."""
    for name, color, hertz in (("yellow", YELLOW, 440), ("cyan", CYAN, 880)):
        make_clip(uploads / f"{name}.mp4", color, size=(320, 180), fps=25, frames=50, hertz=hertz)
    where = {"yellow": "yellow.mp4", "cyan": (uploads / "cyan.mp4").as_uri()}
    answers = [await client.put("/api/sessions/s1", json={"title": "Sunday"})]
    for asset, url in where.items():
        path = f"/api/sessions/s1/assets/{asset}"
        answers.append(await client.put(path, json={"mezzanine_url": url}))
    answers.append(await client.put("/api/sessions/s1/edl", json={"cuts": CUTS}))
    answers.append(await client.post("/api/sessions/s1/edl/lock"))
    assert [answer.status_code for answer in answers] == [200] * 5


async def trigger(client: httpx.AsyncClient, shape: str, quality: str = "360p") -> int:
    """Ask for the session in that shape; the job's id."""
    body = {"sessionId": "s1", "format": shape, "quality": quality}
    answer = await client.post("/api/render-jobs/trigger", json=body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["data"]["jobId"])


async def test_two_films_become_a_video_in_every_shape_and_a_still(
    settings: Settings, observer: Observer, table: Table
) -> None:
    port = free_port()
    drawing = settings.model_copy(
        update={"renderer": "embedded", "renderer_url": f"http://127.0.0.1:{port}"}
    )
    async with (
        running(drawing, observe=observer, api=False) as context,
        client_of(context) as client,
    ):
        await write_session(client, settings.uploads_dir)
        jobs = {shape: await trigger(client, shape) for shape in SIZES}
        for job_id in jobs.values():
            await table.until(
                "status IN ('complete', 'failed') FROM actp_gen_jobs WHERE id = %(id)s",
                patience_s=PATIENCE_S,
                id=job_id,
            )
        listed = (await client.get("/api/render-jobs/session/s1")).json()["data"]
        found = {job["format"]: job for job in listed}
        still = await client.get(found["thumbnail"]["artifacts"]["videoUrl"])

    assert {shape: job["error"] for shape, job in found.items()} == dict.fromkeys(SIZES)
    assert {shape: job["jobId"] for shape, job in found.items()} == jobs
    assert still.headers["content-type"] == "image/jpeg"
    for shape, size in SIZES.items():
        looked_at(found[shape], size, SHOWN[10:11] if shape == "thumbnail" else SHOWN)


def looked_at(job: dict[str, Any], size: tuple[int, int], expected: list[tuple[str, int]]) -> None:
    """Every picture of the file shows the frame of the film that the cuts name."""
    artifacts = job["artifacts"]
    path = Path(artifacts["outputPath"])
    assert path.suffix == (".jpg" if len(expected) == 1 else ".mp4")
    frames: list[Image.Image] = pictures(path)
    assert {frame.size for frame in frames} == {size}
    assert (artifacts["width"], artifacts["height"]) == size
    assert [read(frame) for frame in frames] == expected
    if len(expected) > 1:
        assert artifacts["durationS"] == len(expected) / 25
        assert job["timing"]["durationMs"] > 0
