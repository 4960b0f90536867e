"""Arrivals and departures, derived from counts that this worker or another worker changes."""

from zoneinfo import ZoneInfo

import pytest
from support.application.site import Time

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from koyjabo.presence.members.arrivals import ArrivalCounter, Arrivals
from koyjabo.presence.members.online_members import Online

MIRPUR, UTTARA = Scope("mirpur"), Scope("uttara")


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def log(time) -> ArrivalCounter:
    return ArrivalCounter(Clock(ZoneInfo("Asia/Dhaka"), now_ms=time, elapsed_ms=time.elapsed_ms, release_ms=0))


def test_the_arrivals_and_departures_of_each_scope_add_up(log):
    for version, count in enumerate((1, 2, 3, 2, 4), 1):
        log.record(MIRPUR, Online(version, count))
    log.record(UTTARA, Online(1, 1))
    assert log.today(MIRPUR) == Arrivals(came=5, left=1)
    assert log.busy(20) == {UTTARA: 1, MIRPUR: 4}
    assert list(log.busy(20)) == [UTTARA, MIRPUR]  # latest change first
    assert list(log.busy(1)) == [UTTARA]


def test_only_a_newer_exact_count_shows_arrivals(log):
    log.record(MIRPUR, Online(1, 5))  # they were there before the worker started
    assert (log.today(MIRPUR), log.busy(20)) == (Arrivals(), {})
    log.record(MIRPUR, Online(7, 6))  # updates in between were lost
    for ignored in (Online(7, 2), Online(4, 9), Online(8, 7, is_estimate=True)):
        log.record(MIRPUR, ignored)
    assert log.today(MIRPUR) == Arrivals(came=1)


def test_the_counts_of_arrivals_start_again_with_each_day_and_hour(log, time):
    time.go_to("2025-12-16T23:30:00+06:00")
    log.record(MIRPUR, Online(1, 1))
    time.go_to("2025-12-17T00:10:00+06:00")
    assert log.today(MIRPUR) == Arrivals()
    log.record(MIRPUR, Online(2, 2))
    assert log.today(MIRPUR) == Arrivals(came=1)
    assert log.busy(20) == {MIRPUR: 2}
    time.pass_(minutes=60)
    assert log.busy(20) == {}


def test_a_count_is_sent_only_once_by_all_workers(log):
    log.record(MIRPUR, Online(1, 1))
    log.record(MIRPUR, Online(2, 2))
    log.record(UTTARA, Online(1, 1))
    log.record(UTTARA, Online(1, 1), is_sent=True)
    assert log.take_unsent() == {MIRPUR: (2, 2)}
    log.record(UTTARA, Online(2, 2), is_sent=True)
    assert log.take_unsent() == {}
    assert log.today(UTTARA) == Arrivals(came=2)
