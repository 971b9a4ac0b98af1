"""A locked session becomes films in every shape and a still, cut by Remotion at the right frames, with sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests.acceptance.test_remotion import DRAWN_S, with_remotion
from tests.fix_reactor import PATIENCE_S
from tests.renderserver.clips import (
    CYAN,
    YELLOW,
    loudness,
    make_clip,
    pictures,
    pitch,
    read,
    waveform,
)
from tests.sessions.test_session_acceptance import CUTS, SHOWN, trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Daemon
    from tests.fix_reactor import Table

SIZES = {
    "full_16_9": (640, 360),
    "short_9_16": (360, 640),
    "clip_1_1": (360, 360),
    "thumbnail": (640, 360),
}
BEST = SHOWN[10]
"""What a still shows: in the middle of the first cut, as the embedded renderer's."""
HEARD_HZ = 440
AROUND_S = 0.1
"""From a cut, where sound fades."""


async def write_session(client: httpx.AsyncClient, uploads: Path) -> None:
    """Two films, one with a tone and one mute, and the cuts, locked."""
    size = (320, 180)
    make_clip(uploads / "yellow.mp4", YELLOW, size=size, fps=25, frames=50, hertz=HEARD_HZ)
    make_clip(uploads / "cyan.mp4", CYAN, size=size, fps=25, frames=50)
    answers = [await client.put("/api/sessions/s1", json={"title": "Sunday"})]
    for asset in ("yellow", "cyan"):
        path = f"/api/sessions/s1/assets/{asset}"
        answers.append(await client.put(path, json={"mezzanine_url": f"{asset}.mp4"}))
    answers.append(await client.put("/api/sessions/s1/edl", json={"cuts": CUTS}))
    answers.append(await client.post("/api/sessions/s1/edl/lock"))
    assert [answer.status_code for answer in answers] == [200] * 5


async def test_a_locked_session_is_cut_to_the_frame_in_every_shape(
    start: Callable[..., Daemon], table: Table, data: Path
) -> None:
    daemon = await with_remotion(start, REACTOR_SLOTS="2")
    url = daemon.url
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as client:
        await write_session(client, data / "uploads")
        jobs = [await trigger(client, shape, "360p") for shape in SIZES]
        for job in jobs:
            await table.until(
                "status IN ('complete', 'failed') FROM actp_gen_jobs WHERE id = %(id)s",
                patience_s=DRAWN_S,
                id=job,
            )
        listed = (await client.get("/api/render-jobs/session/s1")).json()["data"]

    found = {job["format"]: job for job in listed}
    assert {shape: job["error"] for shape, job in found.items()} == dict.fromkeys(SIZES)
    for shape, size in SIZES.items():
        looked_at(found[shape]["artifacts"], size, still=shape == "thumbnail")


def looked_at(artifacts: dict[str, Any], size: tuple[int, int], *, still: bool) -> None:
    """Every picture shows the frame of the film that the cuts name, and every piece sounds as its film."""
    path = Path(artifacts["outputPath"])
    frames = pictures(path)
    assert {frame.size for frame in frames} == {size}
    assert (artifacts["width"], artifacts["height"]) == size
    assert [read(frame) for frame in frames] == ([BEST] if still else SHOWN)
    if not still:
        assert artifacts["durationS"] == len(SHOWN) / 25
        listened_to(waveform(path))


def listened_to(heard: list[float]) -> None:
    """A tone in the first and the last piece, none in the mute film's."""
    pieces, begin_s = [], 0.0
    for cut in CUTS:
        end_s = begin_s + float(str(cut["out_s"])) - float(str(cut["in_s"]))
        pieces.append(
            heard[round(48_000 * (begin_s + AROUND_S)) : round(48_000 * (end_s - AROUND_S))]
        )
        begin_s = end_s
    first, mute, last = pieces
    assert abs(pitch(first) - HEARD_HZ) < 5
    assert abs(pitch(last) - HEARD_HZ) < 5
    assert loudness(mute) < 0.01 < 0.1 < loudness(first)
