"""`/health` says that this process lives, `/ready` whether it can do its work now, and if not, why.

Alive asks no database: an outage there must not make an orchestrator restart every reactor.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING
from uuid import UUID

import anyio
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from reactor import __version__
from reactor.db.pool import probe
from reactor.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from pathlib import Path

    from reactor.context import Context

LAG_LIMIT_S = 5.0
LAG_TICK_S = 0.01
CHECK_LIMIT_S = 2.0


class Alive(BaseModel):
    """This process lives and its event loop turns."""

    ok: bool = True
    version: str = Field(examples=["0.1.0"])
    reactor_id: UUID
    uptime_s: float
    loop_lag_s: float = Field(description="How late the event loop just was.", examples=[0.0003])


class Check(BaseModel):
    """One condition of being ready."""

    ok: bool
    reason: str = Field(examples=["answers"])


class Ready(BaseModel):
    """Whether work can be done now."""

    ready: bool
    checks: dict[str, Check] = Field(
        examples=[
            {
                "database": {"ok": True, "reason": "answers"},
                "renderer": {"ok": False, "reason": "no render server answers at its address"},
            }
        ]
    )


class Health:
    """Looks at this process and at what it depends on."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = time.monotonic()

    async def health(self) -> JSONResponse:
        """Whether this process lives: 503 when its event loop is stuck. Asks no database."""
        lag_s = await measure_lag()
        alive = Alive(
            ok=lag_s < LAG_LIMIT_S,
            version=__version__,
            reactor_id=self._context.reactor_id,
            uptime_s=round(time.monotonic() - self._began, 1),
            loop_lag_s=round(lag_s, 4),
        )
        return answer(alive, ok=alive.ok)

    async def ready(self) -> JSONResponse:
        """Whether this reactor can do its work now: 503 and the reasons when it cannot."""
        checks = {
            "database": await self._database(),
            "listener": self._listener(),
            "renderer": self._renderer(),
            "disk": await self._disk(),
            "draining": self._draining(),
        }
        report = Ready(ready=all(check.ok for check in checks.values()), checks=checks)
        return answer(report, ok=report.ready)

    async def _database(self) -> Check:
        # A new connection on purpose: what the pool holds may be gone, and waiting for it takes longer.
        try:
            with anyio.fail_after(CHECK_LIMIT_S):
                await probe(self._context.database.dsn)
        except TimeoutError:
            return Check(ok=False, reason=f"did not answer within {CHECK_LIMIT_S:.0f} s")
        except DatabaseUnavailable as wrong:
            return Check(ok=False, reason=str(wrong))
        return Check(ok=True, reason="answers")

    def _listener(self) -> Check:
        listener = self._context.listener
        if listener.healthy:
            return Check(ok=True, reason=f"proven ({listener.mode})")
        return Check(ok=False, reason="LISTEN is not proven; work is found by the sweep only")

    def _renderer(self) -> Check:
        server = self._context.supervisor.server
        if server.health:
            return Check(ok=True, reason=f"{server.health.name} answers at {server.url}")
        reason = f"no render server answers at {server.url}; `bin/reactor renderer` starts one"
        return Check(ok=False, reason=reason)

    async def _disk(self) -> Check:
        directory, least = self._context.settings.data, self._context.settings.min_free_mb
        try:
            with anyio.fail_after(CHECK_LIMIT_S):
                free = await anyio.to_thread.run_sync(free_mb, directory, abandon_on_cancel=True)
        except TimeoutError:
            return Check(ok=False, reason=f"{directory} does not answer")
        except OSError as wrong:
            return Check(ok=False, reason=f"{directory}: {wrong.strerror}")
        if free < least:
            reason = f"{free} MB free below {directory}; REACTOR_MIN_FREE_MB wants {least}"
            return Check(ok=False, reason=reason)
        return Check(ok=True, reason=f"{free} MB free")

    def _draining(self) -> Check:
        if self._context.gate.draining:
            return Check(ok=False, reason="shutting down; nothing more is claimed")
        return Check(ok=True, reason="taking work")


async def measure_lag() -> float:
    """How much later than asked a short sleep ends: what everything else here waits as well."""
    began = time.monotonic()
    await anyio.sleep(LAG_TICK_S)
    return max(0.0, time.monotonic() - began - LAG_TICK_S)


def free_mb(directory: Path) -> int:
    """Megabytes that can still be written there."""
    return shutil.disk_usage(directory).free // 2**20


def answer(report: BaseModel, *, ok: bool) -> JSONResponse:
    """The report, under the status that orchestrators look at."""
    return JSONResponse(report.model_dump(mode="json"), status_code=200 if ok else 503)
