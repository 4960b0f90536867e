"""How hard the tests try that make up what to send: the same few examples each time, or FUZZ times as many new ones."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("FUZZ", "1"))


def effort(examples: int) -> settings:
    """Nothing is judged by the time it takes: a server is on the other side."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        database=None,
        deadline=None,
        print_blob=TIMES > 1,
        suppress_health_check=list(HealthCheck),
    )
