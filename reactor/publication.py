"""Get a finished file into the library exactly once, wherever a crash may fall.

Verify; write down where it is meant to go; then, holding the job's row, move it without replacing
anything and complete the job. Killed before the move, the file is still in the render directory;
killed after it, the intention says where it went and by which hash to know it. Either way the next
reactor goes on from there and nothing is rendered twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from reactor.db import attempts, publications
from reactor.errors import FailureClass, RenderFailed
from reactor.media.isolated import run_isolated
from reactor.media.naming import file_name, title_of
from reactor.media.source import Malformed, Rejected
from reactor.media.thumbnail import make_thumbnail
from reactor.media.verify import Expected, verify_file
from reactor.models import Container
from reactor.observe import Seen
from reactor.storage.local import place, quarantine, sha256_of, stage

if TYPE_CHECKING:
    from uuid import UUID

    from reactor.context import Context
    from reactor.media.verify import Verified
    from reactor.models import Job, RenderSpec


VERIFY_LIMIT_S = 900


@dataclass(frozen=True)
class Published:
    """Where the video is now, and whether this was the repair of an interrupted publication."""

    path: Path
    repaired: bool


async def publish(job: Job, token: UUID, context: Context) -> Published | None:
    """Finish a rendered job; None when its lease is gone. RenderFailed says what is wrong with the file."""
    source = Path(job.output_path or "")
    thumbnail_part = context.settings.library_dir / f".job-{job.id}-a{job.attempt}.part"
    if artifact := await interrupted(job, context):
        artifact["thumbnail_path"] = await mend_thumbnail(artifact, thumbnail_part)
        if await complete(job, token, artifact, None, thumbnail_part, context):
            await remove(source, context)
            return Published(Path(artifact["path"]), repaired=True)
        return None
    spec = job.spec()
    verified = await verify(source, spec, job, thumbnail_part, context)
    # A library on another file system is reached by a copy made beforehand, outside the transaction.
    staged = await to_thread.run_sync(bring_near, source, context.settings.library_dir)
    try:
        path = await put_in_place(job, token, spec, verified, staged, thumbnail_part, context)
    finally:
        if staged != source:
            with anyio.CancelScope(shield=True):
                await anyio.Path(staged).unlink(missing_ok=True)
    if path is None:
        return None
    await remove(source, context)
    return Published(path, repaired=False)


async def put_in_place(
    job: Job,
    token: UUID,
    spec: RenderSpec,
    verified: Verified,
    staged: Path,
    thumbnail_part: Path,
    context: Context,
) -> Path | None:
    """Move the file under the first free version of its name; None when the lease is gone."""
    for version in count(1):
        artifact = describe(job, spec, verified, version, context)
        if await taken(artifact, job, context):
            continue
        try:
            done = await complete(job, token, artifact, staged, thumbnail_part, context)
        except FileExistsError:
            async with context.database.connection() as conn:
                await publications.withdraw_intention(conn, job.id, artifact["path"])
            continue
        return Path(artifact["path"]) if done else None
    return None


async def interrupted(job: Job, context: Context) -> dict[str, Any] | None:
    """The artifact of a publication whose file had been moved when somebody was killed."""
    async with context.database.connection() as conn:
        artifact = await publications.find_intention(conn, job.id)
    if artifact is None:
        return None
    path = Path(artifact["path"])
    try:
        there = await to_thread.run_sync(sha256_of, path) == artifact["sha256"]
    except OSError:
        return None
    return artifact if there else None


async def verify(
    source: Path, spec: RenderSpec, job: Job, thumbnail_part: Path, context: Context
) -> Verified:
    """Judge the file in a process of its own, because a hostile one can crash a decoder."""
    width, height = spec.size
    expected = Expected(
        container=spec.container,
        width=width,
        height=height,
        duration_s=ordered_number(spec, "duration_s"),
        # A gif cannot show more than it can; its renderer says how many frames it drew.
        fps=None if spec.container is Container.GIF else ordered_number(spec, "fps"),
        frames=job.frames,
    )
    judge = partial(verify_file, source, expected, thumbnail_part=thumbnail_part)
    verdict: Verified | Rejected
    try:
        verdict = await run_isolated(judge, within_s=VERIFY_LIMIT_S)
    except Malformed as wrong:
        verdict = Rejected(f"{source.name} {wrong}")
    if isinstance(verdict, Rejected):
        if await anyio.Path(source).exists():
            kept = await to_thread.run_sync(
                quarantine, source, context.settings.quarantine_dir, verdict.reason
            )
            context.observe(
                Seen.FILE_QUARANTINED, job_id=job.id, path=str(kept), reason=verdict.reason
            )
        raise RenderFailed(FailureClass.BAD_OUTPUT, verdict.reason)
    return verdict


def ordered_number(spec: RenderSpec, prop: str) -> float | None:
    """What the order says, if it says it; a still has neither length nor rate."""
    value = spec.props.get(prop)
    if spec.container is Container.JPG or isinstance(value, bool):
        return None
    return float(value) if isinstance(value, int | float) else None


def describe(
    job: Job, spec: RenderSpec, verified: Verified, version: int, context: Context
) -> dict[str, Any]:
    """The artifact as its row: where it is to go and what it is."""
    title = title_of(
        audio_name=job.audio_name,
        title=spec.props.get("title"),
        template_id=job.template_id,
        niche=job.niche,
    )
    name = file_name(
        title,
        created=(job.created_at or job.render_started_at or datetime.now(UTC)).date(),
        quality=spec.quality.value,
        version=version,
        extension=spec.container.value,
    )
    path = context.settings.library_dir / name
    return {
        "path": str(path),
        # With the whole name: `x_v1.mp4` and `x_v1.webm` are two videos.
        "thumbnail_path": str(path.with_name(f"{path.name}.thumb.jpg")),
        "sha256": verified.sha256,
        "size_bytes": verified.size_bytes,
        "duration_s": verified.duration_s,
        "width": verified.width,
        "height": verified.height,
        "fps": verified.fps,
    }


async def taken(artifact: dict[str, Any], job: Job, context: Context) -> bool:
    """Reserve the name in the database; True when it is another job's or a file is there already."""
    if await anyio.Path(artifact["path"]).exists():
        return True
    async with context.database.connection() as conn:
        return not await publications.intend_publication(conn, job.id, artifact)


