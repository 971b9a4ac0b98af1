"""Batches: many audio files by one template in several formats, asked for at once and summed up as one.

A format is one word: a quality (`1080p`), a shape (`short_9_16`), or both and a container joined by `/`
(`short_9_16/720p/webm`); what it leaves out is a job's default.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from reactor.db import batches
from reactor.errors import FieldError, Invalid, Missing, Refused
from reactor.jobs import LONGEST_PAGE, MOST_AT_ONCE, create_jobs
from reactor.models import Container, Format, JobId, JobStatus, Quality
from reactor.records import new_job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from reactor.records import NewJob

MOST_FORMATS = 20
PAGE = 100
MOST_BYTES = 32 * 1024 * 1024
"""Of params and metadata, over all jobs: they travel in one statement."""
ASKED = {"template_id", "params", "metadata", "project_id", "priority"}
WORDS: Mapping[str, Format | Quality | Container] = {
    member.value: member for kind in (Format, Quality, Container) for member in kind
}
SPELLING = f"allowed: {', '.join(WORDS)}; one of a kind, joined by /"


class Template(NamedTuple):
    """What a name of a batch's template stands for."""

    template_id: str
    params: Mapping[str, Any]


TEMPLATES = {"flame": Template("audio-visualizer", {"style": "flame"})}
"""Names that people know; every other name is a template's own."""


class AudioFile(NamedTuple):
    """A sound: what people call it, where it lies, and by which hash to know it if it was uploaded."""

    name: str
    path: str
    sha256: str | None = None


class Choice(NamedTuple):
    """What one format word asks for."""

    format: Format
    quality: Quality
    container: Container


class Batch(NamedTuple):
    """A batch that was asked for; `is_new` is false when its idempotency key named one that existed."""

    batch_id: str
    jobs: int
    is_new: bool


class BatchJob(BaseModel):
    """One job of a batch. Its texts are the producer's: never markup."""

    model_config = ConfigDict(frozen=True)

    id: JobId = Field(examples=[42])
    audio_name: str | None = Field(examples=["Test Audio.mp3"])
    format: str | None = Field(examples=["full_16_9"])
    quality: str | None = Field(examples=["1080p"])
    container: str | None = Field(examples=["mp4"])
    status: JobStatus
    progress: float = Field(description="0–100.", examples=[42.5])
    output_path: str | None
    error_message: str | None


class BatchRecord(BaseModel):
    """A batch and how far it is."""

    model_config = ConfigDict(frozen=True)

    batch_id: str = Field(examples=["6f2b0a0e-3a51-4c86-9f0b-6a4b1f4f4f7e"])
    template_id: str = Field(examples=["audio-visualizer"])
    formats: list[str] = Field(examples=[["1080p", "short_9_16"]])
    project_id: str | None
    created_at: datetime
    jobs: int = Field(description="How many it has.", examples=[4])
    pending: int
    processing: int
    complete: int
    failed: int
    cancelled: int
    progress: float = Field(description="The mean of its jobs, 0–100.", examples=[42.5])
    eta_s: float | None = Field(
        description="Seconds left at the pace so far; null before the first job is complete."
    )
    items: list[BatchJob] = Field(description="Its jobs, the newest first.")
    before: JobId | None = Field(description="From where the items go on; null at the end.")


async def create_batch(
    conn: AsyncConnection,
    *,
    audio: Sequence[AudioFile],
    template_id: str,
    formats: Sequence[str],
    project_id: str | None = None,
    params: Mapping[str, Any] | None = None,
    priority: int = 0,
    metadata: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    usual_max_active: int | None = None,
) -> Batch:
    """Create a job for every file in every format, all or none, in one statement.

    The same key again is the same batch; Refused when it was used for another. Invalid names what
    is wrong, QuotaExceeded as for jobs.
    """
    choices = read_formats(formats)
    template = TEMPLATES.get(template_id, Template(template_id, {}))
    order = new_job(
        template_id=template.template_id,
        params={**template.params, **(params or {})},
        metadata=metadata or {},
        project_id=project_id,
        priority=priority,
        batch_id=str(uuid4()),
        idempotency_key=idempotency_key,
    )
    asked = {
        **order.model_dump(mode="json", include=ASKED),
        "formats": list(formats),
        "audio": [[file.name, file.sha256 or file.path] for file in audio],
    }
    jobs = multiply(order, audio, choices)
    async with conn.transaction():
        is_new = await batches.insert_batch(
            conn,
            batch_id=str(order.batch_id),
            idempotency_key=idempotency_key,
            template_id=order.template_id,
            formats=formats,
            project_id=project_id,
            jobs=len(jobs),
            asked=asked,
        )
        if not is_new:
            return await find_again(conn, str(idempotency_key), asked)
        await create_jobs(conn, jobs, usual_max_active=usual_max_active)
    return Batch(str(order.batch_id), len(jobs), is_new=True)


