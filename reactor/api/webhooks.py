"""`/api/webhooks`: endpoints that are told of jobs, and what they were told."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import Path, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from reactor import webhooks
from reactor.api.route import AWAY, Route
from reactor.db.webhooks import list_webhooks
from reactor.records import Name
from reactor.webhooks import ENDS, LONGEST_PAGE, PAGE, NewWebhook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactor.context import Context

INT8 = 2**63
WebhookId = Annotated[int, Path(ge=1, lt=INT8)]
MISSING = {**AWAY, 404: "No such webhook."}


class WebhookView(BaseModel):
    """An endpoint. Its secret is never shown again."""

    model_config = ConfigDict(from_attributes=True)

    webhook_id: int = Field(examples=[3])
    url: str = Field(examples=["https://example.com/hooks/render"])
    project_id: str | None = Field(description="Null: every project.", examples=["spring"])
    events: list[str] = Field(examples=[list(ENDS)])
    enabled: bool
    disabled_reason: str | None = Field(examples=["answered 410 Gone"])
    created_at: datetime
    waiting: int = Field(description="Messages that have not arrived yet.", examples=[0])
    oldest_s: float | None = Field(description="Age of the oldest of them.", examples=[12.5])


class NewWebhookView(WebhookView):
    """The endpoint that was registered; this is the only time the secret is shown."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class WebhookList(BaseModel):
    """Every endpoint, in the order they were added."""

    webhooks: list[WebhookView]


class DeliveryView(BaseModel):
    """A message and what came of it."""

    model_config = ConfigDict(from_attributes=True)

    outbox_id: int = Field(examples=[1207])
    message_id: str = Field(examples=["msg_0f8fad5bd9cb469fa165708673a1b2c3"])
    event: str = Field(examples=["job.complete"])
    job_id: int | None = Field(examples=[42])
    created_at: datetime
    tries: int = Field(description="Since it was written or replayed.", examples=[1])
    delivered_at: datetime | None
    abandoned_at: datetime | None = Field(description="Given up; only a replay sends it again.")
    next_try_at: datetime | None = Field(description="Null once it has arrived or was given up.")
    last_status: int | None = Field(examples=[200])
    last_error: str | None = Field(examples=["answered 500 Internal Server Error"])


class DeliveryList(BaseModel):
    """Messages, the newest first."""

    deliveries: list[DeliveryView]
    before: int | None = Field(description="Where the next page begins; null at the end.")


class Replay(BaseModel):
    """What to send again; nothing said: everything that was given up."""

    model_config = ConfigDict(extra="forbid")

    message_id: Name | None = Field(default=None, examples=["msg_0f8fad5bd9cb469fa165708673a1b2c3"])
    since: AwareDatetime | None = Field(default=None, description="Written at this time or later.")
    until: AwareDatetime | None = Field(default=None, description="Written before.")


class Replayed(BaseModel):
    """How much will be sent again."""

    messages: int = Field(examples=[4])


class Webhooks:
    """Registers, lists, removes and replays."""

    def __init__(self, context: Context) -> None:
        self._database = context.database
        self._allow = context.settings.egress_allow

    async def add(self, asked: NewWebhook) -> NewWebhookView:
        """Register an endpoint. The answer holds the secret to verify messages with, this once."""
        async with self._database.connection() as conn:
            made = await webhooks.add(conn, asked, allow=self._allow)
        view = WebhookView.model_validate(made.webhook)
        return NewWebhookView(**view.model_dump(), secret=made.secret)

    async def list_all(self) -> WebhookList:
        """Every endpoint, with what waits for it."""
        async with self._database.connection() as conn:
            found = await list_webhooks(conn)
        return WebhookList(webhooks=[WebhookView.model_validate(one) for one in found])

    async def remove(self, webhook_id: WebhookId) -> Response:
        """Forget an endpoint and every message for it."""
        async with self._database.connection() as conn:
            await webhooks.remove(conn, webhook_id)
        return Response(status_code=204)

    async def enable(self, webhook_id: WebhookId) -> Response:
        """Send to an endpoint again that was disabled because it answered 410."""
        async with self._database.connection() as conn:
            await webhooks.enable(conn, webhook_id)
        return Response(status_code=204)

    async def deliveries(
        self,
        webhook_id: WebhookId,
        before: Annotated[int | None, Query(ge=1, lt=INT8)] = None,
        limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = PAGE,
    ) -> DeliveryList:
        """What an endpoint was told, and what it answered."""
        async with self._database.connection() as conn:
            found = await webhooks.list_deliveries(conn, webhook_id, before=before, most=limit + 1)
        page = found[:limit]
        return DeliveryList(
            deliveries=[DeliveryView.model_validate(one) for one in page],
            before=page[-1].outbox_id if len(found) > limit else None,
        )

    async def replay(self, webhook_id: WebhookId, asked: Replay | None = None) -> Replayed:
        """Send messages again, under the ids they had."""
        asked = asked or Replay()
        async with self._database.connection() as conn:
            count = await webhooks.replay(
                conn,
                webhook_id,
                message_id=asked.message_id,
                since=asked.since,
                until=asked.until,
            )
        return Replayed(messages=count)


def routes(context: Context) -> Sequence[Route]:
    """Everything under `/api/webhooks`."""
    served, tag, one = Webhooks(context), "webhooks", "/api/webhooks/{webhook_id}"
    return (
        Route(
            "/api/webhooks",
            served.add,
            tag,
            NewWebhookView,
            problems=AWAY,
            method="POST",
            status=201,
        ),
        Route("/api/webhooks", served.list_all, tag, WebhookList, problems=AWAY),
        Route(one, served.remove, tag, None, Response, MISSING, "DELETE", 204),
        Route(f"{one}/enable", served.enable, tag, None, Response, MISSING, "POST", 204),
        Route(f"{one}/deliveries", served.deliveries, tag, DeliveryList, problems=MISSING),
        Route(
            f"{one}/replay",
            served.replay,
            tag,
            Replayed,
            problems={**MISSING, 409: "The endpoint is disabled."},
            method="POST",
        ),
    )
