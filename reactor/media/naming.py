"""Names of files: what a finished video is called in the library, what a renderer writes.

Names in the library are made of `[a-z0-9_.]` only, so they are safe on every system and no two
differ by case alone. What the producer wrote stays in the database.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from reactor.models import Container, JobId

if TYPE_CHECKING:
    from datetime import date

MAX_SLUG_CHARS = 60
NO_NAME = "video"
MAX_JOB_ID = 2**63 - 1
MAX_ATTEMPT = 2**31 - 1
MEDIA_EXTENSION = re.compile(
    r"\.(mp3|wav|m4a|aac|ogg|oga|opus|flac|aiff?|wma|weba|mp4|m4v|mov|mkv|webm)\s*$", re.IGNORECASE
)
EXTENSIONS = frozenset(container.value for container in Container)
RENDER_NAME = re.compile(r"job-([1-9][0-9]{0,18})(?:-a([1-9][0-9]{0,9}))?\.([A-Za-z0-9]+)")
IN_PROGRESS = (
    "*.part",
    "*.tmp",
    "*.partial",
    "*.crdownload",
    "*.remotion-in-progress",
    ".*",
    "~*",
    "*~",
)


@dataclass(frozen=True)
class RenderName:
    """Whose file that is; without an attempt it was dropped by hand."""

    job_id: JobId
    attempt: int | None
    container: Container


def file_name(title: str, *, created: date, quality: str, version: int, extension: str) -> str:
    """The name in the library: `20260127_test_audio_1080p_v1.mp4`."""
    if version < 1:
        raise ValueError(f"version is {version}; the first is 1")
    day = f"{created.year:04}{created.month:02}{created.day:02}"
    return f"{day}_{slug(title)}_{slug(quality)[:12]}_v{version}.{slug(extension)[:8]}"


def title_of(
    *,
    audio_name: str | None = None,
    title: object = None,
    template_id: str | None = None,
    niche: str | None = None,
) -> str:
    """The slug of the audio's name, else of the title, else of template and niche: the first that has one.

    `title` is as the producer put it into `params`, so it can be anything.
    """
    audio = MEDIA_EXTENSION.sub("", re.split(r"[/\\]", audio_name or "")[-1])
    words = " ".join(filter(None, (template_id, niche)))
    sources = (audio, title if isinstance(title, str) else "", words)
    return next(filter(None, map(ascii_words, sources)), NO_NAME)


def slug(text: str) -> str:
    """`Test Audio` as `test_audio`; `video` when no letter or digit of ASCII is left."""
    return ascii_words(text) or NO_NAME


def ascii_words(text: str) -> str:
    """Letters without their accents, words joined by one underscore; other scripts are left out."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    words = re.sub(r"\W+", "_", letters).encode("ascii", "ignore").decode().lower()
    return re.sub(r"_+", "_", words).strip("_")[:MAX_SLUG_CHARS].rstrip("_")


def attempt_file_name(job_id: int, attempt: int, extension: str) -> str:
    """What the renderer writes for that attempt."""
    return f"job-{job_id}-a{attempt}.{extension}"


def dropped_file_name(job_id: int, extension: str) -> str:
    """What somebody drops by hand to finish that job."""
    return f"job-{job_id}.{extension}"


def parse_render_name(name: str) -> RenderName | None:
    """Whose file it is by its name in the render directory; None when it is nobody's."""
    match = RENDER_NAME.fullmatch(name)
    if match is None or match[3].lower() not in EXTENSIONS:
        return None
    job_id, attempt = int(match[1]), int(match[2]) if match[2] else None
    if job_id > MAX_JOB_ID or (attempt or 0) > MAX_ATTEMPT:
        return None
    return RenderName(JobId(job_id), attempt, Container(match[3].lower()))


def in_progress(name: str) -> bool:
    """Whether that name says that its writer is not done with the file."""
    return any(fnmatchcase(name.lower(), pattern) for pattern in IN_PROGRESS)
