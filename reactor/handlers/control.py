"""Somebody asked for something by raw NOTIFY: obey operators, answer everybody.

Any role can NOTIFY, so the payload proves nothing: the sender is looked up by its backend's pid.
The deed itself is the same SQL function that psql users call.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reactor import filler
from reactor.db import commands, jobs
from reactor.errors import Invalid
from reactor.observe import Seen

if TYPE_CHECKING:
    from reactor.context import Context
    from reactor.events import Control

HARMLESS = frozenset({"status", "ping"})
LONGEST_REPLY = 7000


async def control(event: Control, context: Context) -> None:
    """Obey or refuse, and say which on `reactor_reply`."""
    answer = reply_to if event.verb in HARMLESS else command
    outcome = await answer(event, context)
    reply = {"verb": event.verb, "job": event.job_id, "outcome": outcome[:LONGEST_REPLY]}
    async with context.database.connection() as conn:
        await commands.reply(conn, json.dumps(reply))


async def command(event: Control, context: Context) -> str:
    """Do it if the sender may."""
    async with context.database.connection() as conn:
        sender = await commands.find_sender(conn, event.pid)
    if sender is None or not sender.may_command:
        who = sender.role if sender else "a session that has ended"
        context.observe(Seen.COMMAND_REFUSED, verb=event.verb, job_id=event.job_id, role=who)
        call = f"reactor.{event.verb}({event.job_id or event.target or ''})"
        return f"refused: {who} is not a member of reactor_operator; or call SELECT {call}"
    sentence = await obey(event, sender.role, context)
    context.observe(
        Seen.COMMAND_OBEYED,
        verb=event.verb,
        job_id=event.job_id,
        role=sender.role,
        outcome=sentence,
    )
    return sentence


async def obey(event: Control, role: str, context: Context) -> str:
    """Do it; what came of it, as a sentence."""
    async with context.database.connection() as conn:
        match event.verb:
            case "fill":
                target = event.target or context.settings.fill_target or filler.TARGET
                try:
                    return (await filler.fill_queue(conn, target, given_by=role)).sentence
                except Invalid as refused:
                    return f"refused: {refused}"
            case "prioritize":
                return (await filler.prioritize_jobs(conn, given_by=role)).sentence
            case _:
                outcome = await commands.obey(
                    conn,
                    event.verb,
                    job_id=event.job_id,
                    reason=event.reason,
                    force=event.force,
                    given_by=role,
                )
                return outcome.sentence


async def reply_to(event: Control, context: Context) -> str:
    """What anybody may know."""
    if event.verb == "ping":
        return f"pong from {context.settings.name} {context.reactor_id}"
    async with context.database.connection() as conn:
        counts = await jobs.get_job_stats(conn)
        paused = "paused" if await commands.is_paused(conn) else "running"
    words = ", ".join(
        f"{counts[name]} {name}" for name in ("pending", "processing", "complete", "failed")
    )
    return f"{paused}: {words}"
