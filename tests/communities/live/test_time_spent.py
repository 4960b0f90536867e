"""The time that members are connected to a community: by day, each member once at a time, on any number of workers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.application.site import Site
from support.people.accounts import Person, sign_up
from support.people.communities import found, give
from support.people.seats import seat_of

from koyjabo.audit.log import Audit
from koyjabo.communities.live.member_time import KEEP_MS, MemberTime
from koyjabo.communities.live.time_spent import TimeRecorder
from koyjabo.communities.services import CommunityServices
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.runtime import ThreadRuntime
from koyjabo.models import Scope

TODAY, TOMORROW = "2025-12-16", "2025-12-17"
MINUTE_MS = 60_000


@pytest.fixture
def site(database) -> Iterator[Site]:
    with Site(database.url) as site:
        yield site


@pytest.fixture
def ayesha(site) -> Person:
    return sign_up(site)


@pytest.fixture
def metro(ayesha) -> Scope:
    return Scope(found(ayesha)["id"])


def worker(site: Site) -> TimeRecorder:
    return TimeRecorder(site.services[Audit]._database, ThreadRuntime(), site.services.clock)


def spent(site: Site, scope: Scope, first: str = TODAY, last: str = TODAY) -> dict[str, tuple[int, float]]:
    """Members, and minutes."""
    found = site.services[CommunityServices].time_spent.by_day(scope, first, last)
    return {day: (each.members, each.spent_ms / MINUTE_MS) for day, each in found.items()}


def test_member_with_two_tabs_on_two_workers_counts_once_at_a_time(site, ayesha, metro):
    one, two = worker(site), worker(site)
    one.opened(metro, ayesha.id, "phone")
    site.time.pass_(minutes=1)
    two.opened(metro, ayesha.id, "laptop")
    site.time.pass_(seconds=30)
    two.write()
    one.closed(metro, ayesha.id, "phone")
    site.time.pass_(minutes=1)
    one.write()
    one.write()
    two.closed(metro, ayesha.id, "laptop")
    two.closed(metro, ayesha.id, "laptop")
    site.time.pass_(minutes=5)
    two.write()
    assert spent(site, metro) == {TODAY: (1, 2.5)}


def test_members_add_up_and_midnight_divides(site, ayesha, metro):
    karim, time = sign_up(site, "karim"), worker(site)
    give(ayesha, metro, karim, "member")
    site.time.go_to("2025-12-16T23:50:00+06:00")
    time.opened(metro, ayesha.id, "a")
    time.opened(metro, karim.id, "k")
    site.time.pass_(minutes=5)
    time.closed(metro, karim.id, "k")
    site.time.pass_(minutes=20)
    time.write()
    assert spent(site, metro, TODAY, TOMORROW) == {TODAY: (2, 15.0), TOMORROW: (1, 15.0)}
    assert spent(site, metro, TOMORROW, TOMORROW) == {TOMORROW: (1, 15.0)}


def test_workers_that_write_at_once_add_each_moment_once(site, ayesha, metro):
    workers, gate = [worker(site) for _ in range(4)], Barrier(4)
    for number, each in enumerate(workers):
        each.opened(metro, ayesha.id, f"tab {number}")
    for _ in range(3):
        site.time.pass_(minutes=1)
        with ThreadPoolExecutor(4) as threads:
            for done in [threads.submit(lambda each=each: (gate.wait(), each.write())) for each in workers]:
                done.result()
    assert spent(site, metro) == {TODAY: (1, 3.0)}


def test_what_was_not_written_is_written_later_and_once(site, ayesha, metro, monkeypatch):
    time = worker(site)
    write = time._database.write

    def unreached(operation, *arguments):
        raise LedgerUnavailable

    def unanswered(operation, *arguments):
        write(operation, *arguments)
        raise LedgerUnavailable

    time.opened(metro, ayesha.id, "a")
    for fails in (unreached, unanswered):
        site.time.pass_(minutes=1)
        with monkeypatch.context() as patch:
            patch.setattr(time._database, "write", fails)
            time.write()
    site.time.pass_(minutes=1)
    time.closed(metro, ayesha.id, "a")
    time.write()
    assert spent(site, metro) == {TODAY: (1, 3.0)}


def test_corrected_clock_adds_no_time(site, ayesha, metro):
    time = worker(site)
    time.opened(metro, ayesha.id, "a")
    site.time.pass_(minutes=1)
    site.time.put_right(minutes=7)
    time.write()
    site.time.pass_(minutes=1)
    time.closed(metro, ayesha.id, "a")
    time.write()
    assert spent(site, metro) == {TODAY: (1, 2.0)}


def test_it_is_written_once_a_minute_and_at_the_end(site, ayesha, metro):
    seat, communities = seat_of(site, ayesha, metro), site.services[CommunityServices]
    communities.rooms.join(seat)
    site.time.pass_(seconds=59)
    communities.people.tick()
    assert spent(site, metro) == {}
    site.time.pass_(seconds=31)
    communities.rooms.leave(seat)
    site.time.pass_(minutes=1)
    site.restart()
    assert spent(site, metro) == {TODAY: (1, 1.5)}


def test_deleted_communities_and_accounts_leave_nothing(site, ayesha, metro):
    karim, time = sign_up(site, "karim"), worker(site)
    banani = Scope(found(karim)["id"])
    for scope, person in ((metro, ayesha), (banani, karim), (metro, karim)):
        time.opened(scope, person.id, "a")
    site.time.pass_(minutes=1)
    time.write()
    assert karim.delete(f"/api/communities/{banani}").status_code == 204
    assert karim.delete("/api/auth/me", json={"password": "rickshaw at dawn"}).status_code == 204
    site.time.pass_(minutes=1)
    time.write()
    assert site.rows("SELECT scope, user_id FROM member_spans") == [(metro, ayesha.id)]
    assert site.rows("SELECT scope FROM time_spent") == [(metro,)]
    assert spent(site, metro) == {TODAY: (2, 3.0)}


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
