"""What rates count, and what that costs."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from types import SimpleNamespace

import pytest

from koyjabo.network import rate_limiter
from koyjabo.network.rate_limiter import Rate, share


@pytest.fixture
def now(monkeypatch):
    """A clock that tests set, s."""
    moment = [1000.0]
    monkeypatch.setattr(rate_limiter, "time", SimpleNamespace(time=time.time, monotonic=lambda: moment[0]))
    return moment


def test_limit_holds_at_its_edge():
    rate = Rate(3)
    used = [rate.use("ayesha") for _ in range(5)]
    assert [each.is_exceeded for each in used] == [False, False, False, True, True]
    assert [each.left for each in used] == [2, 1, 0, 0, 0]
    assert {each.limit for each in used} == {3}
    assert not rate.use("babul").is_exceeded


def test_minute_is_over_when_it_was_said_to_be(now):
    rate = Rate(1)
    first = rate.use("ayesha")
    assert 60 <= first.resets_at_s - time.time() <= 61
    now[0] += 59.9
    assert rate.use("ayesha").is_exceeded
    assert rate.use("ayesha").retry_after_s in (1, 2)  # whole seconds, and never too early
    now[0] += 0.2
    assert not rate.use("ayesha").is_exceeded


def test_many_names_fill_no_memory_and_set_nobody_free(monkeypatch, now):
    monkeypatch.setattr(rate_limiter, "MOST_KEYS", 100)
    rate = Rate(2)
    for _ in range(3):
        used = rate.use("ayesha")
    assert used.is_exceeded
    assert not any(rate.use(f"visitor{number}").is_exceeded for number in range(1000))
    assert len(rate._counts) == 100
    assert rate.use("ayesha").is_exceeded
    now[0] += 60
    rate.use("ayesha")
    assert len(rate._counts) == 1


def test_of_many_at_once_as_many_get_through_as_may():
    rate = Rate(500)
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(rate.use, repeat("ayesha", 2000)))
    assert sum(not each.is_exceeded for each in used) == 500


def test_limit_is_shared_out():
    assert [share(*each) for each in ((600, 1, 1), (600, 4, 1), (3, 64, 1), (60, 64, 10))] == [600, 150, 1, 10]
