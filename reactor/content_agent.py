"""The content agent: whoever is told of each video that is ready to be published, named by a setting.

It is a webhook like any other, so its messages are written with the change they speak of, signed, and
tried again; only that a setting and not a person has ordered it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.db import webhooks
from reactor.egress import EgressRefused
from reactor.egress.addresses import AllowList
from reactor.errors import BadConfiguration
from reactor.signature import new_secret, read_key

if TYPE_CHECKING:
    from reactor.db.pool import Database
    from reactor.settings import Settings

MANAGED_AS = "content_agent"
EVENTS = ("publish.ready",)
NOT_SET = "REACTOR_CONTENT_AGENT_URL is not set"


async def keep(database: Database, settings: Settings) -> None:
    """Let the webhook be what the settings say; BadConfiguration names the setting that is wrong."""
    url, secret = read_url(settings), read_secret(settings)
    async with database.connection() as conn:
        if url is None:
            await webhooks.drop_managed_webhook(conn, managed_as=MANAGED_AS, reason=NOT_SET)
            return
        await webhooks.keep_managed_webhook(
            conn,
            managed_as=MANAGED_AS,
            url=url,
            secret=secret,
            made_up=new_secret(),
            events=EVENTS,
            reason=NOT_SET,
        )


def read_url(settings: Settings) -> str | None:
    """The address, if there is one and it may be reached."""
    if not settings.content_agent_url:
        return None
    try:
        return str(AllowList(settings.egress_allow).check_url(settings.content_agent_url))
    except EgressRefused as wrong:
        said = str(wrong).removeprefix("url: ")
        raise BadConfiguration(f"REACTOR_CONTENT_AGENT_URL: {said}") from None


def read_secret(settings: Settings) -> str | None:
    """The secret, if there is one and messages can be signed with it."""
    if settings.content_agent_secret is None:
        return None
    secret = settings.content_agent_secret.get_secret_value()
    try:
        read_key(secret)
    except ValueError as wrong:
        raise BadConfiguration(f"REACTOR_CONTENT_AGENT_SECRET: {wrong}") from None
    return secret
