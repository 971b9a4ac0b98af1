"""Alive without a database; ready only with everything, and otherwise with a reason."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from reactor import __version__
from reactor.api import health
from tests.fix_reactor import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reactor.context import Context

    Ask = Callable[[Context], httpx.AsyncClient]


async def test_health_asks_no_database(away: Context, ask: Ask) -> None:
    async with ask(away) as client:
        answer = await client.get("/health")

    said = answer.json()
    assert answer.status_code == 200
    assert (said["ok"], said["version"]) == (True, __version__)
    assert said["reactor_id"] == str(away.reactor_id)
    assert said["uptime_s"] >= 0


async def test_a_stuck_event_loop_is_not_healthy(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LAG_LIMIT_S", 0.05)

    async def hog() -> None:
        while True:
            time.sleep(0.1)  # noqa: ASYNC251 - blocking the loop is the point
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tg:
        tg.start_soon(hog)
        answer = await client.get("/health")
        tg.cancel_scope.cancel()

    assert answer.status_code == 503
    assert answer.json()["ok"] is False


async def test_a_reactor_with_everything_is_ready(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ready")

    said = answer.json()
    assert answer.status_code == 200
    assert said["ready"] is True
    assert set(said["checks"]) == {"database", "listener", "renderer", "disk", "draining"}
    assert all(check["ok"] and check["reason"] for check in said["checks"].values())


def deafen(context: Context) -> None:
    context.listener.healthy = False


def lose_renderer(context: Context) -> None:
    context.supervisor.server.health = None


def drain(context: Context) -> None:
    context.gate.draining = True


@pytest.mark.parametrize(
    ("spoil", "check", "reason"),
    [
        (deafen, "listener", "LISTEN is not proven"),
        (lose_renderer, "renderer", "no render server answers at http://127.0.0.1:1"),
        (drain, "draining", "shutting down"),
    ],
)
async def test_what_is_missing_is_named(
    context: Context,
    client: httpx.AsyncClient,
    spoil: Callable[[Context], None],
    check: str,
    reason: str,
) -> None:
    spoil(context)

    answer = await client.get("/ready")

    checks = answer.json()["checks"]
    assert answer.status_code == 503
    assert [name for name, entry in checks.items() if not entry["ok"]] == [check]
    assert reason in checks[check]["reason"]


async def test_a_full_disk_is_not_ready(context: Context, ask: Ask) -> None:
    settings = context.settings.model_copy(update={"min_free_mb": 10**9})

    async with ask(replace(context, settings=settings)) as client:
        answer = await client.get("/ready")

    assert answer.status_code == 503
    assert "REACTOR_MIN_FREE_MB wants 1000000000" in answer.json()["checks"]["disk"]["reason"]


async def test_an_absent_database_is_not_ready_and_its_password_stays_secret(
    away: Context, ask: Ask
) -> None:
    async with ask(away) as client:
        answer = await client.get("/ready")

    assert answer.status_code == 503
    assert "cannot reach the database" in answer.json()["checks"]["database"]["reason"]
    assert "canary" not in answer.text


async def test_a_silent_database_is_not_waited_for(
    silent: Context, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_LIMIT_S", 0.2)

    # Who waited for as long as a connection may take would say something else.
    with anyio.fail_after(PATIENCE_S):
        async with ask(silent) as client:
            answer = await client.get("/ready")

    assert answer.status_code == 503
    assert "did not answer" in answer.json()["checks"]["database"]["reason"]
