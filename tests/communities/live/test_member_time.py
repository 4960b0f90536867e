"""What reported spans of a member add up to is the time of their union, in whatever order and how often they come."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from koyjabo.clock import Clock
from koyjabo.communities.live.member_time import KEEP_MS, MemberTime

CLOCK = Clock(ZoneInfo("Asia/Dhaka"))
MIDNIGHT_MS = 1_765_821_600_000  # 2025-12-16T00:00+06:00
SECOND_MS = 1000
SPANS = st.lists(
    st.tuples(st.integers(-KEEP_MS // 2, KEEP_MS // 2 - 1), st.integers(1, 60_000)).map(
        lambda each: (MIDNIGHT_MS + each[0], MIDNIGHT_MS + min(each[0] + each[1], KEEP_MS // 2))
    ),
    max_size=12,
)


@given(spans=SPANS, again=st.randoms())
def test_union_is_counted_by_day(spans, again):
    reported = [*spans, *spans]
    again.shuffle(reported)
    added, stored, days = Counter(), MemberTime(), Counter()
    for span in reported:
        for day, added_ms in stored.add(*span, CLOCK).items():
            added[day] += added_ms
            days[day] += stored.is_first_on(day)
        stored = MemberTime(stored.spans, stored.days)
    assert added == union(spans)
    assert all(count == 1 for count in days.values())
    assert set(days) == set(added)


def union(spans: list[tuple[int, int]]) -> Counter[str]:
    """Millisecond by millisecond would take too long: from edge to edge."""
    edges = sorted({MIDNIGHT_MS, *(edge for span in spans for edge in span)})
    found: Counter[str] = Counter()
    for low, high in pairwise(edges):
        if any(began <= low and high <= ended for began, ended in spans):
            found[CLOCK.bucket(low).day] += high - low
    return found


def test_time_that_may_have_been_added_before_is_not_added_again():
    member = MemberTime()
    member.add(0, SECOND_MS, CLOCK)
    member.add(2 * KEEP_MS, 3 * KEEP_MS, CLOCK)
    assert member.add(0, SECOND_MS, CLOCK) == {}
    assert member.spans == f"[[{2 * KEEP_MS}, {3 * KEEP_MS}]]"


def test_report_of_a_wrong_clock_stops_no_other():
    now_ms = CLOCK.now_ms()
    tomorrow_ms, began_ms = now_ms + 24 * 6 * KEEP_MS, now_ms - KEEP_MS
    member, added = MemberTime(), Counter()
    for span in ((began_ms, began_ms + SECOND_MS), (tomorrow_ms, tomorrow_ms + SECOND_MS)) * 2:
        added.update(member.add(*span, CLOCK))
    for at_ms in range(began_ms, now_ms, 60 * SECOND_MS):
        for _ in range(2):
            added.update(member.add(at_ms, at_ms + 2 * SECOND_MS, CLOCK))
    assert sum(added.values()) == (1 + 20) * SECOND_MS
    assert len(json.loads(member.spans)) <= 11
