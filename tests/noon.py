"""A time zone in which it is about noon, so that no day ends during a test."""

from __future__ import annotations

from datetime import UTC, datetime


def noon_zone() -> str:
    """Its name, as Postgres knows it."""
    ahead = 12 - datetime.now(UTC).hour
    # These names count the other way round.
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
