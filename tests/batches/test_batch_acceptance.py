"""A whole reactor makes the videos of a batch, under the names that people look for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from reactor.daemon import running
from tests.batches.sounds import sound
from tests.fix_api import client_of
from tests.ports import free_port

if TYPE_CHECKING:
    import httpx

    from reactor.observe import Observer
    from reactor.settings import Settings
    from tests.fix_reactor import Easel, Table

PATIENCE_S = 300.0
DONE = "count(*) = %(count)s FROM actp_gen_jobs WHERE status IN ('complete', 'failed')"
CREATED = "UPDATE actp_gen_jobs SET created_at = '2026-01-27 12:00'"


async def make(
    client: httpx.AsyncClient, table: Table, files: list[tuple[str, bytes]], **texts: Any
) -> dict[str, Any]:
    """Send a batch to a farm that is paused, date it, and wait for its end."""
    await table.rows("SELECT reactor.pause()")
    answer = await client.post(
        "/api/batches",
        data={"template": "flame", **texts},
        files=[("audio", file) for file in files],
    )
    assert answer.status_code == 201, answer.text
    await table.rows(CREATED)
    await table.rows("SELECT reactor.resume()")
    await table.until(DONE, patience_s=PATIENCE_S, count=answer.json()["jobs"])
    found: dict[str, Any] = (await client.get(answer.headers["location"])).json()
    return found


async def test_two_sounds_in_two_formats_become_four_videos(
    settings: Settings, observer: Observer, table: Table
) -> None:
    port = free_port()
    drawing = settings.model_copy(
        update={"renderer": "embedded", "renderer_url": f"http://127.0.0.1:{port}"}
    )
    files = [("Test Audio.mp3", sound()), ("Zweiter Klang.mp3", sound(pitch=880, seconds=2))]
    async with (
        running(drawing, observe=observer, api=False) as context,
        client_of(context) as client,
    ):
        batch = await make(
            client, table, files, formats=["1080p", "clip_1_1/720p"], params='{"fps": 10}'
        )

    assert [item["error_message"] for item in batch["items"]] == [None] * 4
    assert (batch["progress"], batch["complete"], batch["eta_s"]) == (100, 4, None)
    paths = [Path(item["output_path"]) for item in reversed(batch["items"])]
    assert [path.name for path in paths] == [
        "20260127_test_audio_1080p_v1.mp4",
        "20260127_test_audio_720p_v1.mp4",
        "20260127_zweiter_klang_1080p_v1.mp4",
        "20260127_zweiter_klang_720p_v1.mp4",
    ]
    sizes = [(1920, 1080), (720, 720)] * 2
    for path, size, seconds in zip(paths, sizes, (1, 1, 2, 2), strict=True):
        assert path.parent == settings.library_dir
        played(path, size, seconds)


def played(path: Path, size: tuple[int, int], seconds: int) -> None:
    """Decode the whole video: its pictures, and a sound that is to be heard."""
    with av.open(str(path)) as video:
        frames = list(video.decode(video=0))
    assert len(frames) == seconds * 10
    assert (frames[0].width, frames[0].height) == size
    with av.open(str(path)) as video:
        loudest = max(max(bytes(frame.planes[0])) for frame in video.decode(audio=0))
    assert loudest > 0


async def test_equal_names_get_versions(
    settings: Settings, observer: Observer, table: Table, easel: Easel
) -> None:
    """Two files that people call the same are two videos."""
    files = [("Test Audio.mp3", sound()), ("test  audio.MP3", sound(pitch=880))]
    async with (
        running(settings, observe=observer, renderers={"server": easel}, api=False) as context,
        client_of(context) as client,
    ):
        batch = await make(client, table, files, formats=["thumbnail/720p", "thumbnail/1080p"])

    assert sorted(Path(item["output_path"]).name for item in batch["items"]) == [
        f"20260127_test_audio_{quality}_v{version}.jpg"
        for quality in ("1080p", "720p")
        for version in (1, 2)
    ]
