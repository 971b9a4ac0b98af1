"""`GET /api/alerts`: what needs a person, and what did."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from reactor.api.route import AWAY, Route
from reactor.db.alerts import list_alerts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context

INT8 = 2**63
PAGE = 50
LONGEST_PAGE = 500


class AlertRecord(BaseModel):
    """Trouble. Its texts may be a producer's: show them as text, never as markup."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[12])
    kind: str = Field(examples=["renderer_down"])
    subject: str = Field(
        description="What it is about; each subject has one open alert of a kind.",
        examples=["http://127.0.0.1:3100 on studio-1"],
    )
    message: str = Field(examples=["the renderer at http://127.0.0.1:3100 is down: it hangs"])
    raised_at: datetime
    seen_at: datetime = Field(description="When the trouble was last confirmed, more or less.")
    resolved_at: datetime | None = Field(description="Null while it is open.")


class AlertList(BaseModel):
    """Alerts, the newest first."""

    alerts: list[AlertRecord]
    before: int | None = Field(description="Where the next page begins; null at the end.")


class Alerts:
    """Lists them."""

    def __init__(self, context: Context) -> None:
        self._database = context.database

    async def list_all(
        self,
        ended: Annotated[bool, Query(alias="all")] = False,
        before: Annotated[int | None, Query(ge=1, lt=INT8)] = None,
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = PAGE,
    ) -> AlertList:
        """What needs a person, and with `all` also what is over."""
        async with self._database.connection() as conn:
            found = await list_alerts(conn, ended=ended, before=before, most=limit + 1)
        page = found[:limit]
        return AlertList(
            alerts=[AlertRecord.model_validate(one) for one in page],
            before=page[-1].id if len(found) > limit else None,
        )


def routes(context: Context) -> Sequence[Route]:
    """Everything under `/api/alerts`."""
    return (Route("/api/alerts", Alerts(context).list_all, "alerts", AlertList, problems=AWAY),)
