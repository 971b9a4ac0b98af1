"""`/api/videos/{id}`: the files of complete jobs, out of the library and the archive and nowhere else.

A path comes from the database, never from the request, and must lie there without a symbolic link on
the way: a row that was tampered with opens no other file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from fastapi import HTTPException
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from reactor.db.archive import find_intended_path
from reactor.db.jobs import get_jobs
from reactor.models import JobId, JobStatus
from reactor.storage.inside import find_inside
from reactor.storage.local import READ_FLAGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Receive, Scope, Send

    from reactor.context import Context

# Fixed here: neither the file nor the machine's own tables decide what a browser makes of it.
MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
}
UNKNOWN = "application/octet-stream"
HEADERS = {"Cache-Control": "private, max-age=3600"}

Id = Annotated[int, InPath(ge=1, lt=2**63, description="The job's id.", examples=[7])]


class Videos:
    """Serves what is finished."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def data(self, job_id: Id) -> FileResponse:
        """The finished file of a complete job; Range requests are understood, so players can seek."""
        return await self._serve(await self._complete(job_id), "output_path", what="video")

    async def thumbnail(self, job_id: Id) -> FileResponse:
        """The thumbnail of a complete job."""
        return await self._serve(await self._complete(job_id), "thumbnail_path", what="thumbnail")

    async def _complete(self, job_id: int) -> dict[str, Any]:
        async with self._context.database.connection() as conn:
            rows = await get_jobs(conn, [JobId(job_id)])
        if not rows:
            raise HTTPException(404, f"there is no job {job_id}")
        if (status := rows[0]["status"]) != JobStatus.COMPLETE:
            raise HTTPException(
                409, f"job {job_id} is {status}; its files are served once complete"
            )
        return rows[0]

    async def _serve(self, row: dict[str, Any], column: str, *, what: str) -> FileResponse:
        if not row[column]:
            raise HTTPException(404, f"job {row['id']} has no {what}")
        settings = self._context.settings
        places = (settings.library_dir, settings.archive_dir)
        opened = await to_thread.run_sync(open_first, [Path(row[column])], places)
        if opened is None:
            # It may be on its way into the archive just now, or have arrived there.
            opened = await to_thread.run_sync(open_first, await self._moved(row, column), places)
        if opened is None:
            raise HTTPException(
                410, f"the {what} of job {row['id']} is not in the library any more"
            )
        return opened

    async def _moved(self, row: dict[str, Any], column: str) -> list[Path]:
        async with self._context.database.connection() as conn:
            rows = await get_jobs(conn, [row["id"]])
            intended = await find_intended_path(conn, row["id"])
        found = [Path(again[column]) for again in rows if again[column]]
        if intended:
            video = Path(intended)
            suffix = Path(row[column]).suffix
            picture = video.with_name(f"{video.name}.thumb{suffix}")
            found.append(video if column == "output_path" else picture)
        return found


class OpenedFile(FileResponse):
    """A file that was opened when it was found: it may be moved while it is sent."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        super().__init__(
            f"/dev/fd/{descriptor}",
            stat_result=os.fstat(descriptor),
            media_type=MEDIA_TYPES.get(path.suffix.lower(), UNKNOWN),
            filename=path.name,
            content_disposition_type="inline",
            headers=HEADERS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and let it go."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._descriptor)


def open_first(paths: Sequence[Path], directories: Sequence[Path]) -> OpenedFile | None:
    """The first of these paths that is a file of one of the directories."""
    for path in paths:
        for directory in directories:
            if find_inside(path, directory) is None:
                continue
            try:
                descriptor = os.open(path, READ_FLAGS)
            except OSError:
                continue
            return OpenedFile(descriptor, path)
    return None
