"""A Remotion render can be cancelled at every moment, and nothing of it stays, or all of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

from tests.acceptance.test_remotion import (
    DRAFT,
    DRAWN_S,
    LONG,
    films,
    until_frames,
    with_remotion,
)
from tests.fix_reactor import LOOK_S, PATIENCE_S
from tests.renderserver.files import content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.acceptance.conftest import Daemon
    from tests.fix_reactor import Table

SHORT = '{"title": "Short", "duration_s": 1}'
NAME = "id || '-' || attempt || '-' || left(claim_token::text, 8)"
"""Under which the render server knows an attempt."""
LATE = ("stage IN ('rendered', 'publishing')", "stage = 'publishing'")
PUBLISHED = "published"


class Server:
    """The render server behind a daemon, asked directly."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def status(self, render: str) -> dict[str, Any]:
        """What it knows of a render; `status` is `unknown` when it knows nothing."""
        answer = await self._client.get(f"/status/{render}")
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return {"status": "unknown", "progress": 0.0, **found}

    async def until(self, render: str, right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until it says something of the render."""
        with anyio.fail_after(DRAWN_S):
            while not right(found := await self.status(render)):
                await anyio.sleep(LOOK_S)
        return found


@pytest.fixture
async def render_server(environment: dict[str, str]) -> AsyncIterator[Server]:
    """The one at the test's own address."""
    url = environment["REACTOR_RENDERER_URL"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as client:
        yield Server(client)


async def render_of(table: Table, job: int) -> str:
    """Under which name the render server knows a job that is being rendered."""
    asked = f"SELECT {NAME} FROM actp_gen_jobs WHERE id = %(id)s AND stage = 'rendering'"
    with anyio.fail_after(PATIENCE_S):
        while not (found := await table.rows(asked, id=job)):
            await anyio.sleep(LOOK_S)
    return str(found[0][0])


def left_of(data: Path, job: int) -> list[Path]:
    """Every file and temporary directory that belongs to a render of this job, or to nobody."""
    tmp = data / "remotion" / "tmp"
    files = [*(data / "renders").glob(f"job-{job}-*"), *(data / "renders").glob("*.part")]
    return [*files, *(tmp.iterdir() if tmp.exists() else ())]


async def until_nothing_is_left(data: Path, job: int) -> None:
    """Wait until it is all gone."""
    with anyio.fail_after(PATIENCE_S):
        while left_of(data, job):
            await anyio.sleep(LOOK_S)


async def test_what_waits_for_a_slot_is_cancelled_at_once_and_never_drawn(
    start: Callable[..., Daemon], table: Table, render_server: Server, data: Path
) -> None:
    await with_remotion(start)
    busy = await table.insert(**DRAFT, params=LONG)
    await until_frames(table, busy)
    drawing = await render_of(table, busy)
    waits = await table.insert(**DRAFT, params=SHORT)
    await table.rows("SELECT reactor.cancel(%(id)s, 'changed our mind')", id=waits)
    assert await table.get(waits, "status", "error_message", "attempt") == (
        "cancelled",
        "changed our mind",
        0,
    )

    # Another reactor has a slot of its own, but the server they share has none.
    other = start(REACTOR_RENDERER="remotion", REACTOR_SLOTS="1", REACTOR_HTTP="127.0.0.1:0")
    claimed = await table.insert(**DRAFT, params=SHORT)
    await other.until("render.started", job_id=claimed)
    render = await render_of(table, claimed)
    await table.rows("SELECT reactor.cancel(%(id)s)", id=claimed)
    assert await table.get(claimed, "status") == "cancelled"
    # For which reason depends on what comes first: the word of it, a heartbeat or the sweep.
    await other.until("lease.released", job_id=claimed)

    assert (await render_server.status(render))["status"] == "unknown"
    assert (await render_server.status(drawing))["status"] == "rendering"
    await table.rows("SELECT reactor.cancel(%(id)s)", id=busy)
    after = await table.insert(**DRAFT, params=SHORT)
    await table.until_status(after, "complete", patience_s=DRAWN_S)
    assert films(data) == [await table.get(after, "output_path")]


async def test_what_is_being_drawn_is_stopped_and_leaves_nothing(
    start: Callable[..., Daemon], table: Table, render_server: Server, data: Path
) -> None:
    daemon = await with_remotion(start)
    job = await table.insert(**DRAFT, params=LONG)
    await until_frames(table, job)
    render = await render_of(table, job)
    assert left_of(data, job), "a render has a temporary directory"

    await table.rows(f"NOTIFY reactor_control, 'cancel {job} too long'")
    await table.until_status(job, "cancelled")
    stopped = await render_server.until(render, lambda found: found["status"] != "rendering")
    await until_nothing_is_left(data, job)

    assert (stopped["status"], stopped["error"]) == ("cancelled", None)
    assert 0 < stopped["rendered_frames"] < stopped["total_frames"]
    attempts = "SELECT outcome, will_retry FROM reactor.attempts WHERE job_id = %(job)s"
    assert await table.rows(attempts, job=job) == [("cancelled", False)]
    assert await table.get(job, "error_message", "output_path") == ("too long", None)
    assert films(data) == []
    after = await table.insert(**DRAFT, params=SHORT)
    await table.until_status(after, "complete", patience_s=DRAWN_S)
    assert [line["event"] for line in daemon.lines()].count("renderer.started") == 1


async def test_cancelled_late_it_is_gone_or_published_and_everybody_says_the_same(
    start: Callable[..., Daemon], table: Table, render_server: Server, data: Path
) -> None:
    daemon = await with_remotion(start)
    encoding = await table.insert(**DRAFT, params='{"title": "Encoding", "duration_s": 3}')
    render = await render_of(table, encoding)
    await render_server.until(render, lambda found: found["progress"] >= 0.9)
    ends = [await cancelled(daemon, table, render_server, data, encoding, render)]
    for moment in LATE:
        job = await table.insert(**DRAFT, params=SHORT, cache=False)
        render = await render_of(table, job)
        await table.until(
            f"{moment} OR status = 'complete' FROM actp_gen_jobs WHERE id = %(id)s",
            patience_s=DRAWN_S,
            id=job,
        )
        ends.append(await cancelled(daemon, table, render_server, data, job, render))

    assert len(films(data)) == ends.count(PUBLISHED)


async def cancelled(
    daemon: Daemon, table: Table, render_server: Server, data: Path, job: int, render: str
) -> str:
    """Cancel the job by HTTP and look at what became of it everywhere; `published` when it was too late."""
    url = daemon.url
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as client:
        answer = await client.post(f"/api/renders/{job}/cancel", json={"reason": "late"})
    if answer.status_code == 200:
        assert answer.json()["status"] == "cancelled"
        await until_nothing_is_left(data, job)
        ended = await render_server.until(render, lambda found: found["status"] != "rendering")
        assert ended["status"] in ("cancelled", "complete")
        assert await table.get(job, "status", "stage") == ("cancelled", None)
        return "cancelled"
    assert answer.status_code == 409, answer.text
    assert "too late" in answer.text or "is complete" in answer.text
    await table.until_status(job, "complete")
    # The file may be seen, and published, before the server has said that it is whole.
    ended = await render_server.until(render, lambda found: found["status"] != "rendering")
    assert ended["status"] == "complete"
    path, seconds = await table.get(job, "output_path", "duration_s")
    assert content(Path(path)).frames == round(seconds * 30)
    return PUBLISHED
