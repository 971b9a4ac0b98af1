"""The webhook service: who is told of which events, and what was told. For HTTP and the command line.

Every function works inside the caller's transaction when there is one. Errors for people: Invalid,
Missing, Refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from reactor.db import alerts, outbox, webhooks
from reactor.egress import EgressRefused
from reactor.egress.addresses import LONGEST_URL, AllowList
from reactor.errors import FieldError, Invalid, Missing, Refused
from reactor.events import LOGGED
from reactor.records import Name, invalid
from reactor.signature import new_secret, read_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import AsyncConnection

    from reactor.db.outbox import Delivery
    from reactor.db.webhooks import Webhook

EVENTS = (*LOGGED, "alert.raised", "alert.resolved")
ENDS = ("job.complete", "job.failed", "job.cancelled")
ALERT = "webhook_failed"
PAGE = 50
LONGEST_PAGE = 500


def known_events(events: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, and only those there are."""
    for event in events:
        if event not in EVENTS:
            raise ValueError(f"'{event[:40]}' is not an event (allowed: {', '.join(EVENTS)})")
    return tuple(dict.fromkeys(events))


def usable_secret(secret: SecretStr) -> SecretStr:
    """One that messages can be signed with."""
    read_key(secret.get_secret_value())
    return secret


class NewWebhook(BaseModel):
    """What is asked for. Without a project it is told of every job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        max_length=LONGEST_URL,
        description="Where messages are posted; http or https, without user name or password.",
        examples=["https://example.com/hooks/render"],
    )
    project_id: Name | None = Field(
        default=None, description="Only this project's jobs; null is all.", examples=["spring"]
    )
    events: Annotated[tuple[str, ...], AfterValidator(known_events)] = Field(
        default=ENDS,
        min_length=1,
        max_length=100,
        description=f"Of what to tell; there are {', '.join(EVENTS)}.",
        examples=[list(ENDS)],
    )
    secret: Annotated[SecretStr, AfterValidator(usable_secret)] | None = Field(
        default=None,
        description="`whsec_` and 24 to 64 bytes in base64; without one it is made here.",
    )


class Registered(NamedTuple):
    """A new endpoint; nobody is shown the secret again."""

    webhook: Webhook
    secret: str


def new_webhook(**fields: Any) -> NewWebhook:
    """A checked request; Invalid names each wrong field and what it may be."""
    try:
        return NewWebhook(**fields)
    except ValidationError as wrong:
        raise invalid(wrong) from None


async def add(conn: AsyncConnection, asked: NewWebhook, *, allow: Sequence[str]) -> Registered:
    """Register an endpoint; `allow` are the private hosts and networks it may be at."""
    try:
        url = AllowList(allow).check_url(asked.url)
    except EgressRefused as wrong:
        raise Invalid([FieldError("url", str(wrong).removeprefix("url: "))]) from None
    secret = asked.secret.get_secret_value() if asked.secret else new_secret()
    made = await webhooks.add_webhook(
        conn, url=str(url), secret=secret, project_id=asked.project_id, events=asked.events
    )
    return Registered(made, secret)


async def remove(conn: AsyncConnection, webhook_id: int) -> None:
    """Forget an endpoint with its messages and its alert."""
    async with conn.transaction():
        if not await webhooks.remove_webhook(conn, webhook_id):
            raise missing(webhook_id)
        await alerts.report_alert(conn, ALERT, str(webhook_id), trouble=False)


async def enable(conn: AsyncConnection, webhook_id: int) -> None:
    """Send to an endpoint again that had said it was gone."""
    async with conn.transaction():
        if not await webhooks.enable_webhook(conn, webhook_id):
            raise missing(webhook_id)
        await alerts.report_alert(conn, ALERT, str(webhook_id), trouble=False)


async def list_deliveries(
    conn: AsyncConnection, webhook_id: int, *, before: int | None = None, most: int = PAGE
) -> list[Delivery]:
    """An endpoint's messages, the newest first; a page goes on below `before`."""
    if await webhooks.get_webhook(conn, webhook_id) is None:
        raise missing(webhook_id)
    return await outbox.list_deliveries(conn, webhook_id, before=before, most=most)


async def replay(
    conn: AsyncConnection,
    webhook_id: int,
    *,
    message_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Send again: one message, all written in a time, or all that were given up; how many.

    They keep their ids, so that a receiver knows what it has seen. Refused while the endpoint is disabled.
    """
    webhook = await webhooks.get_webhook(conn, webhook_id)
    if webhook is None:
        raise missing(webhook_id)
    if not webhook.enabled:
        raise Refused(f"webhook {webhook_id} is disabled ({webhook.disabled_reason}); enable it")
    count = await outbox.replay_messages(
        conn, webhook_id, message_id=message_id, since=since, until=until
    )
    if message_id is not None and not count:
        raise Missing(f"webhook {webhook_id} has no message {message_id}, or it is just being sent")
    return count


def missing(webhook_id: int) -> Missing:
    """There is no such endpoint."""
    return Missing(f"there is no webhook {webhook_id}")
