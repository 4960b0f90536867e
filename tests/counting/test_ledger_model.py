"""The counter agrees with a one-page model, and kill -9 of one of two servers under load loses nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, time as time_of_day, timedelta
from functools import partial
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.application.site import Site, Time
from support.assertions.ledger import assert_exact, assert_retries_have_the_same_answer, assert_verified
from support.clients.concurrent_registrations import Crowd
from support.models.state_machines import NewUrl, new_urls, play
from support.programs.processes import wait_until

from koyjabo.base.core.errors import TotalWouldFall

SITE = "site"
AFTER_MS, BEFORE_MS = 3_600_000, 60_000
"""An anonymous visitor's name for a day is valid from BEFORE_MS before the day to AFTER_MS after it."""


def local_day(at_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_ms // 1000, zone).date().isoformat()


def next_midnight_ms(at_ms: int, zone: ZoneInfo) -> int:
    tomorrow = datetime.fromtimestamp(at_ms // 1000, zone).date() + timedelta(days=1)
    return int(datetime.combine(tomorrow, time_of_day(), zone).timestamp()) * 1000


@dataclass
class Model:
    zone: ZoneInfo
    window_ms: int
    total: int
    communities: set[str]
    ordinals: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # (ordinal, number in the day)
    days: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)  # by scope
    visitors: dict[str, set[str]] = field(default_factory=lambda: {SITE: set()})
    seen: dict[str, int] = field(default_factory=dict)
    visits: list[tuple[str, int]] = field(default_factory=list)  # (visitor, wall clock in ms)

    def register(self, visitor: str, visit: str | None, scope: str, time: Time) -> tuple[int, int, bool] | None:
        """(ordinal, number in its day, duplicate), or None if the community is unknown."""
        known = self.ordinals.get((visitor, visit)) if visit else None
        if known is None and scope not in {SITE, *self.communities}:
            return None
        self._see(visitor, time)
        if known is not None:
            return *known, True
        self.total += 1
        self.visits.append((visitor, time.ms))
        day = local_day(time.ms, self.zone)
        self.days[day] += 1
        for name in {SITE, scope}:
            self.rows[name] += 1
            self.visitors.setdefault(name, set()).add(visitor)
        if visit:
            self.ordinals[visitor, visit] = self.total, self.days[day]
        return self.total, self.days[day], False

    def names(self, visitor: str, time: Time) -> list[str]:
        """Possible names of an anonymous visitor: today's and, shortly before or after midnight, the adjacent day's."""
        days = [local_day(time.ms + ms, self.zone) for ms in (0, -AFTER_MS, BEFORE_MS)]
        return [f"{visitor} on {day}" for day in dict.fromkeys(days)]

    def register_anonymously(
        self, visitor: str, visit: str | None, scope: str, time: Time
    ) -> tuple[int, int, bool] | None:
        today, *others = self.names(visitor, time)
        counted = [name for name in (today, *others) if visit and (name, visit) in self.ordinals]
        if not counted:
            return self.register(today, visit, scope, time)
        self._forget_the_gone(time)
        self._see(next((name for name in (today, *others) if name in self.seen), today), time)
        return *self.ordinals[counted[0], str(visit)], True

    def heartbeat_anonymously(self, visitor: str, time: Time) -> bool:
        names = self.names(visitor, time)
        return self.heartbeat(next((name for name in names if name in self.visitors[SITE]), names[0]), time)

    def heartbeat(self, visitor: str, time: Time) -> bool:
        if visitor in self.visitors[SITE]:
            self._see(visitor, time)
        return visitor in self.visitors[SITE]

    def set_total(self, total: int, new_epoch: bool) -> bool:
        allowed = new_epoch or total >= self.total
        self.total = total if allowed else self.total
        return allowed

    def restart(self, time: Time) -> None:
        """Keep only the latest visits, back to the first one older than the window."""
        self.seen.clear()
        recent = takewhile(lambda visit: visit[1] > time.ms - self.window_ms, reversed(self.visits))
        for visitor, at_ms in sorted(recent, key=lambda visit: visit[1]):
            self.seen[visitor] = time.elapsed_ms() - time.ms + min(at_ms, time.ms)

    def numbers(self, time: Time) -> dict[str, int]:
        self._forget_the_gone(time)
        return {
            "totalVisitors": self.total,
            "totalVisits": self.total,
            "todayVisits": self.days[local_day(time.ms, self.zone)],
            "activeUsers": len(self.seen),
            "uniqueVisitors": len(self.visitors[SITE]),
        }

    def _see(self, visitor: str, time: Time) -> None:
        self.seen.pop(visitor, None)
        self.seen[visitor] = time.elapsed_ms()

    def _forget_the_gone(self, time: Time) -> None:
        gone = time.elapsed_ms() - self.window_ms
        self.seen = {visitor: seen_ms for visitor, seen_ms in self.seen.items() if seen_ms > gone}


WINDOW_S = 300
NUMBERS = ("totalVisitors", "totalVisits", "todayVisits", "activeUsers", "uniqueVisitors")
HERE = "5c0f7d0e-3f60-4a7c-9d7b-2f1f2f9d0a11"
NOWHERE = "00000000-0000-4000-8000-000000000000"
STARTS = {
    "Asia/Dhaka": "2025-12-16T21:00:00+06:00",
    "Asia/Kathmandu": "2025-12-31T22:50:00+05:45",
    "America/New_York": "2026-03-07T22:30:00-05:00",  # clocks go forward that night
    "US/Eastern": "2025-11-01T22:30:00-04:00",  # and back in this one
    "Australia/Lord_Howe": "2026-04-04T22:15:00+11:00",  # back by half an hour
}
visitors = st.sampled_from(["ayesha", "babul", "chandni", "d.e-f:g_9"])
visits = st.none() | st.sampled_from(["1", "2", "3"])
scopes = st.sampled_from([SITE, SITE, HERE, NOWHERE])


class CounterMachine(RuleBasedStateMachine):
    def __init__(self, new_url: NewUrl) -> None:
        super().__init__()
        self.new_url = new_url

    @initialize(zone=st.sampled_from(sorted(STARTS)), total=st.sampled_from([0, 4000]))
    def begin(self, zone: str, total: int) -> None:
        self.time = Time()
        self.time.go_to(STARTS[zone])
        settings = {"TIMEZONE": zone, "STARTING_TOTAL": total, "ACTIVE_WINDOW_SECONDS": WINDOW_S}
        self.site = Site(self.new_url(), self.time, **settings)
        self.site.add_community(HERE)
        self.model = Model(ZoneInfo(zone), WINDOW_S * 1000, total, {HERE})
        self.last_stats = self.site.stats()

    @rule(visitor=visitors, visit=visits, scope=scopes, anonymous=st.booleans())
    def register(self, visitor: str, visit: str | None, scope: str, anonymous: bool) -> None:
        self.newest = visitor, visit, scope, anonymous
        self.send(*self.newest)

    @precondition(lambda machine: hasattr(machine, "newest"))
    @rule()
    def retry(self) -> None:
        self.send(*self.newest)

    def send(self, visitor: str, visit: str | None, scope: str, anonymous: bool) -> None:
        fields = {"visitorId": visitor, "visitId": visit, "communityId": None if scope == SITE else scope}
        answer = self.site.post(json={**fields, "anonymous": anonymous})
        register = self.model.register_anonymously if anonymous else self.model.register
        expected = register(visitor, visit, scope, self.time)
        if expected is None:
            assert (answer.status_code, answer.json["code"]) == (404, "unknown_community")
            return
        receipt = answer.json["visit"]
        assert (receipt["ordinal"], receipt["today"], receipt["duplicate"]) == expected
        assert receipt["share"].startswith(f"/n/{expected[0]}?s=")
        self.compare(answer.json["stats"])

    @rule(visitor=visitors, anonymous=st.booleans())
    def heartbeat(self, visitor: str, anonymous: bool) -> None:
        heartbeat = self.model.heartbeat_anonymously if anonymous else self.model.heartbeat
        known = heartbeat(visitor, self.time)
        answer = self.site.post("/api/visitor/heartbeat", json={"visitorId": visitor, "anonymous": anonymous})
        assert answer.status_code == (204 if known else 404)

    @rule(seconds=st.sampled_from([0.001, 1, 299.999, 300, 1800, 7200]))
    def time_passes(self, seconds: float) -> None:
        self.time.pass_(seconds=seconds)

    @rule(just_before=st.booleans())
    def midnight(self, just_before: bool) -> None:
        self.time.ms = next_midnight_ms(self.time.ms, self.model.zone) - just_before

    @rule(seconds=st.sampled_from([-90_000, -3600, -61, -1, 61, 3600]))
    def the_clock_is_put_right(self, seconds: int) -> None:
        """A clock that is over a day behind the newest visit is not believed, which the model does not know."""
        clock = self.site.services.clock
        if self.time.ms + seconds * 1000 >= clock.least_ms:
            self.time.put_right(seconds=seconds)

    @rule()
    def restart(self) -> None:
        """Restart. The host has corrected its clock by then, so only what is on disk is known."""
        self.time.ms = max(self.time.ms, self.last_stats["revision"]) + 1000
        self.site.restart()
        self.model.restart(self.time)

    @rule(change=st.sampled_from([-3, -1, 0, 1, 5000]), new_epoch=st.booleans())
    def the_total_is_set(self, change: int, new_epoch: bool) -> None:
        before = self.model.total
        total = max(0, before + change)
        if self.model.set_total(total, new_epoch):
            assert self.site.set_total(total, new_epoch) == (before, total)
        else:
            with pytest.raises(TotalWouldFall):
                self.site.set_total(total, new_epoch)

    @invariant()
    def stats_are_the_models(self) -> None:
        self.compare(self.site.stats())

    def compare(self, stats: dict) -> None:
        assert {name: stats[name] for name in NUMBERS} == self.model.numbers(self.time)
        assert sum(place["count"] for place in stats["locations"].values()) == stats["activeUsers"]
        before, self.last_stats = self.last_stats, stats
        assert order(stats) >= order(before)
        if any(stats[name] != before[name] for name in (*NUMBERS, "locations", "epoch")):
            assert stats["revision"] > before["revision"]

    def teardown(self) -> None:
        if not hasattr(self, "site"):
            return
        try:
            counters = self.site.rows("SELECT scope, visits, unique_visitors FROM counters")
            for scope, rows, unique in counters:
                assert (rows, unique) == (self.model.rows[scope], len(self.model.visitors.get(scope, ())))
            assert self.site.recount() == []
        finally:
            self.site.close()


def order(stats: dict) -> tuple[int, int, int]:
    """The key that clients order updates by. It never decreases, so the total never falls within an epoch."""
    return int(stats["epoch"], 36), stats["totalVisitors"], stats["revision"]


@pytest.mark.both_kinds
def test_the_counter_agrees_with_the_model_after_random_actions(kind, tmp_path, request):
    new_url = new_urls(kind, tmp_path, lambda: request.getfixturevalue("postgres"))
    times, steps = {"sqlite": (25, 30), "postgres": (5, 20)}[kind]
    play(partial(CounterMachine, new_url), times, steps)


VISITS, READS, RUSH = 100, 20, 60


def test_a_visit_that_one_server_acknowledged_is_shown_and_recognised_by_the_other_server(database, new_server):
    """This works in both directions, while other visits arrive. Both servers start at the same time."""
    servers = [new_server(database, STARTING_TOTAL=4000).launch() for _ in range(2)]
    two_servers = [server.wait_until_serving() for server in servers]
    before, ordinals = two_servers[0].stats().total, []
    assert database.rows("SELECT total_after FROM adjustments") == [(4000,)]
    assert len({server.stats().epoch for server in two_servers}) == 1
    with Crowd(two_servers, VISITS, clients=4, seed=before) as crowd:
        for number in range(READS):
            asked, other = two_servers if number % 2 else two_servers[::-1]
            ordinals.append(asked.register("reader", visit=f"{before}-{number}").ordinal)
            assert other.stats().total >= ordinals[-1]
            again = other.register("reader", visit=f"{before}-{number}")
            assert (again.ordinal, again.duplicate) == (ordinals[-1], True)
    assert (crowd.lost, crowd.refusals, crowd.surprises) == (0, [], [])
    assert sorted([*crowd.first_ordinals, *ordinals]) == list(range(before + 1, before + VISITS + READS + 1))
    assert_retries_have_the_same_answer(crowd)
    assert two_servers[0].stats().total == two_servers[1].stats().total == before + VISITS + READS
    assert_verified(two_servers[0])
    assert "Traceback" not in "".join(server.log for server in two_servers)


def test_kill_9_loses_no_acknowledged_visit(server):
    with Crowd([server], RUSH, goes_on=True) as crowd:
        crowd.wait_for(RUSH)
        server.kill()
        wait_until(lambda: crowd.lost, "clients go without an answer")
        server.start()
    assert_exact(crowd, server)
