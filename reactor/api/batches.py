"""`/api/batches`: audio files by one template in several formats, uploaded or named by path."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import anyio
from anyio import to_thread
from fastapi import Path as InPath
from fastapi import Query, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from reactor.api.batch_orders import ASKED, BatchOrder, PathOrder, checked, fields_of
from reactor.api.route import AWAY, Route
from reactor.api.uploads import on_disk, received
from reactor.batches import PAGE, AudioFile, BatchRecord, create_batch, get_batch
from reactor.errors import FieldError, Invalid
from reactor.httpserver import BODY_LIMIT
from reactor.jobs import LONGEST_PAGE
from reactor.media.audio import probe_audio
from reactor.media.material import find_file
from reactor.media.source import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reactor.api.uploads import Form
    from reactor.context import Context

BATCHES = "/api/batches"
INT8 = 2**63
PROBES_AT_ONCE = 2
PROBLEMS = {
    **AWAY,
    400: "What was sent is wrong; `errors` names the fields.",
    408: "The sender of the files fell silent.",
    409: "The idempotency key names another batch.",
    429: "The project has as many active jobs as it may have.",
    507: "There is no room for the files.",
}


class Batches:
    """Takes batches in, and says how far they are."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._settings = context.settings
        self._probes = anyio.CapacityLimiter(PROBES_AT_ONCE)

    async def create(self, request: Request) -> JSONResponse:
        """Create a job for every file in every format: uploaded files as a form, paths as JSON."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            async with received(request, self._settings) as form:
                return await self._from_form(form)
        if kind == "application/json":
            return await self._from_paths(await read_body(request))
        raise HTTPException(
            415, f"Content-Type: '{kind}' (allowed: application/json, multipart/form-data)"
        )

    async def show(
        self,
        batch_id: Annotated[str, InPath(max_length=200)],
        before: Annotated[int | None, Query(ge=1, lt=INT8)] = None,
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = PAGE,
    ) -> BatchRecord:
        """How far a batch is, and its jobs: the newest first, going on below `before`."""
        async with self._database.connection() as conn:
            return await get_batch(conn, batch_id, before=before, most=limit)

    async def _from_form(self, form: Form) -> JSONResponse:
        order = checked(BatchOrder, fields_of(form.texts))
        if not form.uploads:
            raise Invalid([FieldError("audio", "is missing; send one or more files")])
        await self._refuse_silent({f"audio[{n}]": file.part for n, file in enumerate(form.uploads)})
        await on_disk(form.place)
        audio = [AudioFile(file.name, str(file.path), file.sha256) for file in form.uploads]
        return await self._create(order, audio, form.keep)

    async def _from_paths(self, body: bytes) -> JSONResponse:
        order = checked(PathOrder, body)
        most = self._settings.uploads_at_once
        if len(order.audio) > most:
            raise Invalid([FieldError("audio", f"is more than {most} (REACTOR_UPLOADS_AT_ONCE)")])
        found = await to_thread.run_sync(find_files, order, self._settings.allowed_asset_dirs)
        await self._refuse_silent({f"audio[{n}].path": path for n, path in enumerate(found)})
        audio = [
            AudioFile(asked.name or path.name, str(path))
            for asked, path in zip(order.audio, found, strict=True)
        ]
        return await self._create(order, audio, lambda: None)

    async def _refuse_silent(self, files: Mapping[str, Path]) -> None:
        """Decode the beginning of each; Invalid names those that are no sound."""
        refuse_rejected(
            {field: await probe_audio(path, self._probes) for field, path in files.items()}
        )

    async def _create(
        self, order: BatchOrder, audio: Sequence[AudioFile], keep: Callable[[], None]
    ) -> JSONResponse:
        asked = order.model_dump(exclude={"template", "audio"})
        async with self._database.transaction() as conn:
            batch = await create_batch(
                conn,
                audio=audio,
                template_id=order.template,
                usual_max_active=self._settings.project_max_active,
                **asked,
            )
            made = await get_batch(conn, batch.batch_id)
            if batch.is_new:
                # A commit whose answer gets lost may have happened: from here on jobs may know the files.
                keep()
        return JSONResponse(
            made.model_dump(mode="json"),
            201 if batch.is_new else 200,
            headers={"Location": f"{BATCHES}/{batch.batch_id}"},
        )


def routes(context: Context) -> Sequence[Route]:
    """Everything under `/api/batches`."""
    served, tag = Batches(context), "batches"
    missing = {**AWAY, 404: "No such batch."}
    return (
        Route(
            BATCHES,
            served.create,
            tag,
            BatchRecord,
            problems=PROBLEMS,
            method="POST",
            status=201,
            extra=ASKED,
        ),
        Route(f"{BATCHES}/{{batch_id}}", served.show, tag, BatchRecord, problems=missing),
    )


async def read_body(request: Request) -> bytes:
    """The whole body, if it is not too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, f"body: at most {BODY_LIMIT} bytes are accepted")
    return bytes(body)


def find_files(order: PathOrder, directories: Sequence[Path]) -> list[Path]:
    """The files of these paths; Invalid names each that cannot be had."""
    found = [find_file(asked.path, directories) for asked in order.audio]
    refuse_rejected({f"audio[{n}].path": verdict for n, verdict in enumerate(found)})
    return [path for path in found if isinstance(path, Path)]


def refuse_rejected(verdicts: Mapping[str, Path | Rejected | None]) -> None:
    """Invalid with the reason of each that was rejected."""
    wrong = [
        FieldError(field, verdict.reason)
        for field, verdict in verdicts.items()
        if isinstance(verdict, Rejected)
    ]
    if wrong:
        raise Invalid(wrong)
