"""Commands about webhooks: register and remove endpoints, look at deliveries, replay them."""

from __future__ import annotations

import json
from datetime import datetime  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from reactor.cli.app import Json, app
from reactor.cli.session import with_database

if TYPE_CHECKING:
    from reactor.db.outbox import Delivery
    from reactor.db.webhooks import Webhook

commands = typer.Typer(help="Tell other programs of jobs: endpoints, deliveries, replay.")
app.add_typer(commands, name="webhooks")
Id = Annotated[int, typer.Argument(min=1, max=2**63 - 1, help="The webhook's id.")]
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]


@commands.command()
def add(
    url: Annotated[str, typer.Argument(help="Where messages are posted.")],
    project: Annotated[str, typer.Option(help="Only this project's jobs.")] = "",
    event: Annotated[
        list[str] | None, typer.Option(help="Of what to tell; repeat it. By default how jobs end.")
    ] = None,
) -> None:
    """Register an endpoint; its secret is printed once, and never again."""
    from reactor import webhooks
    from reactor.settings import load

    asked = webhooks.new_webhook(url=url, project_id=project or None, events=event or webhooks.ENDS)
    allow = load().egress_allow
    made = with_database(lambda conn: webhooks.add(conn, asked, allow=allow))
    typer.echo(f"webhook {made.webhook.webhook_id}, secret {made.secret}")


@commands.command("list")
def list_all(as_json: Json = False) -> None:
    """Show every endpoint and what waits for it."""
    from reactor.db.webhooks import list_webhooks

    found = with_database(list_webhooks)
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in found], default=str, indent=2))
        return
    for one in found:
        typer.echo(line_of(one))


def line_of(webhook: Webhook) -> str:
    """One endpoint in a line."""
    whose = f"project {webhook.project_id}" if webhook.project_id else "every project"
    state = "enabled" if webhook.enabled else f"disabled ({webhook.disabled_reason})"
    events = ", ".join(webhook.events)
    return f"{webhook.webhook_id}  {webhook.url}  {whose}  {events}  {state}  {webhook.waiting} waiting"


@commands.command()
def remove(webhook: Id) -> None:
    """Forget an endpoint and every message for it."""
    from reactor import webhooks

    with_database(lambda conn: webhooks.remove(conn, webhook))
    typer.echo(f"webhook {webhook} is removed")


@commands.command()
def enable(webhook: Id) -> None:
    """Send to an endpoint again that was disabled because it answered 410."""
    from reactor import webhooks

    with_database(lambda conn: webhooks.enable(conn, webhook))
    typer.echo(f"webhook {webhook} is enabled")


@commands.command()
def deliveries(
    webhook: Id,
    most: Annotated[int, typer.Option(min=1, max=500, help="How many, the newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """Show what an endpoint was told, and what it answered."""
    from reactor import webhooks

    found = with_database(lambda conn: webhooks.list_deliveries(conn, webhook, most=most))
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in found], default=str, indent=2))
        return
    for one in found:
        about = f"job {one.job_id}  " if one.job_id else ""
        typer.echo(f"{one.message_id}  {one.event}  {about}{fate_of(one)}")


def fate_of(delivery: Delivery) -> str:
    """What came of a message, in words."""
    tries = f"{delivery.tries} {'try' if delivery.tries == 1 else 'tries'}"
    why = f": {delivery.last_error}" if delivery.last_error else ""
    if delivery.delivered_at:
        return f"delivered {delivery.delivered_at:%Y-%m-%d %H:%M:%S%z} after {tries}"
    if delivery.abandoned_at:
        return f"given up {delivery.abandoned_at:%Y-%m-%d %H:%M:%S%z} after {tries}{why}"
    return f"next try {delivery.next_try_at:%Y-%m-%d %H:%M:%S%z}, {tries} so far{why}"


@commands.command()
def replay(
    webhook: Id,
    message: Annotated[str, typer.Option(help="One message by its id.")] = "",
    since: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, help="All written since then.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, help="All written before.")
    ] = None,
) -> None:
    """Send messages again: by default all that were given up."""
    from reactor import webhooks

    count = with_database(
        lambda conn: webhooks.replay(
            conn, webhook, message_id=message or None, since=local(since), until=local(until)
        )
    )
    typer.echo(f"{count} {'message' if count == 1 else 'messages'} will be sent again")


def local(moment: datetime | None) -> datetime | None:
    """A time without a zone is this machine's, not the database's."""
    return moment.astimezone() if moment else None
