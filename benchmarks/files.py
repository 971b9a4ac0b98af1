"""How long a finished file lies in the render directory until its postprocessing begins."""

from __future__ import annotations

import shutil
from fractions import Fraction
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
import av
from psycopg import AsyncConnection

from benchmarks.reactors import reactor_on
from benchmarks.spread import percentile
from benchmarks.table import Line, at_most, line
from reactor.media.naming import attempt_file_name
from reactor.observe import Seen

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.bench import Bench
    from reactor.context import Context

ROUNDS = 3
LIMIT_S = 30.0
LIMIT_MS = 100.0
SIZE = (1280, 720)
FRAMES_PER_S = 10
GREY = 128
# As if its reactor had died while it was rendered: nobody claims it, and its file finishes it.
JOB = """
INSERT INTO public.actp_gen_jobs (renderer, template_id, quality, attempt, approved, params)
VALUES ('server', 'title-card', '720p', 1, false, '{"title": "Benchmark", "duration_s": 1}')
RETURNING id
"""


def measure(bench: Bench) -> list[Line]:
    """Files renamed into place one after another, each when the last is in the library."""
    dsn = bench.farm("files")
    count = bench.choose(40, 8)
    rounds = anyio.run(drop_files, bench, dsn, count)
    every = [sample for samples in rounds for sample in samples]
    what = f"file renamed into place → postprocess begins, {len(every)} files"
    p99 = percentile(every, 99)
    return [
        line(what, "reactor: p50", [percentile(samples, 50) for samples in rounds], "ms"),
        Line(what, "reactor: p99", p99, "ms", min(every), max(every), ROUNDS,
             target=at_most(p99, LIMIT_MS, "ms")),
    ]  # fmt: skip


async def drop_files(bench: Bench, dsn: str, count: int) -> list[list[float]]:
    """Milliseconds for each of so many files, round by round."""
    async with (
        await AsyncConnection.connect(dsn, autocommit=True) as conn,
        reactor_on(bench, dsn) as context,
    ):
        renders = context.settings.renders_dir
        video = write_video(renders / ".benchmark.mp4")
        await drop(video, await insert(conn), context)
        return [
            [await drop(video, await insert(conn), context) for _ in range(count)]
            for _ in range(ROUNDS)
        ]


async def insert(conn: AsyncConnection) -> int:
    """A job that waits for its file."""
    row = await (await conn.execute(JOB)).fetchone()
    assert row is not None
    return int(row[0])


async def drop(video: Path, job_id: int, context: Context) -> float:
    """Rename a copy into place and wait for the job's end; milliseconds until that was begun."""
    target = video.with_name(attempt_file_name(job_id, 1, "mp4"))
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(video, part)
    async with anyio.create_task_group() as tg:
        began = [0.0]

        async def ended() -> None:
            with anyio.fail_after(LIMIT_S):
                facts = await context.observe.until(Seen.JOB_COMPLETE, job_id=job_id)
            # It says how long it took, so it says when it began.
            began[0] = perf_counter() - facts["took_s"]

        tg.start_soon(ended)
        await anyio.lowlevel.checkpoint()
        renamed = perf_counter()
        part.replace(target)
    return (began[0] - renamed) * 1e3


def write_video(path: Path) -> Path:
    """One second of grey: what matters here is when it is seen."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FRAMES_PER_S)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FRAMES_PER_S)
        for number in range(FRAMES_PER_S):
            frame = av.VideoFrame(*SIZE, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([GREY]) * plane.buffer_size)
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path
