"""Since when visits have not been saved, as one worker knows it: from its own commits and from the counter."""

from __future__ import annotations

from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from koyjabo.clock import Clock
from koyjabo.counting import unsaved_visits
from koyjabo.counting.ledger import Writer
from koyjabo.counting.unsaved_visits import LATE_S, UnsavedVisits

WELL = Writer(0, 0.0, False, None, 0.0)
BEGAN_MS = 1_765_860_518_000


class World:
    """A worker whose commits and counter the test decides. It began at second 100."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s, self.writer, self.revision = 100.0, WELL, 1
        monkeypatch.setattr(unsaved_visits.time, "monotonic", lambda: self.now_s)
        site = SimpleNamespace(snapshot=SimpleNamespace(revision=1))
        visits = SimpleNamespace(site=site, writer=lambda: self.writer)
        self._site = site
        clock = Clock(ZoneInfo("UTC"), now_ms=lambda: BEGAN_MS + round(1000 * (self.now_s - 100)))
        self.unsaved = UnsavedVisits(visits, clock)  # type: ignore[arg-type]

    def since(self, now_s: float, writer: Writer = WELL, revision: int = 1) -> float | None:
        """Seconds from the beginning, or None while all is well."""
        self.now_s, self.writer, self._site.snapshot.revision = now_s, writer, revision
        self.unsaved.refresh()
        since_ms = self.unsaved.since_ms
        return None if since_ms is None else (since_ms - BEGAN_MS) / 1000


@pytest.fixture
def world(monkeypatch) -> World:
    return World(monkeypatch)


def failing(since: float, failed_at: float) -> Writer:
    return Writer(0, 0.0, True, since, failed_at)


def waiting(seconds: float) -> Writer:
    return Writer(1, seconds, False, None, 0.0)


def test_nothing_is_said_while_commits_succeed(world):
    assert world.since(101) is None
    assert world.since(102, waiting(LATE_S), revision=2) is None


def test_failed_visit_counts_from_when_it_came_until_one_is_saved_here(world):
    assert world.since(111, failing(105, 110)) == 5
    assert world.since(140, failing(105, 139)) == 5
    assert world.since(3700, failing(105, 139)) == 5  # nobody came since, and nothing was saved
    assert world.since(3701, WELL, revision=2) is None


def test_visit_that_waits_too_long_counts_from_when_it_came(world):
    assert world.since(110.0, waiting(LATE_S)) is None
    assert world.since(110.5, waiting(LATE_S + 0.5)) == 110.5 - LATE_S - 0.5 - 100
    assert world.since(111.0, WELL, revision=2) is None


def test_slow_commits_that_succeed_are_not_unsaved(world):
    for second in range(101, 110):
        assert world.since(second, waiting(3.0), revision=second) is None


def test_visit_that_another_worker_saves_ends_it_although_this_one_has_failed(world):
    assert world.since(111, failing(105, 110)) == 5
    assert world.since(112, failing(105, 110), revision=2) is None
    assert world.since(113, failing(105, 110), revision=2) is None


def test_failure_after_that_begins_anew(world):
    assert world.since(111, failing(105, 110)) == 5
    assert world.since(112, failing(105, 110), revision=2) is None
    assert world.since(121, failing(105, 120), revision=2) == 11  # saved at some time after the look at 111


def test_failure_is_not_hidden_by_a_visit_that_was_saved_just_before(world):
    assert world.since(101) is None
    assert world.since(102, failing(101.5, 101.5), revision=2) == 1.5
