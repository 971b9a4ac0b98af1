"""What the farm talks to: its database, and what listens at its two addresses."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import httpx
import psycopg

from reactor.address import is_free
from reactor.db import migrate
from reactor.db.dsn import open_dsn
from reactor.doctor.finding import amiss, noted, well
from reactor.errors import ReactorError
from reactor.renderers.process import runs_here
from reactor.renderers.server import NoAnswer, RenderServer

if TYPE_CHECKING:
    from reactor.doctor.finding import Finding
    from reactor.settings import Settings

ANSWER_S = 5.0


async def look(settings: Settings) -> list[Finding]:
    """The database, then the addresses."""
    return [await database(settings), await page(settings), await renderer(settings)]


async def database(settings: Settings) -> Finding:
    """Whether it answers and has this release's schema; the embedded one is started for that, never made."""
    embedded = settings.database_url is None
    if embedded and not (settings.data / "postgres").exists():
        said = f"the embedded PostgreSQL {settings.postgres_version}, made at the first start"
        return well("database", said)
    try:
        async with open_dsn(settings) as dsn:
            todo = await migrate.check(dsn)
    except (ReactorError, OSError, psycopg.Error) as wrong:
        log = settings.data / "postgres.log"
        mend = f"{log} may say more" if embedded else "start it, or set DATABASE_URL"
        return amiss("database", " ".join(str(wrong).split()), mend)
    name = f"the embedded PostgreSQL {settings.postgres_version}" if embedded else "answers"
    if not todo:
        return well("database", f"{name}, up to date")
    lacks = f"{name}, lacks {', '.join(script.name for script in todo.scripts)}"
    if settings.migrate:
        return noted("database", f"{lacks}; the daemon applies it at its start")
    return amiss("database", lacks, "bin/reactor migrate")


async def page(settings: Settings) -> Finding:
    """Whether our own page's port is free, or a reactor answers there."""
    host, port = settings.http_address
    if await anyio.to_thread.run_sync(is_free, host, port):
        return well("page", f"{settings.http} is free")
    if version := await reactor_at(host, port):
        return well("page", f"a reactor {version} answers at {settings.http}")
    return amiss(
        "page",
        f"{settings.http} is taken by something else",
        "stop it, or set REACTOR_HTTP to another port, as in 127.0.0.1:8788",
    )


async def reactor_at(host: str, port: int) -> str:
    """The version of the reactor that answers there; empty when none does."""
    address = f"[{host}]" if ":" in host else host
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
            said = (await client.get(f"http://{address}:{port}/health")).json()
    except (httpx.HTTPError, ValueError):
        return ""
    ours = isinstance(said, dict) and "reactor_id" in said
    return str(said.get("version")) if ours else ""


async def renderer(settings: Settings) -> Finding:
    """Whether a render server answers at its address, or can be started there."""
    async with aclosing(RenderServer(settings)) as server:
        try:
            health = await server.fetch_health(within_s=ANSWER_S)
        except NoAnswer as wrong:
            problem = str(wrong)
        else:
            return well("renderer", f"{health.full_name} answers at {server.url}")
        if not runs_here(settings):
            return amiss("renderer", problem, "start it, or set REACTOR_RENDERER_URL")
        if await anyio.to_thread.run_sync(is_free, *settings.renderer_address):
            return well("renderer", f"{server.url} is free; the daemon starts it there")
        return amiss(
            "renderer",
            f"{server.url} is taken by something that is no render server",
            "stop it, or set REACTOR_RENDERER_URL to another port",
        )
