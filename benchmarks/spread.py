"""Medians, percentiles and ratios of samples that were taken in turns."""

from __future__ import annotations

from math import ceil
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that so many percent of all are not above."""
    return sorted(samples)[max(0, ceil(len(samples) * percent / 100) - 1)]


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios round by round: a slow minute of the machine slows both."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))
