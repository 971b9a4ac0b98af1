"""The examples as people run them: processes of their own against a reactor at work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
from anyio import to_thread

from reactor import signature
from tests.farm.test_twin import ROOT
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from reactor.context import Context
    from tests.fix_reactor import Table

    Start = Callable[..., Awaitable[Context]]

EXAMPLES = ROOT / "examples"


async def run(name: str, *arguments: str) -> list[str]:
    """What an example prints."""
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    work = partial(
        subprocess.run,
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 2,
    )
    done = await to_thread.run_sync(work)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).splitlines()


async def test_create_and_wait(start: Start, dsn: str, table: Table) -> None:
    await start()

    lines = await run("create_and_wait.py", dsn, "dry_run")

    assert lines[-2].endswith("complete 100 %")
    assert await table.rows("SELECT status FROM actp_gen_jobs") == [("complete",)]


async def test_transactional(dsn: str, table: Table) -> None:
    lines = await run("transactional.py", dsn)

    assert lines[0] == "committed: pending"
    assert lines[1].startswith("rolled back: there is no job")
    assert await table.rows("SELECT params ->> 'title' FROM actp_gen_jobs") == [("Order 1",)]


async def test_follow_events_goes_on_where_it_stopped(
    dsn: str, table: Table, tmp_path: Path
) -> None:
    jobs = [await table.insert() for _ in range(3)]
    cursor_file = str(tmp_path / "cursor")

    lines = await run("follow_events.py", dsn, cursor_file, "2")
    lines += await run("follow_events.py", dsn, cursor_file, "1")

    assert [line.split()[1:] for line in lines] == [["job.pending", str(job)] for job in jobs]


async def test_sync_client(start: Start, dsn: str) -> None:
    await start()

    assert (await run("sync_client.py", dsn, "dry_run"))[-1] == "complete: 3"


def test_webhook_receiver_believes_only_what_is_signed() -> None:
    secret = signature.new_secret()
    body = json.dumps({"type": "job.complete", "data": {"id": 42}}).encode()
    signed = signature.signed_headers(secret, "msg_1", int(time.time()), body)
    receiver = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "webhook_receiver.py"), "0"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert receiver.stdout is not None
        url = receiver.stdout.readline().split()[-1]
        with httpx.Client(trust_env=False, timeout=PATIENCE_S) as client:
            assert client.post(url, content=body + b" ", headers=signed).status_code == 400
            assert client.post(url, content=body).status_code == 400
            assert client.post(url, content=body, headers=signed).status_code == 204
        assert receiver.stdout.readline().split() == ["msg_1", "job.complete", "42"]
    finally:
        receiver.kill()
        receiver.communicate()


MADE = """
INSERT INTO actp_gen_jobs (platform, output_path, status, params) VALUES ('folder', %(file)s, 'complete', '{"title": "A"}')
RETURNING reactor.move_to_publish_queue(ARRAY[id])
"""
CLAIMED = "status = 'publishing' AND publisher LIKE 'publisher.py%%' FROM reactor.mplite_queue WHERE job_id = 2"


async def test_publisher(start: Start, dsn: str, table: Table, tmp_path: Path) -> None:
    """Publishes what is ready, knows what an earlier try has done, and gives back what it is stopped in."""
    context = await start()
    video, endless = context.settings.library_dir / "a.mp4", tmp_path / "endless.mp4"
    video.write_bytes(b"video")
    os.mkfifo(endless)
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    publisher = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "publisher.py"), dsn, str(shelf)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert publisher.stdout is not None
        assert await to_thread.run_sync(publisher.stdout.readline) == "listening\n"
        await table.rows(MADE, file=str(video))
        await table.until("archived_at IS NOT NULL FROM reactor.mplite_queue WHERE job_id = 1")
        assert (shelf / "1.mp4").read_bytes() == b"video"
        assert json.loads((shelf / "1.json").read_text())["title"] == "A"
        [(archived,)] = await table.rows("SELECT output_path FROM actp_gen_jobs WHERE id = 1")
        assert archived.startswith(str(context.settings.archive_dir))

        await table.rows(MADE, file=str(endless))
        with await to_thread.run_sync(lambda: endless.open("wb", buffering=0)) as pipe:
            await table.until(CLAIMED)
            publisher.terminate()
            await to_thread.run_sync(pipe.write, bytes(2**20))
        assert await to_thread.run_sync(publisher.wait, PATIENCE_S) == 0
    finally:
        publisher.kill()
        publisher.communicate()
    assert await table.rows("SELECT status, tries FROM reactor.mplite_queue ORDER BY job_id") == [
        ("published", 1),
        ("ready", 0),
    ]
    assert sorted(path.name for path in shelf.iterdir()) == ["1.json", "1.mp4"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_is_run_here(path: Path) -> None:
    name = f"test_{path.stem}"
    assert any(test.startswith(name) for test in globals())
