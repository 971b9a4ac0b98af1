"""What comes over the wire: one of ours, or Unreadable; never another error."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reactor.errors import Unreadable
from reactor.events import CONTROL, EVENTS, Announced, Control, Notice, parse
from reactor.models import JobId

KINDS = {get_args(kind.model_fields["event"].annotation)[0]: kind for kind in get_args(Notice)}
HOSTILE = {
    "empty": "",
    "blank": " \n",
    "NUL": "\0",
    "deep array": "[" * 7999,
    "deep object": '{"event":' * 888,
    "NaN": "NaN",
    "infinite": '{"event":"job.pending","count":1e999}',
    "no object": '["job.pending"]',
    "text": '"job.pending"',
    "BOM": '\ufeff{"event":"job.pending"}',
    "lone surrogate": '{"event":"\ud800"}',
    "escaped surrogate": '{"event":"job.pending","ids":["\\ud800"]}',
    "escaped NUL": '{"event":"job.pending\\u0000"}',
    "unknown": '{"event":"job.exploded"}',
    "upper case": '{"event":"JOB.PENDING"}',
    "no event": '{"ids":[1]}',
    "event null": '{"event":null}',
    "event list": '{"event":["job.pending"]}',
    "more": '{"event":"job.pending","sql":"drop table"}',
    "true as id": '{"event":"job.pending","ids":[true]}',
    "text as id": '{"event":"job.pending","ids":["1"]}',
    "fraction as id": '{"event":"job.pending","ids":[1.5]}',
    "whole fraction as id": '{"event":"job.pending","ids":[1.0]}',
    "null as id": '{"event":"job.pending","ids":[null]}',
    "id zero": '{"event":"job.pending","ids":[0]}',
    "id negative": '{"event":"job.pending","ids":[-1]}',
    "id beyond bigint": '{"event":"job.pending","ids":[9223372036854775808]}',
    "id of 5000 digits": '{"event":"job.pending","ids":[' + "9" * 5000 + "]}",
    "ids no list": '{"event":"job.pending","ids":1}',
    "ids object": '{"event":"job.pending","ids":{"1":1}}',
    "too many ids": json.dumps({"event": "job.pending", "ids": [1] * 1001}),
    "count negative": '{"event":"job.pending","count":-1}',
    "count text": '{"event":"job.pending","count":"1"}',
    "cut off": '{"event":"job.pending","ids":[1,2',
    "two values": '{"event":"job.pending"}{"event":"job.pending"}',
    "comment": '{"event":"job.pending"} -- really',
    "ANSI": '\x1b[2J{"event":"job.pending"}',
    "bidi": '\u202e{"event":"job.pending"}',
}
REFUSED = {
    "empty": "",
    "unknown": "explode",
    "upper case": "RETRY 1",
    "no job": "retry",
    "no job either": "cancel",
    "job zero": "cancel 0",
    "leading zero": "retry 01",
    "sign": "retry -1",
    "fraction": "retry 1.5",
    "hexadecimal": "retry 0x1",
    "other digits": "retry ٣",
    "beyond 18 digits": "cancel 1000000000000000000",
    "a job too many": "pause 1",
    "status of a job": "status 5",
    "a reason too many": "retry 1 because",
    "reason without job": "cancel wrong music",
    "two lines": "cancel 1\nx",
    "reason of two lines": "cancel 1 x\ny",
    "tab": "cancel\t1",
    "long reason": "cancel 1 " + "x" * 201,
    "ANSI in reason": "cancel 1 \x1b[2J",
    "NUL in reason": "cancel 1 a\0b",
    "bidi in reason": "cancel 1 a\u202eb",
    "surrogate in reason": "cancel 1 \ud800",
    "SQL": "cancel 1; drop table actp_gen_jobs",
    "JSON": '{"verb":"pause"}',
    "long": "r" * 7999,
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_event_is_unreadable(payload: str) -> None:
    with pytest.raises(Unreadable):
        parse(EVENTS, payload, 1)


@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_command_is_unreadable(payload: str) -> None:
    with pytest.raises(Unreadable, match="command"):
        parse(CONTROL, payload, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_each_event_is_read_as_its_type(kind: str) -> None:
    named = parse(EVENTS, json.dumps({"event": kind, "ids": [1, 2**63 - 1]}), 1)
    counted = parse(EVENTS, json.dumps({"event": kind, "count": 100_000}), 1)

    assert named == KINDS[kind](event=kind, ids=(1, 2**63 - 1))
    assert counted == KINDS[kind](event=kind, count=100_000)


@pytest.mark.parametrize("verb", ["status", "ping", "pause", "resume", "flush"])
def test_a_command_for_the_farm_is_a_word(verb: str) -> None:
    assert parse(CONTROL, f" {verb}\n", 7) == Control(verb, None, None, pid=7)


@pytest.mark.parametrize("verb", ["retry", "cancel"])
@pytest.mark.parametrize("job", [1, 42, 10**18 - 1])
def test_a_command_for_a_job_names_it(verb: str, job: int) -> None:
    assert parse(CONTROL, f"{verb}  {job}", 7) == Control(verb, JobId(job), None, pid=7)


@pytest.mark.parametrize("reason", ["wrong music", "x" * 200, "ünïcode ☃ 中文", "'; --"])
def test_only_cancel_takes_a_reason(reason: str) -> None:
    assert parse(CONTROL, f"cancel 42 {reason}", 7) == Control("cancel", JobId(42), reason, pid=7)
    with pytest.raises(Unreadable):
        parse(CONTROL, f"retry 42 {reason}", 7)


def test_another_channel_is_none_of_ours() -> None:
    with pytest.raises(Unreadable, match="channel"):
        parse("elsewhere", '{"event":"job.pending"}', 1)


def test_the_reason_of_a_refusal_is_a_word_and_not_the_payload() -> None:
    """It becomes a metric's label and a line in the log."""
    with pytest.raises(Unreadable) as refused:
        parse(EVENTS, '{"event":"job.pending","ids":["secret"]}', 1)

    assert str(refused.value) == "int_type"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["ids", "count"]), inner)
    ),
    max_leaves=10,
)


# Neither luck nor a slow machine makes one of these fail.
ALWAYS_THE_SAME = settings(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@ALWAYS_THE_SAME
@given(st.sampled_from([EVENTS, CONTROL, "elsewhere"]), st.text() | st.text(st.characters()))
def test_no_text_escapes(channel: str, payload: str) -> None:
    only_unreadable(channel, payload)


@ALWAYS_THE_SAME
@given(st.sampled_from([*KINDS, "job.exploded"]), JSON, JSON)
def test_no_json_escapes(event: str, ids: object, count: object) -> None:
    only_unreadable(EVENTS, json.dumps({"event": event, "ids": ids, "count": count}))


@ALWAYS_THE_SAME
@given(st.from_regex(r"(status|ping|pause|resume|flush|retry|cancel) ?[0-9]{0,20}.{0,5}"))
def test_what_looks_like_a_command_is_one_or_is_unreadable(payload: str) -> None:
    only_unreadable(CONTROL, payload)


def only_unreadable(channel: str, payload: str) -> None:
    """Parse; and whatever is accepted could be written to the database."""
    try:
        event = parse(channel, payload, 1)
    except Unreadable:
        return
    if isinstance(event, Control):
        assert (event.job_id is not None) == (event.verb in ("retry", "cancel"))
        assert event.reason is None or (event.reason.isprintable() and event.reason.encode())
    elif isinstance(event, Announced):
        assert all(0 < job < 2**63 for job in event.ids)
