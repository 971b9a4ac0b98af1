"""Batches: what was asked for at once, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row
from psycopg.types.json import Json

from reactor.db.statements import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

SQL = statements("batches")


async def insert_batch(
    conn: AsyncConnection,
    *,
    batch_id: str,
    idempotency_key: str | None,
    template_id: str,
    formats: Sequence[str],
    project_id: str | None,
    jobs: int,
    asked: Mapping[str, Any],
) -> bool:
    """Note a batch; False when its key is taken."""
    cursor = await conn.execute(
        SQL["insert_batch"],
        {
            "batch_id": batch_id,
            "idempotency_key": idempotency_key,
            "template_id": template_id,
            "formats": list(formats),
            "project_id": project_id,
            "jobs": jobs,
            "asked": Json(dict(asked)),
        },
    )
    return await cursor.fetchone() is not None


async def find_batch_by_key(conn: AsyncConnection, idempotency_key: str) -> dict[str, Any] | None:
    """Find the batch of a key: its id, how many jobs it had, what was asked."""
    cursor = await conn.cursor(row_factory=dict_row).execute(
        SQL["find_batch_by_key"], {"idempotency_key": idempotency_key}
    )
    return await cursor.fetchone()


async def sum_up_batch(conn: AsyncConnection, batch_id: str) -> dict[str, Any] | None:
    """Count a batch's jobs by status; `progress` is the mean, 0–100, `eta_s` is in seconds."""
    cursor = await conn.cursor(row_factory=dict_row).execute(
        SQL["sum_up_batch"], {"batch_id": batch_id}
    )
    return await cursor.fetchone()


async def list_batch_jobs(
    conn: AsyncConnection, batch_id: str, *, before: int | None, most: int
) -> list[dict[str, Any]]:
    """Read a batch's jobs, the newest first, all below `before`."""
    cursor = await conn.cursor(row_factory=dict_row).execute(
        SQL["list_batch_jobs"], {"batch_id": batch_id, "before": before, "most": most}
    )
    return await cursor.fetchall()
