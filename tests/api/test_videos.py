"""Files of complete jobs are served out of the library, and nothing else ever is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from reactor.settings import Settings
    from tests.api.conftest import Farm

BODY = bytes(range(256)) * 40


@pytest.fixture
def library(settings: Settings, context: object) -> Path:
    """Where finished files lie."""
    return settings.library_dir


@pytest.fixture
def video(library: Path) -> Path:
    """A file that is where it should be."""
    path = library / '20261120_ünïcode "title"_1080p_v1.mp4'
    path.write_bytes(BODY)
    return path


async def test_a_video_is_served_as_what_it_is(
    client: httpx.AsyncClient, farm: Farm, video: Path
) -> None:
    job_id = await farm.complete(video)

    answer = await client.get(f"/api/videos/{job_id}/data")

    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("inline; filename*=utf-8''20261120_")


@pytest.mark.parametrize(
    ("wanted", "expected"), [("0-9", BODY[:10]), ("10000-", BODY[10000:]), ("-5", BODY[-5:])]
)
async def test_a_player_may_ask_for_a_part(
    client: httpx.AsyncClient, farm: Farm, video: Path, wanted: str, expected: bytes
) -> None:
    job_id = await farm.complete(video)

    answer = await client.get(f"/api/videos/{job_id}/data", headers={"Range": f"bytes={wanted}"})

    assert (answer.status_code, answer.content) == (206, expected)


async def test_a_part_beyond_the_end_is_refused(
    client: httpx.AsyncClient, farm: Farm, video: Path
) -> None:
    job_id = await farm.complete(video)

    answer = await client.get(f"/api/videos/{job_id}/data", headers={"Range": "bytes=99999-"})

    assert answer.status_code == 416


async def test_a_thumbnail_is_a_picture(
    client: httpx.AsyncClient, farm: Farm, video: Path, library: Path
) -> None:
    thumbnail = library / "a.jpg"
    thumbnail.write_bytes(b"jpg")
    job_id = await farm.complete(video, thumbnail)

    answer = await client.get(f"/api/videos/{job_id}/thumbnail")

    assert (answer.status_code, answer.content) == (200, b"jpg")
    assert answer.headers["content-type"] == "image/jpeg"


async def test_a_file_of_unknown_kind_is_never_a_page(
    client: httpx.AsyncClient, farm: Farm, library: Path
) -> None:
    page = library / "evil.html"
    page.write_text("<script>alert(1)</script>")
    job_id = await farm.complete(page)

    answer = await client.get(f"/api/videos/{job_id}/data")

    assert answer.headers["content-type"] == "application/octet-stream"


async def test_an_unknown_job_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/videos/4711/data")

    assert answer.status_code == 404
    assert answer.json()["detail"] == "there is no job 4711"


async def test_a_job_that_is_not_complete_has_no_video_yet(
    client: httpx.AsyncClient, farm: Farm
) -> None:
    job_id = await farm.rendering()

    answer = await client.get(f"/api/videos/{job_id}/data")

    assert answer.status_code == 409
    assert f"job {job_id} is processing" in answer.json()["detail"]


async def test_a_job_that_drew_nothing_has_no_video(client: httpx.AsyncClient, farm: Farm) -> None:
    job_id = await farm.complete()

    answer = await client.get(f"/api/videos/{job_id}/data")

    assert (answer.status_code, answer.json()["detail"]) == (404, f"job {job_id} has no video")


async def test_a_file_that_was_deleted_is_gone(
    client: httpx.AsyncClient, farm: Farm, video: Path
) -> None:
    job_id = await farm.complete(video.with_name("deleted.mp4"))

    answer = await client.get(f"/api/videos/{job_id}/data")

    assert answer.status_code == 410
    assert "not in the library any more" in answer.json()["detail"]


def outside(library: Path, secret: Path) -> Path:
    return secret


def climbing(library: Path, secret: Path) -> Path:
    return library / ".." / secret.name


def linked(library: Path, secret: Path) -> Path:
    link = library / "link.mp4"
    link.symlink_to(secret)
    return link


def below_a_linked_directory(library: Path, secret: Path) -> Path:
    (library / "sub").symlink_to(secret.parent)
    return library / "sub" / secret.name


def directory(library: Path, secret: Path) -> Path:
    return library


def relative(library: Path, secret: Path) -> Path:
    return secret.relative_to(library.parent)


@pytest.mark.parametrize(
    "disguise", [outside, climbing, linked, below_a_linked_directory, directory, relative]
)
async def test_a_row_that_was_tampered_with_opens_nothing(
    client: httpx.AsyncClient,
    farm: Farm,
    library: Path,
    disguise: Callable[[Path, Path], Path],
) -> None:
    secret = library.parent / "secret.mp4"
    secret.write_bytes(b"secret")
    job_id = await farm.complete(disguise(library, secret), disguise.__name__)

    answer = await client.get(f"/api/videos/{job_id}/data")

    assert answer.status_code == 410
    assert "secret" not in answer.text


@pytest.mark.parametrize("job_id", ["0", "-1", "x", "9223372036854775808", "1%2F..%2F2"])
async def test_an_id_that_is_none_is_named(client: httpx.AsyncClient, job_id: str) -> None:
    answer = await client.get(f"/api/videos/{job_id}/data")

    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_head_tells_the_size_without_the_file(
    client: httpx.AsyncClient, farm: Farm, video: Path
) -> None:
    job_id = await farm.complete(video)

    answer = await client.head(f"/api/videos/{job_id}/data")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(BODY))
