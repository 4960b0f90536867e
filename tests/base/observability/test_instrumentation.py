"""How late a worker is, who reconnected within a minute, and what was dropped within a day."""

from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from support.application.site import Time

from koyjabo.base.cluster.workers import Drop
from koyjabo.base.core.clock import Clock
from koyjabo.base.observability import services as observability, socket_log
from koyjabo.base.observability.dropped import Dropped
from koyjabo.base.observability.metrics import Gauges, Metrics
from koyjabo.base.observability.services import Lag
from koyjabo.base.observability.socket_log import Reconnections


def test_late_is_what_passes_beyond_the_interval_and_the_first_beat_never(monkeypatch):
    now, lag = [100.0], Lag(1.0)
    monkeypatch.setattr(observability, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for passed_s, late_s in ((3600, 0), (1.0, 0), (3.5, 2.5), (0.5, 0)):
        now[0] += passed_s
        lag.measure()
        assert lag.seconds == late_s


@pytest.fixture(params=["alone", "folder lost", "two workers"])
def pair(request, tmp_path) -> tuple[Reconnections, Reconnections]:
    """The worker that visitors leave, and the one they return to."""
    if request.param == "two workers":
        return Reconnections(str(tmp_path), "secret"), Reconnections(str(tmp_path), "secret")
    only = Reconnections(None if request.param == "alone" else str(tmp_path / "nowhere"), "secret")
    return only, only


def test_visitor_who_lost_the_connection_is_back_once_and_within_a_minute(pair, monkeypatch):
    here, there = pair
    here.lost("ayesha")
    assert not there.is_back("karim")
    assert [there.is_back("ayesha"), there.is_back("ayesha")] == [True, False]
    here.lost("ayesha")
    now = socket_log.time.time()
    monkeypatch.setattr(socket_log, "time", SimpleNamespace(time=lambda: now + socket_log.WITHIN_S + 1))
    assert not there.is_back("ayesha")


def test_drops_are_added_up_until_a_day_has_passed_without_one():
    time = Time()
    metrics = Metrics(Gauges(None, None, dict))
    dropped, began_ms = Dropped(Clock(ZoneInfo("Asia/Dhaka"), time, time.elapsed_ms), metrics), time.ms
    for _ in range(3):
        dropped.add("inputs", 2)
        time.pass_(hours=23)
    assert dropped.lately() == (Drop("inputs", 6, began_ms),)
    time.pass_(hours=1)
    assert dropped.lately() == ()
    dropped.add("inputs")
    assert dropped.lately() == (Drop("inputs", 1, time.ms),)
    assert b'koyjabo_dropped_total{kind="inputs"} 7.0' in metrics.text()
