"""What is too much, too slow or cut short is refused while it comes in, and leaves no file."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from psycopg_pool import AsyncConnectionPool

from reactor import httpserver
from reactor.api import uploads
from reactor.api.app import create_app
from reactor.db.pool import Database
from tests.batches.conftest import FORM, form, order, part
from tests.fix_api import client_of
from tests.fix_reactor import LOOK_S, PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from starlette.types import Message

    from reactor.context import Context
    from tests.fix_reactor import Table

    Stored = Callable[[], list[Path]]

MIB = 1 << 20


@pytest.fixture
def limits() -> dict[str, Any]:
    """Small ones."""
    return {"upload_mb": 1, "uploads_at_once": 2}


async def chunked(body: bytes) -> AsyncIterator[bytes]:
    """The body without a length."""
    for start in range(0, len(body), 60_000):
        yield body[start : start + 60_000]


async def test_a_file_of_exactly_the_limit_is_taken(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes
) -> None:
    whole = mp3.ljust(MIB, b"\0")

    answer = await client.post(
        "/api/batches", content=order(part("audio", whole, sent_as=b"a.mp3")), headers=FORM
    )

    assert answer.status_code == 201, answer.text
    assert [path.stat().st_size for path in stored()] == [MIB]


@pytest.mark.parametrize("how", ["whole", "chunked"])
async def test_a_file_that_is_larger_is_refused(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes, how: str
) -> None:
    good = part("audio", mp3, sent_as=b"good.mp3")
    body = order(good, part("audio", mp3.ljust(MIB + 1, b"\0"), sent_as=b"large.mp3"))

    content = body if how == "whole" else chunked(body)
    answer = await client.post("/api/batches", content=content, headers=FORM)

    assert answer.status_code == 413
    said = "audio[1]: 'large.mp3' is larger than 1 MB, which is what REACTOR_UPLOAD_MB allows"
    assert answer.json()["detail"] == said
    assert stored() == []


async def test_a_length_that_lies_changes_nothing(
    context: Context, stored: Stored, mp3: bytes
) -> None:
    """A server of ours would cut such a body; whatever stands before it must not be trusted to."""
    body = order(part("audio", mp3.ljust(MIB + 1, b"\0"), sent_as=b"large.mp3"))

    status = await speak(context, [body], announced=100)

    assert status == 413
    assert stored() == []


async def test_more_files_than_allowed_are_refused(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes
) -> None:
    body = order(*[part("audio", mp3, sent_as=b"a.mp3")] * 3)

    answer = await client.post("/api/batches", content=body, headers=FORM)

    assert answer.status_code == 400
    assert answer.json()["detail"] == "audio: is more than 2 files (REACTOR_UPLOADS_AT_ONCE)"
    assert stored() == []


async def test_texts_are_small(client: httpx.AsyncClient, stored: Stored, mp3: bytes) -> None:
    body = order(part("audio", mp3, sent_as=b"a.mp3"), part("params", b"x" * 65_537))

    answer = await client.post("/api/batches", content=body, headers=FORM)

    assert answer.status_code == 413
    assert answer.json()["detail"] == "params: at most 65536 bytes of text are accepted"
    assert stored() == []


async def test_a_body_without_parts_does_not_go_on_for_ever(client: httpx.AsyncClient) -> None:
    """Bytes before the first boundary belong to no part, but they count."""
    answer = await client.post("/api/batches", content=chunked(b"\r\n" * 2 * MIB), headers=FORM)

    assert answer.status_code == 413


@pytest.mark.parametrize("limits", [{"min_free_mb": 10**9}])
async def test_a_full_disk_is_said_before_anything_is_written(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes
) -> None:
    body = order(part("audio", mp3, sent_as=b"a.mp3"))

    answer = await client.post("/api/batches", content=body, headers=FORM)

    assert answer.status_code == 507
    assert "the disk for uploads is full" in answer.json()["detail"]
    assert stored() == []


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """The kernel refuses to write more into any file of this process."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


async def test_a_disk_that_takes_no_more_half_way_is_said_and_emptied(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes
) -> None:
    body = order(part("audio", mp3.ljust(MIB, b"\0"), sent_as=b"a.mp3"))

    with no_file_beyond(600_000):
        answer = await client.post("/api/batches", content=chunked(body), headers=FORM)

    assert answer.status_code == 507
    assert stored() == []


async def test_a_directory_that_cannot_be_is_said(
    context: Context, client: httpx.AsyncClient, mp3: bytes
) -> None:
    directory = context.settings.uploads_dir
    directory.rmdir()
    directory.write_text("a file where the directory should be")

    body = order(part("audio", mp3, sent_as=b"a.mp3"))
    answer = await client.post("/api/batches", content=body, headers=FORM)

    assert answer.status_code == 503
    assert "uploads cannot be stored (Not a directory)" in answer.json()["detail"]