async def mend_thumbnail(artifact: dict[str, Any], thumbnail_part: Path) -> str | None:
    """The thumbnail may have been lost with whoever was killed; the video is there to make another."""
    path: str = artifact["thumbnail_path"]
    if await anyio.Path(path).exists() or await anyio.Path(thumbnail_part).exists():
        return path
    draw = partial(make_thumbnail, Path(artifact["path"]), thumbnail_part)
    try:
        made = await run_isolated(draw, within_s=VERIFY_LIMIT_S)
    except Malformed:
        return None
    return None if isinstance(made, Rejected) else path


async def complete(
    job: Job,
    token: UUID,
    artifact: dict[str, Any],
    source: Path | None,
    thumbnail_part: Path,
    context: Context,
) -> bool:
    """Move the files while holding the row, so that a lease lost in this moment moves nothing.

    `source` is None when the video is in its place already.
    """
    async with context.database.transaction() as conn:
        if not await attempts.lock_for_publishing(conn, job.id, token):
            return False
        if source is not None:
            await to_thread.run_sync(place, source, Path(artifact["path"]))
        # The name is ours alone by now, and so is its thumbnail's.
        if artifact["thumbnail_path"] and await anyio.Path(thumbnail_part).exists():
            await anyio.Path(thumbnail_part).replace(artifact["thumbnail_path"])
        await publications.confirm_publication(conn, job.id, artifact["path"])
        row = {**artifact, "output_path": artifact["path"]}
        return await attempts.complete_job(conn, job.id, token, row)


def bring_near(source: Path, directory: Path) -> Path:
    """The file itself, or a copy of it on the directory's file system."""
    if source.stat().st_dev == directory.stat().st_dev:
        return source
    return stage(source, directory)


async def remove(source: Path, context: Context) -> None:
    """Clear what a copy left in the render directory."""
    if source.parent == context.settings.renders_dir:
        await anyio.Path(source).unlink(missing_ok=True)
