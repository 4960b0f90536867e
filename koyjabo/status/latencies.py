"""Latencies in buckets, which workers add up and from which a percentile of all of them is read."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log

RATIO = 1.1
"""Each bucket ends at this multiple of the one before: a percentile is at most a tenth too high."""

LAST = 116
"""The bucket of all latencies of a minute or more."""


def bucket_of(ms: float) -> int:
    """The bucket whose border is the first one at or above this latency; the first one ends at 1 ms."""
    return 0 if ms <= 1 else min(LAST, ceil(round(log(ms, RATIO), 9)))


def border_ms(bucket: int) -> float:
    """The longest latency in a bucket."""
    return RATIO**bucket


def percentile_ms(counts: Mapping[int, int], share: float) -> float | None:
    """The border below which at least this share of the latencies is; None without any. Never too low."""
    left = ceil(share * sum(counts.values()))
    for bucket in sorted(counts):
        left -= counts[bucket]
        if left <= 0 < counts[bucket]:
            return border_ms(bucket)
    return None
