"""How many examples the fuzz tests try.

FUZZ=0, the default: a sixteenth of their examples. FUZZ=1: all of them, the same each time. FUZZ=20: 20 times as many,
random each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("FUZZ", "0"))
SHARE = 16


def examples(number: int) -> int:
    return number * TIMES or -(-number // SHARE)


def effort(number: int) -> settings:
    """Settings without a deadline, because a server responds in another process."""
    return settings(
        max_examples=examples(number),
        derandomize=TIMES <= 1,
        database=None,
        deadline=None,
        print_blob=TIMES > 1,
        suppress_health_check=list(HealthCheck),
    )
