"""What the answers of others mean."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from reactor.errors import FailureClass
from reactor.renderers.answers import (
    Answer,
    Course,
    State,
    Status,
    read_health,
    read_id,
    read_refusal,
    read_status,
)
from reactor.renderers.base import Progress

JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda children: some.lists(children) | some.dictionaries(some.text(), children),
    max_leaves=4,
)
KNOWN = "id status progress error message output_path eta_s etaMs renderedFrames total_frames ok capacity pid"


def status(**fields: Any) -> Status:
    """The reading of a status answer with these fields."""
    found = read_status(Answer(200, json.dumps(fields).encode()))
    assert found is not None
    return found


def fractions(*values: Any, state: str = "rendering") -> list[float]:
    """What is reported when a server says these as progress, one after the other."""
    reported: list[Progress] = []
    course = Course(reported.append)
    for value in values:
        course.note(status(status=state, progress=value))
    return [progress.fraction for progress in reported]


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("queued pending waiting", State.QUEUED),
        ("in-progress in_progress processing rendering active started running", State.RENDERING),
        ("completed complete done succeeded SUCCESS finished", State.COMPLETE),
        ("failed error", State.FAILED),
        ("cancelled canceled", State.CANCELLED),
        ("bundling", State.UNKNOWN),
    ],
)
def test_states_are_read_in_every_spelling(words: str, state: State) -> None:
    assert {status(status=word).state for word in words.split()} == {state}


def test_camel_case_is_read() -> None:
    found = status(status="x", renderedFrames=3, totalFrames=9, etaMs=1500, outputFile="/a")

    assert (found.rendered_frames, found.total_frames, found.eta_s) == (3, 9, 1.5)
    assert found.output_path == "/a"


@pytest.mark.parametrize(
    ("said", "reported"),
    [
        ((0.1, 0.5, 0.9), [0.1, 0.5, 0.9]),
        ((10, 42.5, 100), [0.1, 0.425, 1.0]),
        ((0, 1, 2, 50), [0.01, 0.02, 0.5]),
        ((0.4, 0.2, 0.6), [0.4, 0.6]),
        ((-3, 250), [1.0]),
        ((float("nan"), None, "0.5", True, 0.5), [0.5]),
        ((float("inf"), 10**400, 0.5), [0.5]),
        ((0.9, 1), [0.9, 1.0]),
        ((1e-300, 0.5), [0.5]),
    ],
)
def test_progress_is_a_fraction_that_never_goes_back(
    said: tuple[Any, ...], reported: list[float]
) -> None:
    assert fractions(*said) == reported


def test_frames_tell_progress_when_nothing_else_does() -> None:
    reported: list[Progress] = []
    moved = Course(reported.append).note(
        status(status="rendering", rendered_frames=5, total_frames=20)
    )

    assert (moved, reported) == (True, [Progress(0.25, 5, 20)])


def test_the_same_again_is_no_movement_and_no_report() -> None:
    reported: list[Progress] = []
    course = Course(reported.append)
    moves = [course.note(status(status="rendering", progress=0.5)) for _ in range(3)]

    assert (moves, len(reported)) == ([True, False, False], 1)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"class": "resource", "message": "Page crashed"}, FailureClass.RESOURCE),
        ({"class": "poison", "message": "x"}, FailureClass.CRASH),
        ({"class": ["input"], "message": "x"}, FailureClass.CRASH),
        ("Protocol error: Target closed", FailureClass.CRASH),
        ("ffmpeg was killed by signal 9", FailureClass.CRASH),
        ("ENOSPC: write", FailureClass.RESOURCE),
        ({"message": "HTTP 429 from fonts"}, FailureClass.RESOURCE),
        ({"message": "A delayRender() was called but not cleared"}, FailureClass.STALL),
        ("Navigation timed out", FailureClass.STALL),
        ({}, FailureClass.CRASH),
        (None, FailureClass.CRASH),
    ],
)
def test_failures_get_their_class_from_the_server_or_from_its_words(
    error: Any, failure: FailureClass
) -> None:
    assert status(status="failed", error=error).failure is failure


@pytest.mark.parametrize(
    ("frame", "expected"),
    [(17, 17), (0, 0), (-1, None), ("17", None), (1e99, 2**31 - 1), (True, None)],
)
def test_the_frame_of_a_failure_is_a_number_or_nothing(frame: Any, expected: int | None) -> None:
    assert status(status="failed", error={"message": "x", "frame": frame}).frame == expected
    assert status(status="failed", error="at frame 3").frame is None


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("one\r\ntwo\n", "one\ntwo"),
        (["one", 2, "two"], "one\ntwo"),
        ("\x1b[31mred\x07\u202e\0", "[31mred"),
        ("half \ud800", "half"),
        (" \n ", None),
        ({"a": 1}, None),
        (None, None),
    ],
)
def test_a_log_is_plain_lines(log: Any, expected: str | None) -> None:
    assert status(status="failed", log=log).log == expected


@pytest.mark.parametrize("letter", ["x", "ü", "語", "🔥", "\n"])
def test_of_a_long_log_the_last_lines_are_kept(letter: str) -> None:
    log = status(status="rendering", log=letter * 50_000 + "the end").log

    assert log is not None
    assert log.endswith("the end")
    assert len(log.encode()) <= 8192


def test_a_failure_without_a_reason_says_so() -> None:
    assert status(status="failed", error={}).message == "the render server gave no reason"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"id": "x-1"}, "x-1"),
        ({"renderId": 12}, "12"),
        ({"id": ".."}, "7-1"),
        ({"id": "a\nb"}, "7-1"),
        ({"id": True}, "7-1"),
        ({"id": "x" * 300}, "7-1"),
        ({"id": ""}, "7-1"),
        ([], "7-1"),
    ],
)
def test_only_a_sane_id_replaces_ours(said: Any, expected: str) -> None:
    assert read_id(Answer(202, json.dumps(said).encode()), "7-1") == expected


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(some.dictionaries(some.sampled_from(KNOWN.split()), JSON), some.integers(200, 599))
def test_no_answer_whatsoever_breaks_the_reader(fields: dict[str, Any], code: int) -> None:
    answer = Answer(code, json.dumps(fields).encode())
    read_health(answer)
    read_id(answer, "7-1")
    message = str(read_refusal(answer))
    reported: list[Progress] = []
    if code == 200 and (found := read_status(answer)):
        Course(reported.append).note(found)

    assert len(message) <= 500
    assert message.isprintable()
    assert all(0 <= progress.fraction <= 1 for progress in reported)