def read_formats(words: Sequence[str]) -> list[Choice]:
    """What the words ask for; Invalid names each wrong one and those that ask for the same."""
    if not 1 <= len(words) <= MOST_FORMATS:
        raise Invalid([FieldError("formats", f"are {len(words)}; allowed: 1 to {MOST_FORMATS}")])
    wrong: list[FieldError] = []
    places: dict[Choice, int] = {}
    for place, word in enumerate(words):
        try:
            choice = read_format(word)
        except ValueError as problem:
            wrong.append(FieldError(f"formats[{place}]", str(problem)))
            continue
        if choice in places:
            same = places[choice]
            wrong.append(FieldError(f"formats[{place}]", f"asks for the same as formats[{same}]"))
        places[choice] = place
    if wrong:
        raise Invalid(wrong)
    return list(places)


def read_format(word: str) -> Choice:
    """`short_9_16/720p/webm`, in any order; ValueError says what is wrong with it."""
    found: dict[type, Any] = {}
    for part in word.split("/"):
        member = WORDS.get(part)
        if member is None:
            raise ValueError(f"'{part[:60]}' is unknown ({SPELLING})")
        if type(member) in found:
            raise ValueError(
                f"'{found[type(member)]}' and '{member}' exclude each other ({SPELLING})"
            )
        found[type(member)] = member
    shape = found.get(Format, Format.FULL_16_9)
    still = shape is Format.THUMBNAIL
    usual = Container.JPG if still else Container.MP4
    container = found.get(Container, usual)
    if (container is Container.JPG) is not still:
        raise ValueError(
            f"'{container}' does not go with {shape} (a thumbnail, and only that, is a jpg)"
        )
    return Choice(shape, found.get(Quality, Quality.P1080), container)


def multiply(order: NewJob, audio: Sequence[AudioFile], choices: Sequence[Choice]) -> list[NewJob]:
    """The order once for every file and format, the files in their order."""
    count = len(audio) * len(choices)
    if not audio or count > MOST_AT_ONCE:
        raise Invalid(
            [FieldError("audio", f"makes {count} jobs; allowed: 1 to {MOST_AT_ONCE} in a batch")]
        )
    if "audio" in order.params:
        raise Invalid(
            [FieldError("params.audio", "is each job's own file in a batch; leave it out")]
        )
    size = len(json.dumps([order.params, order.metadata], ensure_ascii=False).encode())
    if size * count > MOST_BYTES:
        most = MOST_BYTES // count
        raise Invalid(
            [
                FieldError(
                    "params", f"and metadata are {size} bytes; at most {most} for {count} jobs"
                )
            ]
        )
    check_audio(audio)
    return [
        order.model_copy(
            update={
                **choice._asdict(),
                "audio_name": file.name,
                "audio_path": file.path,
                "idempotency_key": None,
            }
        )
        for file in audio
        for choice in choices
    ]


def check_audio(audio: Sequence[AudioFile]) -> None:
    """Invalid when a name or path is one that a job cannot have."""
    wrong: list[FieldError] = []
    for place, file in enumerate(audio):
        try:
            new_job(template_id="-", audio_name=file.name, audio_path=file.path)
        except Invalid as invalid:
            for error in invalid.errors:
                field = error.field.removeprefix("audio_")
                wrong.append(FieldError(f"audio[{place}].{field}", error.message))
    if wrong:
        raise Invalid(wrong)


async def find_again(conn: AsyncConnection, key: str, asked: Mapping[str, Any]) -> Batch:
    """The batch of that key; Refused when it is another than what is asked now."""
    found = await batches.find_batch_by_key(conn, key)
    if found is None:
        raise Refused(f"the batch of idempotency_key '{key}' was deleted just now; ask again")
    if other := [name for name, value in asked.items() if found["asked"].get(name) != value]:
        raise Refused(
            f"idempotency_key '{key}' is batch {found['batch_id']}, which has another {', '.join(other)}"
        )
    return Batch(found["batch_id"], found["jobs"], is_new=False)


async def get_batch(
    conn: AsyncConnection, batch_id: str, *, before: int | None = None, most: int = PAGE
) -> BatchRecord:
    """Sum up a batch, with at most that many of its jobs below `before`; Missing when there is none."""
    if not 1 <= most <= LONGEST_PAGE:
        raise Invalid([FieldError("limit", f"is {most}; allowed: 1 to {LONGEST_PAGE}")])
    # Postgres has no text with NUL, so no batch is called that.
    found = None if "\0" in batch_id else await batches.sum_up_batch(conn, batch_id)
    if found is None:
        raise Missing(f"there is no batch '{batch_id[:80]}'")
    rows = await batches.list_batch_jobs(conn, batch_id, before=before, most=most + 1)
    return BatchRecord.model_validate(
        {
            **found,
            "items": rows[:most],
            "before": rows[most - 1]["id"] if len(rows) > most else None,
        }
    )
