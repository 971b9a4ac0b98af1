"""Files that are there already are taken from the allowed directories and from nowhere else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from reactor.context import Context
    from tests.fix_reactor import Table


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A directory that is not the reactor's."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture
def limits(elsewhere: Path) -> dict[str, Any]:
    """A part of it is allowed."""
    (elsewhere / "sounds").mkdir()
    return {"asset_dirs": (elsewhere / "sounds",), "uploads_at_once": 8}


@pytest.fixture
def uploads_dir(context: Context, mp3: bytes) -> Path:
    """`uploads/` with a song in it."""
    directory = context.settings.uploads_dir
    (directory / "song.mp3").write_bytes(mp3)
    return directory


async def ask(client: httpx.AsyncClient, *audio: Any, **changes: Any) -> httpx.Response:
    """Ask for a batch of these files."""
    body = {"audio": list(audio), "template": "flame", "formats": ["1080p"], **changes}
    return await client.post("/api/batches", json=body)


async def test_paths_become_jobs(
    client: httpx.AsyncClient, table: Table, uploads_dir: Path, elsewhere: Path, mp3: bytes
) -> None:
    other = elsewhere / "sounds" / "other.mp3"
    other.write_bytes(mp3)
    answer = await ask(
        client,
        {"path": "song.mp3", "name": "Test Audio.mp3"},
        {"path": str(other)},
        {"path": f"{uploads_dir}/../uploads/./song.mp3"},
        idempotency_key="order-1",
        params={"fps": 10},
    )

    assert answer.status_code == 201, answer.text
    assert await table.rows("SELECT audio_name, audio_path FROM actp_gen_jobs ORDER BY id") == [
        ("Test Audio.mp3", str(uploads_dir / "song.mp3")),
        ("other.mp3", str(other.resolve())),
        ("song.mp3", str(uploads_dir / "song.mp3")),
    ]
    # Nobody's files are removed: they are not ours.
    assert other.exists()


async def test_the_same_key_again_is_answered_with_200(
    client: httpx.AsyncClient, uploads_dir: Path
) -> None:
    asked: dict[str, Any] = {"idempotency_key": "order-1"}
    first = await ask(client, {"path": "song.mp3"}, **asked)
    again = await ask(client, {"path": str(uploads_dir / "song.mp3")}, **asked)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    refused = await ask(client, {"path": "song.mp3", "name": "Other"}, **asked)
    assert refused.status_code == 409


async def test_each_path_that_cannot_be_is_named(
    client: httpx.AsyncClient, table: Table, uploads_dir: Path, elsewhere: Path, mp3: bytes
) -> None:
    (elsewhere / "secret.mp3").write_bytes(mp3)
    (elsewhere / "sounds" / "link.mp3").symlink_to(elsewhere / "secret.mp3")
    (elsewhere / "sounds" / "loop.mp3").symlink_to(elsewhere / "sounds" / "loop.mp3")
    (uploads_dir / "folder.mp3").mkdir()
    os.mkfifo(uploads_dir / "pipe.mp3")
    (uploads_dir / "words.mp3").write_text("just words")
    (uploads_dir / "empty.mp3").touch()
    bad = {
        str(elsewhere / "secret.mp3"): "lies outside the allowed directories",
        str(elsewhere / "nonesuch.mp3"): "lies outside the allowed directories",
        "../../etc/passwd": "lies outside the allowed directories",
        str(elsewhere / "sounds" / "link.mp3"): "lies outside the allowed directories",
        "a\nb.mp3": "has control characters",
        "nonesuch.mp3": "does not exist",
        "song.mp3/x": "cannot be read (Not a directory)",
    }
    answer = await ask(client, {"path": "song.mp3"}, *({"path": path} for path in bad))

    assert answer.status_code == 400
    errors = answer.json()["errors"]
    assert [error["field"] for error in errors] == [f"audio[{n}].path" for n in range(1, 8)]
    for error, said in zip(errors, bad.values(), strict=True):
        assert error["message"].startswith(said), error

    special = {
        str(elsewhere / "sounds" / "loop.mp3"): "cannot be a path",
        "folder.mp3": "is a directory, not a regular file",
        "pipe.mp3": "is a FIFO, not a regular file",
        "empty.mp3": "is empty (0 bytes)",
        ".": "is a directory",
        "x" * 300: "cannot be read (File name too long)",
    }
    answer = await ask(client, *({"path": path} for path in special))
    assert answer.status_code == 400
    errors = answer.json()["errors"]
    for error, said in zip(errors, special.values(), strict=True):
        assert error["message"].startswith(said), error

    answer = await ask(client, {"path": "song.mp3"}, {"path": "words.mp3"})
    (error,) = answer.json()["errors"]
    assert error["field"] == "audio[1].path"
    assert error["message"].startswith("is not a sound that can be decoded (allowed: mp3,")
    assert await table.rows("SELECT FROM actp_gen_jobs") == []


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"audio": []}, ["audio"]),
        ({"audio": "song.mp3"}, ["audio"]),
        ({"audio": [{"path": "song.mp3"}] * 9}, ["audio"]),
        ({"audio": [{"path": "song.mp3"}, {"name": "x"}, "song.mp3"]}, ["audio[1].path", "audio[2]"]),
        ({"audio": [{"path": "a\0b"}]}, ["audio[0].path"]),
        ({"audio": [{"path": "song.mp3", "name": ""}]}, ["audio[0].name"]),
        ({"formats": []}, ["formats"]),
        ({"formats": "1080p"}, ["formats"]),
        ({"formats": ["1080p", 7]}, ["formats[1]"]),
        ({"formats": ["1080p", "huge"]}, ["formats[1]"]),
        ({"formats": ["1080p"] * 21}, ["formats"]),
        ({"template": ""}, ["template"]),
        ({"colour": "red"}, ["colour"]),
        ({"params": {"audio": "x"}}, ["params.audio"]),
        ({"priority": 2**40, "project_id": ""}, ["priority", "project_id"]),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named(
    client: httpx.AsyncClient, table: Table, uploads_dir: Path, changes: Any, fields: list[str]
) -> None:
    answer = await client.post(
        "/api/batches",
        json={
            "audio": [{"path": "song.mp3"}],
            "template": "flame",
            "formats": ["1080p"],
            **changes,
        },
    )

    assert answer.status_code == 400, answer.text
    assert sorted(error["field"] for error in answer.json()["errors"]) == fields
    assert await table.rows("SELECT FROM reactor.batches") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"{}x"])
async def test_a_body_that_is_no_order_is_said(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(
        "/api/batches", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("body: ")


async def test_other_types_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/batches", content=b"x", headers={"Content-Type": "audio/mpeg"})

    assert answer.status_code == 415
    assert "multipart/form-data" in answer.json()["detail"]


async def test_a_project_that_is_full_is_said(
    client: httpx.AsyncClient, table: Table, uploads_dir: Path
) -> None:
    await table.rows("INSERT INTO reactor.projects (project_id, max_active) VALUES ('spring', 1)")

    answer = await ask(client, {"path": "song.mp3"}, project_id="spring", formats=["720p", "1080p"])

    assert answer.status_code == 429
    assert "project spring has 0 active jobs and may have 1" in answer.json()["detail"]


async def test_a_batch_is_shown_page_by_page(client: httpx.AsyncClient, uploads_dir: Path) -> None:
    made = await ask(client, {"path": "song.mp3"}, formats=["720p", "1080p", "4k"])
    where = made.headers["location"]

    first = (await client.get(where, params={"limit": 2})).json()
    rest = (await client.get(where, params={"limit": 2, "before": first["before"]})).json()

    assert [item["quality"] for item in first["items"]] == ["4k", "1080p"]
    assert [item["quality"] for item in rest["items"]] == ["720p"]
    assert rest["before"] is None
    for wrong in ({"limit": 0}, {"limit": 501}, {"before": 0}, {"before": 2**63}):
        assert (await client.get(where, params=wrong)).status_code == 400


@pytest.mark.parametrize("batch_id", ["nonesuch", "%00", "..%2f", "x" * 200])
async def test_a_batch_that_is_not_there_is_a_404(client: httpx.AsyncClient, batch_id: str) -> None:
    answer = await client.get(f"/api/batches/{batch_id}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
