"""`/api/videos/{id}`: the files of complete jobs, out of the library and nowhere else.

A path comes from the database, never from the request, and must lie in the library without a symbolic
link on the way: a row that was tampered with opens no other file.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from fastapi import HTTPException
from fastapi import Path as InPath
from fastapi.responses import FileResponse

from reactor.db.jobs import get_jobs
from reactor.models import JobId, JobStatus

if TYPE_CHECKING:
    import os

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
        path = Path(row[column])
        found = await anyio.to_thread.run_sync(
            find, path, self._context.settings.library_dir, abandon_on_cancel=True
        )
        if found is None:
            raise HTTPException(
                410, f"the {what} of job {row['id']} is not in the library any more"
            )
        return FileResponse(
            path,
            stat_result=found,
            media_type=MEDIA_TYPES.get(path.suffix.lower(), UNKNOWN),
            filename=path.name,
            content_disposition_type="inline",
            headers=HEADERS,
        )


def find(path: Path, library: Path) -> os.stat_result | None:
    """The file's status, when it is a regular file of the library, reached without a symbolic link."""
    try:
        inside = path.relative_to(library)
        if path.resolve(strict=True) != library.resolve() / inside:
            return None
        found = path.lstat()
    except (ValueError, OSError, RuntimeError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None
