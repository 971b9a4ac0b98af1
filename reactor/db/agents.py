"""Reactors and renderers as managed agents: `public.actp_agent_registry`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from reactor.db.statements import statements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from psycopg import AsyncConnection

SQL = statements("agents")


async def register_agent(
    conn: AsyncConnection,
    agent_id: UUID,
    *,
    name: str,
    kind: str,
    status: str,
    pid: int | None,
    host: str,
    version: str | None,
    url: str | None,
    capabilities: dict[str, Any],
) -> None:
    """Say that an agent is here; `kind` is `reactor` or `renderer`, `status` `running` or `down`."""
    await conn.execute(
        SQL["register_agent"],
        {
            "agent_id": agent_id,
            "name": name,
            "kind": kind,
            "status": status,
            "pid": pid,
            "host": host,
            "version": version,
            "url": url,
            "capabilities": Jsonb(capabilities),
        },
    )


async def beat_agents(
    conn: AsyncConnection, agents: Sequence[UUID], *, channel: str, nonce: str
) -> None:
    """Still here; and a word on `channel` that our own listener must hear."""
    await conn.execute(
        SQL["beat_agents"], {"agents": list(agents), "channel": channel, "nonce": nonce}
    )


async def retire_agents(conn: AsyncConnection, agents: Sequence[UUID]) -> None:
    """Gone on purpose."""
    await conn.execute(SQL["retire_agents"], {"agents": list(agents)})


async def list_agents(conn: AsyncConnection) -> list[dict[str, Any]]:
    """Everybody who works here; without a heartbeat for a minute an agent is `down`."""
    cursor = await conn.cursor(row_factory=dict_row).execute(SQL["list_agents"])
    return await cursor.fetchall()
