"""When visits stopped being saved, as one worker knows it from its own commits and from the counter."""

import time
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from koyjabo.base.core.clock import Clock
from koyjabo.counting.ledger import LATE_S, UnsavedVisits, Writer

WELL = Writer(0, 0.0, False, None, 0.0)
BEGAN_MS = 1_765_860_518_000


def failing(since: float, failed_at: float) -> Writer:
    return Writer(0, 0.0, True, since, failed_at)


def waiting(seconds: float) -> Writer:
    return Writer(1, seconds, False, None, 0.0)


# For each poll: the second, the state of this worker's commits, the counter's revision, and the second when visits
# stopped being saved. The worker started at second 100.
LOOKS = {
    "nothing while commits succeed": [(101, WELL, 1, None), (102, waiting(LATE_S), 2, None)],
    "from when a visit came that failed, until one is saved here": [
        (111, failing(105, 110), 1, 105),
        (140, failing(105, 139), 1, 105),
        (3700, failing(105, 139), 1, 105),  # no visits since then, so nothing was saved
        (3701, WELL, 2, None),
    ],
    "from when a visit came that waits too long": [
        (110.0, waiting(LATE_S), 1, None),
        (110.5, waiting(LATE_S + 0.5), 1, 110.5 - LATE_S - 0.5),
        (111.0, WELL, 2, None),
    ],
    "nothing while commits are slow and succeed": [
        (second, waiting(3.0), second, None) for second in range(101, 110)
    ],
    "until another worker saves one, though this one has failed; a failure after that begins anew": [
        (111, failing(105, 110), 1, 105),
        (112, failing(105, 110), 2, None),
        (113, failing(105, 110), 2, None),
        (121, failing(105, 120), 2, 111),  # saved at some time after the poll at 111
    ],
    "of a failure, though one was saved just before": [(101, WELL, 1, None), (102, failing(101.5, 101.5), 2, 101.5)],
}  # fmt: skip


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
def test_visits_are_unsaved(monkeypatch, looks):
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    counter = SimpleNamespace(revision=1)
    clock = Clock(ZoneInfo("UTC"), now_ms=lambda: BEGAN_MS + round(1000 * now_s))
    unsaved = UnsavedVisits(lambda: writer, lambda: counter.revision, clock)
    for now_s, writer, counter.revision, since_s in looks:  # noqa: B007
        unsaved.refresh()
        assert unsaved.since_ms == (None if since_s is None else BEGAN_MS + 1000 * since_s), now_s