async def test_a_directory_that_was_deleted_is_made_again(
    context: Context, client: httpx.AsyncClient, stored: Stored, mp3: bytes
) -> None:
    context.settings.uploads_dir.rmdir()

    body = order(part("audio", mp3, sent_as=b"a.mp3"))
    answer = await client.post("/api/batches", content=body, headers=FORM)

    assert answer.status_code == 201
    assert len(stored()) == 1


async def test_a_sender_that_falls_silent_is_not_waited_for(
    client: httpx.AsyncClient, stored: Stored, mp3: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "IDLE_S", 0.1)
    seen: list[list[Path]] = []

    async def half() -> AsyncIterator[bytes]:
        yield part("audio", mp3.ljust(MIB, b"\0"), sent_as=b"a.mp3")[: MIB // 2]
        seen.append(stored())
        await anyio.sleep_forever()

    answer = await client.post("/api/batches", content=half(), headers=FORM)

    assert answer.status_code == 408
    assert [[path.suffix for path in paths] for paths in seen] == [[".part"]]
    assert stored() == []


async def test_a_database_that_is_away_leaves_no_file(
    context: Context, stored: Stored, mp3: bytes
) -> None:
    dsn = "postgresql://u@127.0.0.1:1/farm"
    away = replace(context, database=Database(dsn, AsyncConnectionPool(dsn, open=False)))
    async with client_of(away) as client:
        body = order(part("audio", mp3, sent_as=b"a.mp3"))
        answer = await client.post("/api/batches", content=body, headers=FORM)

    assert answer.status_code == 503
    assert stored() == []


async def test_files_outlive_a_commit_whose_answer_was_lost(
    client: httpx.AsyncClient, table: Table, stored: Stored, mp3: bytes
) -> None:
    """Nobody can know then whether the jobs are there, so their files must be."""
    await table.rows(
        "CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
    )
    await table.rows(
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON reactor.batches"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hang_up()"
    )
    body = order(part("audio", mp3, sent_as=b"a.mp3"))

    answer = await client.post("/api/batches", content=body, headers=FORM)

    assert answer.status_code == 503
    assert [path.suffix for path in stored()] == [".mp3"]


async def test_a_sender_that_hangs_up_leaves_no_file(
    context: Context, stored: Stored, mp3: bytes
) -> None:
    """Through a real socket: half of a file comes, then the connection ends."""
    sock = httpserver.bind("127.0.0.1", 0, setting="test")
    host, port = sock.getsockname()
    body = form([part("audio", mp3.ljust(MIB, b"\0"), sent_as=b"a.mp3")])
    head = (
        f"POST /api/batches HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: {FORM['Content-Type']}\r\n\r\n"
    )
    with sock:
        async with anyio.create_task_group() as tg:
            await tg.start(httpserver.serve, create_app(context), sock)
            async with await anyio.connect_tcp(host, port) as stream:
                await stream.send(head.encode() + body[: MIB // 2])
                await until(lambda: [path.suffix for path in stored()] == [".part"])
            await until(lambda: stored() == [])
            tg.cancel_scope.cancel()


async def test_a_client_that_is_still_sending_reads_why_it_was_refused(
    context: Context, stored: Stored, mp3: bytes
) -> None:
    sock = httpserver.bind("127.0.0.1", 0, setting="test")
    host, port = sock.getsockname()
    body = order(part("audio", mp3.ljust(2 * MIB, b"\0"), sent_as=b"large.mp3"))
    with sock:
        async with anyio.create_task_group() as tg:
            await tg.start(httpserver.serve, create_app(context), sock)
            async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
                answer = await client.post(
                    f"http://{host}:{port}/api/batches", content=body, headers=FORM
                )
            tg.cancel_scope.cancel()

    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.json()["detail"]
    assert stored() == []


async def until(condition: Callable[[], bool]) -> None:
    """Look until it is so."""
    with anyio.fail_after(PATIENCE_S):
        while not condition():
            await anyio.sleep(LOOK_S)


async def speak(context: Context, chunks: list[bytes], *, announced: int) -> int:
    """Send these chunks under that length, as a careless server would; the answer's status."""
    messages = [
        {"type": "http.request", "body": chunk, "more_body": n + 1 < len(chunks)}
        for n, chunk in enumerate(chunks)
    ]
    said: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        said.append(message)

    headers = {"host": "127.0.0.1", "content-length": str(announced), **FORM}
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/batches",
        "raw_path": b"/api/batches",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await create_app(context)(scope, receive, send)
    return int(said[0]["status"])
