"""Following the log of events from a place in it: nothing is missed, nothing comes twice.

The log has a row per statement, of up to 1,000 jobs. A cursor is the row's place, and how many of its jobs
were handed out when that was not all: whoever stops in the middle of a row goes on there.
"""

from __future__ import annotations

import random
import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from reactor.db import events
from reactor.db.events import Cursor
from reactor.errors import FieldError, Invalid
from reactor.events import LOGGED
from reactor.farm.ears import FIRST_PAUSE_S, LOOK_S
from reactor.models import JobId

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterator
    from datetime import datetime

    from psycopg import AsyncConnection

    from reactor.db.events import Logged
    from reactor.events import Announced
    from reactor.farm.ears import Ears

START = ""
"""The cursor before everything the log still has."""
CURSOR = re.compile(r"([0-9]{1,20})-([0-9]{1,19})(?:-([0-9]{1,4}))?", re.ASCII)
KINDS = frozenset(LOGGED)
MOST_ROWS = 200


class Event(NamedTuple):
    """Something that happened to a job or to its video; `cursor` is where to go on after it."""

    cursor: str
    at: datetime
    event: str
    job_id: JobId


class Place(NamedTuple):
    """After a row of the log, or after so many jobs of the row that follows."""

    after: Cursor
    taken: int = 0


def read_cursor(since: str) -> Place:
    """The place a cursor names; Invalid when it is none."""
    if since == START:
        return Place(Cursor("0", 0))
    found = CURSOR.fullmatch(since)
    if not found or int(found[1]) >= 2**64 or int(found[2]) >= 2**63:
        raise Invalid(
            [
                FieldError(
                    "since", "is no cursor; give that of an event, START, or None for from now on"
                )
            ]
        )
    xid, row, taken = found[1], int(found[2]), int(found[3] or 0)
    return Place(Cursor(xid, row - 1 if taken else row), taken)


def read_kinds(kinds: Collection[str] | None) -> frozenset[str]:
    """The kinds of events that are wanted, all by default; Invalid names an unknown one."""
    wanted = KINDS if kinds is None else frozenset([kinds] if isinstance(kinds, str) else kinds)
    if unknown := sorted(wanted - KINDS):
        allowed = ", ".join(sorted(KINDS))
        raise Invalid([FieldError("kinds", f"'{unknown[0]}' is unknown; allowed: {allowed}")])
    return wanted


async def follow(ears: Ears, since: Place | None, kinds: frozenset[str]) -> AsyncGenerator[Event]:
    """Hand out what happens after a place, for ever."""
    async with ears:
        place = await ears.look(partial(begin, since=since))
        pause_s = LOOK_S
        while True:
            rows = await ears.look(partial(events.read_events, after=place.after, most=MOST_ROWS))
            for row in rows:
                for event in unread(row, place):
                    if event.event in kinds:
                        yield event
                place = Place(Cursor(row.xid, row.id))
            if rows:
                pause_s = LOOK_S
                continue
            # What was announced can be read when every transaction that began before it has ended.
            heard = await ears.hear(pause_s * random.uniform(0.75, 1.25), is_logged)
            pause_s = FIRST_PAUSE_S / 5 if heard else min(pause_s * 2, LOOK_S)


def write_cursor(place: Cursor) -> str:
    """A place between two rows, as the word that `read_cursor` reads."""
    return f"{place.xid}-{place.id}"


async def begin(conn: AsyncConnection, since: Place | None) -> Place:
    """Where to begin: the end, or the given place unless this log has yet to reach it.

    Such a place is of another server; from there the log would be silent for a long time.
    """
    end = await events.find_end(conn)
    if since is not None and int(since.after.xid) > int(end.xid):
        raise Invalid([FieldError("since", "is of another database, or of one that was restored")])
    return Place(end) if since is None else since


def unread(row: Logged, place: Place) -> Iterator[Event]:
    """The row's events, one for each job, without those that were handed out before."""
    taken = place.taken if (row.xid, row.id - 1) == place.after else 0
    for number, job_id in enumerate(row.job_ids, 1):
        if number > taken:
            more = "" if number == len(row.job_ids) else f"-{number}"
            yield Event(f"{row.xid}-{row.id}{more}", row.at, row.event, JobId(job_id))


def is_logged(said: Announced) -> bool:
    """Whether an announcement stands in the log, too."""
    return getattr(said, "event", None) in KINDS
