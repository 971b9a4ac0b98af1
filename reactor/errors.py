"""Everything that can go wrong, in one tree.

The class docstring is the default message. Errors that end a command carry its exit code
(sysexits: 69 database unavailable, 75 try again, 78 bad configuration); errors that end an
attempt carry the failure class that decides what happens to the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class ReactorError(Exception):
    """The reactor could not do what it was asked."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class BadConfiguration(ReactorError):
    """A setting has a value that cannot work."""

    exit_code = 78


class SchemaMismatch(BadConfiguration):
    """The database's schema is not the one this release works with."""


class DatabaseUnavailable(ReactorError):
    """The database cannot be reached."""

    exit_code = 69


class TryAgain(ReactorError):
    """Somebody else is at it just now; the same command may work in a moment."""

    exit_code = 75


class Refused(ReactorError):
    """What was asked is not possible in the job's present state."""

    exit_code = 1


class Unreadable(ReactorError):
    """A notification is not one of ours."""


class FailureClass(StrEnum):
    """Why an attempt ended without a video; decides charge, wait and blame."""

    INPUT = "input"
    CRASH = "crash"
    STALL = "stall"
    RESOURCE = "resource"
    INFRASTRUCTURE = "infrastructure"
    BAD_OUTPUT = "bad_output"
    CANCELLED = "cancelled"
    POISON = "poison"


class RenderFailed(ReactorError):
    """The attempt ended without a video; `frame` is how far it came, `log` its renderer's last words."""

    def __init__(
        self,
        failure: FailureClass,
        message: str,
        *,
        frame: int | None = None,
        log: str | None = None,
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.frame = frame
        self.log = log


def bad_input(field: str, problem: str, *, allowed: str = "") -> RenderFailed:
    """Name the field that is wrong and what it may be; such a job is never tried again."""
    hint = f" (allowed: {allowed})" if allowed else ""
    return RenderFailed(FailureClass.INPUT, f"{field}: {problem}{hint}")


class Missing(ReactorError):
    """There is no such thing."""

    exit_code = 1


class QuotaExceeded(TryAgain):
    """The project has as many active jobs as it may have."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of what was asked."""

    field: str
    message: str


class Invalid(ReactorError):
    """What was asked cannot be: each wrong field by name."""

    exit_code = 2

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = list(errors)
