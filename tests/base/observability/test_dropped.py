"""What was dropped is shown for a day."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from support.application.site import Time

from koyjabo.base.cluster.workers import Drop
from koyjabo.base.core.clock import Clock
from koyjabo.base.observability.dropped import Dropped
from koyjabo.base.observability.metrics import Gauges, Metrics


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
