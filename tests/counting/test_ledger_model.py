"""Random actions in random order: the counter agrees with a one-page Python model."""

from functools import partial
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.application.site import Site, Time
from support.models.ledger_model import SITE, Model, next_midnight_ms
from support.models.state_machines import NewUrl, new_urls, play

from koyjabo.base.core.errors import TotalWouldFall

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
def test_counter_and_model_agree(kind, tmp_path, request):
    new_url = new_urls(kind, tmp_path, lambda: request.getfixturevalue("postgres"))
    times, steps = {"sqlite": (50, 30), "postgres": (8, 20)}[kind]
    play(partial(CounterMachine, new_url), times, steps)
