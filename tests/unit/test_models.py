"""A job's words: sizes, and a specification that names the field that is wrong and what it may be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from reactor.errors import FailureClass, RenderFailed
from reactor.models import Container, Format, Job, JobId, JobStatus, Quality, dimensions


def job(**columns: Any) -> Job:
    """A row as the table gives it."""
    row: dict[str, Any] = {
        "id": JobId(1),
        "niche": "solopreneur",
        "platform": "youtube",
        "template_id": "title-card",
        "renderer": "server",
        "format": "full_16_9",
        "quality": "1080p",
        "container": "mp4",
        "params": {},
        "audio_name": None,
        "audio_path": None,
        "status": JobStatus.PROCESSING,
        "stage": "claimed",
        "attempt": 1,
        "retry_count": 0,
        "max_attempts": 3,
        "claim_token": None,
        "created_at": datetime.now(UTC),
        "render_started_at": None,
        "output_path": None,
    }
    return Job(**{**row, **columns})


@pytest.mark.parametrize(
    ("shape", "quality", "size"),
    [
        ("full_16_9", "720p", (1280, 720)),
        ("full_16_9", "1080p", (1920, 1080)),
        ("full_16_9", "4k", (3840, 2160)),
        ("short_9_16", "720p", (720, 1280)),
        ("short_9_16", "1080p", (1080, 1920)),
        ("short_9_16", "4k", (2160, 3840)),
        ("clip_1_1", "720p", (720, 720)),
        ("clip_1_1", "1080p", (1080, 1080)),
        ("clip_1_1", "4k", (2160, 2160)),
        ("thumbnail", "720p", (1280, 720)),
        ("thumbnail", "1080p", (1920, 1080)),
        ("thumbnail", "4k", (3840, 2160)),
    ],
)
def test_every_format_has_its_size(shape: str, quality: str, size: tuple[int, int]) -> None:
    assert dimensions(Format(shape), Quality(quality)) == size
    assert job(format=shape, quality=quality).spec().size == size


@pytest.mark.parametrize("container", ["mp4", "webm", "gif"])
def test_a_job_is_drawn_as_it_says(container: str) -> None:
    spec = job(container=container, params={"title": "Hello"}).spec()

    assert (spec.template, spec.container) == ("title-card", container)
    assert spec.props["title"] == "Hello"


@pytest.mark.parametrize("container", Container)
def test_a_thumbnail_is_a_jpg_whatever_the_container(container: Container) -> None:
    assert job(format="thumbnail", container=container).spec().container == "jpg"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"template_id": None}, "template_id: is empty"),
        ({"template_id": ""}, "template_id: is empty"),
        ({"params": None}, "params: is null (allowed: a JSON object)"),
        ({"params": [1]}, "params: is list (allowed: a JSON object)"),
        ({"params": "text"}, "params: is str (allowed: a JSON object)"),
        ({"params": 7}, "params: is int (allowed: a JSON object)"),
        (
            {"format": "square"},
            "format: 'square' is unknown (allowed: full_16_9, short_9_16, clip_1_1, thumbnail)",
        ),
        ({"quality": "8k"}, "quality: '8k' is unknown (allowed: 360p, 720p, 1080p, 4k)"),
        ({"container": "avi"}, "container: 'avi' is unknown (allowed: mp4, webm, gif"),
        (
            {"container": "jpg"},
            "container: 'jpg' is for format thumbnail (allowed: mp4, webm, gif)",
        ),
        ({"format": ""}, "format: '' is unknown"),
        ({"quality": "1080P"}, "quality: '1080P' is unknown"),
    ],
)
def test_a_wrong_word_fails_as_input_with_the_field_and_what_is_allowed(
    columns: dict[str, Any], said: str
) -> None:
    with pytest.raises(RenderFailed) as refused:
        job(**columns).spec()

    assert refused.value.failure is FailureClass.INPUT
    assert str(refused.value).startswith(said)


def test_columns_are_defaults_that_params_override() -> None:
    columns = {"niche": "n", "platform": "p", "audio_path": "/music/a.wav"}

    plain = job(**columns).spec().props
    overridden = job(**columns, params={"niche": "mine", "audio": "b.wav"}).spec().props

    assert plain == {"niche": "n", "platform": "p", "audio": "/music/a.wav"}
    assert overridden == {"niche": "mine", "platform": "p", "audio": "b.wav"}


def test_empty_columns_are_not_told_to_the_template() -> None:
    assert job(niche=None, platform="", audio_path=None).spec().props == {}


def test_foreign_columns_of_the_table_are_ignored() -> None:
    assert job(their_own_column="x").id == 1


def test_a_row_is_not_changed_in_memory() -> None:
    row: Any = job()

    with pytest.raises(ValueError, match="frozen"):
        row.attempt = 2
