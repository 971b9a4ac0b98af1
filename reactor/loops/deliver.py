"""Sends what is in the outbox to webhooks, each message until it has arrived or its tries are used up.

Promised: at least once, the same id and the same bytes on every try. Usual, not promised: the order in
which messages were written. Each endpoint has a task of its own while it has something due, so a slow
one delays nobody else. No transaction is open while a request is.
"""

from __future__ import annotations

import random
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import anyio

from reactor.alerts import note
from reactor.db import alerts, outbox, webhooks
from reactor.db.alerts import Reported
from reactor.db.pool import TRANSIENT
from reactor.egress import EgressFailed, EgressRefused
from reactor.loops.delivery_outcome import Fate, Outcome, judge
from reactor.observe import Seen
from reactor.signature import signed_headers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from anyio.abc import TaskGroup, TaskStatus
    from psycopg import AsyncConnection

    from reactor.db.alerts import Reporting
    from reactor.db.outbox import Message
    from reactor.db.pool import Database
    from reactor.egress import Egress
    from reactor.observe import Observer
    from reactor.settings import Settings

MINUTE, HOUR = 60.0, 3600.0
WAITS_S = (
    5.0,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""After the first try, the second …; after the last the message is given up."""
JITTER = 0.2
TRY_S = 15.0
LEASE_S = 90.0
"""More than a try and the writing of its result take."""
LOOK_S = 30.0
AWAY_S = 5.0
AT_ONCE = 64
"""Requests under way in this reactor; of each endpoint there is one."""
RECORD_PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
ALERT = "webhook_failed"


class Deliver:
    """One per reactor; several share the outbox, because a message is claimed for each try."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        observe: Observer,
        egress: Egress,
        *,
        waits_s: Sequence[float] = WAITS_S,
        try_s: float = TRY_S,
        lease_s: float = LEASE_S,
    ) -> None:
        self._settings = settings
        self._database = database
        self._observe = observe
        self._egress = egress
        self._waits_s = waits_s
        self._try_s = try_s
        self._lease_s = lease_s
        self._nudged = anyio.Event()
        self._busy: set[int] = set()
        self._due_meanwhile: set[int] = set()
        self._limiter = anyio.CapacityLimiter(AT_ONCE)

    def nudge(self) -> None:
        """Look as soon as possible; nudges that come together are one."""
        self._nudged.set()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Deliver until cancelled."""
        async with anyio.create_task_group() as tg:
            task_status.started()
            while True:
                # A nudge during the look is for the next one.
                self._nudged = anyio.Event()
                try:
                    wait_s = await self._look(tg)
                except TRANSIENT as wrong:
                    self._observe(Seen.SWEEP_FAILED, what="webhooks", error=type(wrong).__name__)
                    wait_s = AWAY_S * random.uniform(0.8, 1.0)
                with anyio.move_on_after(wait_s):
                    await self._nudged.wait()

    async def _look(self, tg: TaskGroup) -> float:
        """Start on every endpoint with something due; how long until the next look is worth it."""
        async with self._database.connection() as conn:
            tries = await outbox.find_next_tries(conn)
        for due in tries:
            if due.wait_s > 0:
                continue
            if due.webhook_id in self._busy:
                self._due_meanwhile.add(due.webhook_id)
                continue
            self._busy.add(due.webhook_id)
            self._due_meanwhile.discard(due.webhook_id)
            tg.start_soon(self._serve, due.webhook_id)
        later = [due.wait_s for due in tries if due.wait_s > 0]
        return min([*later, LOOK_S * random.uniform(0.8, 1.0)])

    async def _serve(self, webhook_id: int) -> None:
        """Send what is due to one endpoint, one message after the other."""
        sent = 0
        try:
            while await self._send_next(webhook_id):
                sent += 1
        except TRANSIENT as wrong:
            self._observe(Seen.SWEEP_FAILED, what="webhooks", error=type(wrong).__name__)
        except Exception as wrong:  # noqa: BLE001 - a bug here must not stop the other endpoints
            self._observe(
                Seen.HANDLER_FAILED,
                handler="deliver",
                error=repr(wrong),
                traceback="".join(traceback.format_exception(wrong)),
            )
        finally:
            self._busy.discard(webhook_id)
        # The next try may be due before the next look. Nothing sent: somebody else has the message, but what
        # a look has seen since may be another one.
        if sent or webhook_id in self._due_meanwhile:
            self.nudge()

    async def _send_next(self, webhook_id: int) -> bool:
        """Make one try of the endpoint's next message; False when nothing is due."""
        async with self._limiter:
            token = uuid4()
            async with self._database.connection() as conn:
                message = await outbox.claim_message(
                    conn, webhook_id, token=token, lease_s=self._lease_s
                )
            if message is None:
                return False
            try:
                outcome = await self._try(message)
            except anyio.get_cancelled_exc_class():
                with anyio.CancelScope(shield=True), suppress(*TRANSIENT):
                    await self._release(message, token)
                raise
        await self._record(message, token, outcome)
        return True

    async def _try(self, message: Message) -> Outcome:
        """Send it and judge the answer."""
        body = message.body.encode()
        try:
            signed = signed_headers(message.secret, message.message_id, message.sent_at, body)
        except ValueError as wrong:  # a row that was written by hand
            return Outcome(Fate.FAILED, error=f"secret: {wrong}")
        headers = {"Content-Type": "application/json", **signed}
        try:
            answer = await self._egress.post(
                message.url, body=body, headers=headers, within_s=self._try_s
            )
        except (EgressRefused, EgressFailed) as wrong:
            return Outcome(Fate.FAILED, error=str(wrong))
        return judge(answer)

    async def _release(self, message: Message, token: UUID) -> None:
        """Let another reactor have it at once; the receiver may see it twice, with the same id."""
        async with self._database.connection() as conn:
            await outbox.release_message(conn, message.outbox_id, token)

    async def _record(self, message: Message, token: UUID, outcome: Outcome) -> None:
        """Write down what came of it, also after a short outage: otherwise it is sent again."""
        for pause_s in RECORD_PAUSES_S:
            with suppress(*TRANSIENT):
                await self._write(message, token, outcome)
                return
            await anyio.sleep(pause_s)
        await self._write(message, token, outcome)

    async def _write(self, message: Message, token: UUID, outcome: Outcome) -> None:
        """One transaction for the message, its endpoint and the alert."""
        async with self._database.transaction() as conn:
            if outcome.fate is Fate.ARRIVED:
                reported = await self._arrived(conn, message, token, outcome)
            elif outcome.fate is Fate.UNWANTED:
                reported = await self._unwanted(conn, message, token, outcome)
            else:
                reported = await self._failed(conn, message, token, outcome)
        note(self._observe, [Reported(reported, ALERT, str(message.webhook_id))])
        facts = {"webhook_id": message.webhook_id, "message_id": message.message_id}
        if outcome.fate is Fate.ARRIVED:
            self._observe(Seen.WEBHOOK_DELIVERED, **facts, tries=message.tries)
            return
        self._observe(
            Seen.WEBHOOK_FAILED,
            **facts,
            tries=message.tries,
            status=outcome.status,
            error=outcome.error,
            abandoned=outcome.fate is Fate.UNWANTED or self._used_up(message),
        )
        if outcome.fate is Fate.UNWANTED:
            self._observe(Seen.WEBHOOK_DISABLED, webhook_id=message.webhook_id)

    async def _arrived(
        self, conn: AsyncConnection, message: Message, token: UUID, outcome: Outcome
    ) -> Reporting:
        await outbox.record_delivered(conn, message.outbox_id, token, status=outcome.status or 200)
        return await alerts.report_alert(conn, ALERT, str(message.webhook_id), trouble=False)

    async def _unwanted(
        self, conn: AsyncConnection, message: Message, token: UUID, outcome: Outcome
    ) -> Reporting:
        """The receiver says that it is gone for good: nothing more is sent there."""
        await webhooks.disable_webhook(conn, message.webhook_id, reason=outcome.error)
        await outbox.record_abandoned(
            conn, message.outbox_id, token, status=outcome.status, error=outcome.error
        )
        await outbox.abandon_messages(conn, message.webhook_id, error=outcome.error)
        said = f"webhook {message.webhook_id} was disabled: {outcome.error}"
        return await raise_alert(conn, message.webhook_id, said)

    async def _failed(
        self, conn: AsyncConnection, message: Message, token: UUID, outcome: Outcome
    ) -> Reporting:
        """Try again later, or give it up and tell somebody."""
        status, error = outcome.status, outcome.error
        reported: Reporting = "nothing"
        if not self._used_up(message):
            wait_s = self._waits_s[message.tries - 1] * random.uniform(1.0, 1.0 + JITTER)
            await outbox.record_failed(
                conn,
                message.outbox_id,
                token,
                status=status,
                error=error,
                wait_s=max(wait_s, outcome.pause_s or 0.0),
            )
        elif await outbox.record_abandoned(
            conn, message.outbox_id, token, status=status, error=error
        ):
            said = (
                f"webhook {message.webhook_id} did not take {message.message_id} in"
                f" {message.tries} tries: {error}"
            )
            reported = await raise_alert(conn, message.webhook_id, said)
        if outcome.pause_s:
            await outbox.postpone_messages(conn, message.webhook_id, wait_s=outcome.pause_s)
        return reported

    def _used_up(self, message: Message) -> bool:
        """Whether there is no wait left for another try."""
        return message.tries > len(self._waits_s)


async def raise_alert(conn: AsyncConnection, webhook_id: int, said: str) -> Reporting:
    """Tell of an endpoint that takes nothing."""
    return await alerts.report_alert(conn, ALERT, str(webhook_id), trouble=True, message=said)
