"""What the state machine answers about a single status."""

from __future__ import annotations

import pytest

from reactor import states
from reactor.models import JobStatus


def test_terminal_and_active_and_neither() -> None:
    assert [status.value for status in JobStatus if states.is_terminal(status)] == [
        "complete",
        "cancelled",
    ]
    assert [status.value for status in JobStatus if states.is_active(status)] == [
        "pending",
        "processing",
    ]


def test_the_happy_path_leads_from_pending_to_complete() -> None:
    path, here = [], JobStatus.PENDING
    while following := states.next_status(here):
        assert states.can_transition(here, following)
        path.append(following.value)
        here = following

    assert path == ["processing", "complete"]
    assert states.next_status(JobStatus.FAILED) is None


@pytest.mark.parametrize(
    ("status", "charged", "allowed"),
    [
        ("failed", 0, True),
        ("failed", 2, True),
        ("failed", 3, False),
        ("failed", 4, False),
        ("pending", 0, False),
        ("processing", 0, False),
        ("complete", 0, False),
        ("cancelled", 0, False),
    ],
)
def test_only_a_failed_job_with_attempts_left_needs_no_force(
    status: str, charged: int, *, allowed: bool
) -> None:
    assert states.can_retry(JobStatus(status), charged, 3) is allowed


def test_every_status_can_be_said() -> None:
    said = {states.describe(status) for status in JobStatus}

    assert len(said) == len(JobStatus)
    assert all(said)
