"""How late a worker is for what it does every second."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from koyjabo.application import instrumentation
from koyjabo.application.instrumentation import Lag


@pytest.fixture
def now(monkeypatch) -> list[float]:
    """The time that passes evenly, s; tests set it."""
    said = [100.0]
    monkeypatch.setattr(instrumentation, "time", SimpleNamespace(monotonic=lambda: said[0]))
    return said


def test_first_beat_is_not_late_whenever_it_comes(now):
    lag = Lag(1.0)
    now[0] += 3600
    lag.measure()
    assert lag.seconds == 0


@pytest.mark.parametrize(("passed_s", "late_s"), [(1.0, 0), (0.5, 0), (3.5, 2.5)])
def test_late_is_what_passes_beyond_the_interval(now, passed_s, late_s):
    lag = Lag(1.0)
    lag.measure()
    now[0] += passed_s
    lag.measure()
    assert lag.seconds == late_s
