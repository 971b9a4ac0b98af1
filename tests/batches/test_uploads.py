"""Files that are sent become files on disk and jobs, or nothing at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.batches.conftest import BOUNDARY, FORM, form, order, part
from tests.batches.sounds import KINDS, sound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    import httpx

    from tests.fix_reactor import Table

    Stored = Callable[[], list[Path]]

HOSTILE = "Größe ☃ 音.mp3"


async def send(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    """Post a form as it stands there."""
    return await client.post("/api/batches", content=body, headers=FORM)


async def test_two_files_in_two_formats_become_four_jobs(
    client: httpx.AsyncClient, table: Table, stored: Stored, mp3: bytes
) -> None:
    other = sound("flac", pitch=880)
    answer = await client.post(
        "/api/batches",
        data={"template": "flame", "formats": ["1080p, short_9_16", "720p/webm"], "priority": "2",
              "project_id": "spring", "params": '{"fps": 10}', "metadata": '{"order": 1}'},
        files=[("audio", ("Test Audio.mp3", mp3)), ("audio", ("Other.FLAC", other))],
    )  # fmt: skip

    assert answer.status_code == 201, answer.text
    batch = answer.json()
    assert (batch["jobs"], batch["pending"], batch["progress"]) == (6, 6, 0)
    assert batch["formats"] == ["1080p", "short_9_16", "720p/webm"]
    assert (batch["template_id"], batch["project_id"]) == ("audio-visualizer", "spring")
    assert answer.headers["location"] == f"/api/batches/{batch['batch_id']}"
    assert (await client.get(answer.headers["location"])).json() == batch
    rows = await table.rows(
        "SELECT DISTINCT audio_name, audio_path, params::text, metadata::text, priority"
        " FROM actp_gen_jobs ORDER BY audio_name"
    )
    assert [row[0] for row in rows] == ["Other.FLAC", "Test Audio.mp3"]
    assert {row[2:] for row in rows} == {('{"fps": 10, "style": "flame"}', '{"order": 1}', 2)}
    assert sorted(row[1] for row in rows) == [str(path) for path in stored()]
    assert {path.read_bytes() for path in stored()} == {mp3, other}
    assert {path.suffix for path in stored()} == {".mp3", ".flac"}


@pytest.mark.parametrize("extension", KINDS)
async def test_every_kind_of_sound_is_taken(
    client: httpx.AsyncClient, stored: Stored, extension: str
) -> None:
    content = sound(extension)

    answer = await send(client, order(part("audio", content, sent_as=b"a." + extension.encode())))

    assert answer.status_code == 201, answer.text
    assert [path.suffix for path in stored()] == [f".{extension}"]


@pytest.mark.parametrize(
    ("sent_as", "kept"),
    [
        (b"../../x.mp3", "x.mp3"),
        (b"/etc/cron.d/x.mp3", "x.mp3"),
        (rb"..\..\x.mp3", "x.mp3"),
        (rb"C:\\sounds\\x.MP3", "x.MP3"),
        (b"a" * 300 + b".mp3", "a" * 300 + ".mp3"),
        (HOSTILE.encode(), HOSTILE),
        (b"\xff\xfe.mp3", "\ufffd\ufffd.mp3"),
        (b"-rf $(id);x.mp3", "-rf $(id);x.mp3"),
    ],
)
async def test_a_name_is_a_text_and_never_a_path(
    client: httpx.AsyncClient, table: Table, data: Path, mp3: bytes, sent_as: bytes, kept: str
) -> None:
    answer = await send(client, order(part("audio", mp3, sent_as=sent_as)))

    assert answer.status_code == 201, answer.text
    ((name, path),) = await table.rows("SELECT audio_name, audio_path FROM actp_gen_jobs")
    assert name == kept
    assert [str(file) for file in data.rglob("*") if file.is_file()] == [path]
    assert path.startswith(f"{data / 'uploads'}/")


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        (order(part("audio", b"x", sent_as=b"a\0b.mp3")), "audio[0]", "NUL"),
        (order(part("audio", b"x", sent_as=b"song.txt")), "audio[0]", "'song.txt' has another ext"),
        (order(part("audio", b"x", sent_as=b"song")), "audio[0]", "mp3, wav, m4a"),
        (order(part("audio", b"x", sent_as=b".mp3")), "audio[0]", "another extension"),
        (order(part("audio", b"", sent_as=b"")), "audio[0]", "another extension"),
        (order(part("audio", b"", sent_as=b"a.mp3")), "audio[0]", "is empty (0 bytes)"),
        (order(part("audio", b"just words", sent_as=b"a.mp3")), "audio[0]", "is not a sound"),
        (order(part("audio", b"ID3 words" * 999, sent_as=b"a.mp3")), "audio[0]", "is not a sound"),
        (order(part("audio", b"#EXTM3U\nfile:///etc/passwd", sent_as=b"a.mp3")), "audio[0]", "sound"),
        (order(part("audio", b"song.mp3")), "audio", "is a text; send it as a file: curl -F"),
        (order(), "audio", "is missing; send one or more files"),
        (order(part("params", b"{}", sent_as=b"p.mp3")), "params", "only `audio` may be one"),
        (order(part("colour", b"red")), "colour", "is not known (allowed: audio, template,"),
        (order(part("template", b"again")), "template", "is given twice"),
        (order(part("params", b"{")), "params", "is not JSON"),
        (order(part("params", b"[]")), "params", "input should be a valid dictionary"),
        (order(part("priority", b"urgent")), "priority", "valid integer"),
        (order(part("project_id", b"\xff")), "project_id", "must be UTF-8 text"),
        (order(*[part("formats", b"1080p")] * 101), "formats", "is one of more than 100 texts"),
        (form([part("formats", b"1080p")]), "template", "is missing"),
        (form([part("template", b"flame")]), "formats", "is missing"),
        (order(template=""), "template", "is missing"),
        (order(part("idempotency_key", b"")), "audio", "is missing"),
        (b"", "body", "ends before its last boundary"),
        (b"nonsense", "body", "is not well-formed"),
        (form([part("template", b"flame")], end=b""), "body", "ends before its last boundary"),
        (form([b"--" + BOUNDARY + b"\r\n\r\nx\r\n"]), "body", "does not say its name"),
        (form([b"--" + BOUNDARY + b"\r\nX: " + b"x" * 9999 + b"\r\n\r\n\r\n"]), "body", "well-formed"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_named_and_nothing_stays(
    client: httpx.AsyncClient, table: Table, stored: Stored, body: bytes, field: str, said: str
) -> None:
    answer = await send(client, body)

    assert answer.status_code == 400, answer.text
    (error,) = [error for error in answer.json()["errors"] if error["field"].startswith(field)]
    assert said in error["message"]
    assert stored() == []
    assert await table.rows("SELECT FROM actp_gen_jobs") == []


async def test_good_files_do_not_stay_beside_a_bad_one(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes
) -> None:
    good = part("audio", mp3, sent_as=b"good.mp3")
    bad = part("audio", b"just words", sent_as=b"bad.mp3")

    answer = await send(client, order(good, bad, good, bad))

    assert [error["field"] for error in answer.json()["errors"]] == ["audio[1]", "audio[3]"]
    assert stored() == []


async def test_a_wrong_format_is_found_after_the_files_and_they_go(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes
) -> None:
    answer = await send(client, order(part("audio", mp3, sent_as=b"a.mp3"), formats="1080p,huge"))

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "formats[1]")
    assert stored() == []


@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_it_does_not_matter_where_the_body_is_cut(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes, size: int
) -> None:
    # What looks like the boundary and is not, also at the very end.
    content = mp3 + b"\r\n--" + BOUNDARY[:-1] + b"\r\n--\r\n\r" * 3 + b"\r\n--"
    body = order(part("audio", content, sent_as=b"a.mp3"))

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    answer = await client.post("/api/batches", content=chunks(), headers=FORM)

    assert answer.status_code == 201, answer.text
    assert [path.read_bytes() for path in stored()] == [content]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=",
                                  "multipart/form-data; boundary=" + "x" * 71])  # fmt: skip
async def test_a_form_has_a_boundary(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post("/api/batches", content=b"x", headers={"Content-Type": kind})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Content-Type"


async def test_the_same_key_again_keeps_one_batch_and_one_file(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes
) -> None:
    body = order(part("audio", mp3, sent_as=b"a.mp3"), part("idempotency_key", b"order-1"))
    first, again = await send(client, body), await send(client, body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert len(stored()) == 1

    other = order(
        part("audio", sound(pitch=880), sent_as=b"a.mp3"), part("idempotency_key", b"order-1")
    )
    refused = await send(client, other)
    assert refused.status_code == 409
    assert "another audio" in refused.json()["detail"]
    assert len(stored()) == 1


async def test_two_clients_with_one_key_at_once_make_one_batch(
    client: httpx.AsyncClient, table: Table, stored: Stored, mp3: bytes
) -> None:
    body = order(part("audio", mp3, sent_as=b"a.mp3"), part("idempotency_key", b"order-1"))
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await send(client, body))

    async with anyio.create_task_group() as tg:
        for _ in range(4):
            tg.start_soon(ask)

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["batch_id"] for answer in answers}) == 1
    ((path,),) = await table.rows("SELECT audio_path FROM actp_gen_jobs")
    assert [str(file) for file in stored()] == [path]


async def test_a_form_can_come_from_a_page_that_leaves_fields_empty(
    client: httpx.AsyncClient, mp3: bytes
) -> None:
    empty: list[Any] = [part(name, b"") for name in ("project_id", "params", "priority")]

    answer = await send(client, order(part("audio", mp3, sent_as=b"a.mp3"), *empty))

    assert answer.status_code == 201, json.dumps(answer.json())
