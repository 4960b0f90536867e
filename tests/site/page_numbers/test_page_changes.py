"""Numbers of pages after a change of the time zone or of PAGE_NUMBERS, also if the change is interrupted."""

from __future__ import annotations

from threading import Thread

import pytest
from support.application.page_numbers import when_counted
from support.application.site import Site, Time

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.site.page_numbers import page_numbers, page_queries
from koyjabo.site.page_numbers.page_numbers import PageNumbers
from koyjabo.site.page_numbers.page_totals import PageTotals
from koyjabo.upkeep.stored_settings.stored_settings import StoredSettings

WEST = "America/New_York"


def counts(site: Site) -> tuple[tuple[int, int], int]:
    """The views of `/a`, since the beginning and today, and their revision. Waits until the sums are ready."""
    response = when_counted(site, "/api/pages", "/a")
    (page,) = response.json["pages"]
    return (page["views"], page["today"]), response.json["revision"]


@pytest.fixture
def site(database):
    """At 2 a.m. in Dhaka, it is still the day before in New York."""
    with Site(database.url, Time.at("2025-12-15T12:00:00+06:00"), TIMEZONE="", PAGE_NUMBERS="") as site:
        change(site, PAGE_NUMBERS="/a")
        for visitor in ("a", "b", "c"):
            site.register(visitor, page="/a")
        site.time.pass_(hours=14)
        site.register("d", page="/a")
        site.services[PageTotals].begin_again()
        assert counts(site)[0] == (4, 1)
        yield site


def change(site: Site, **settings: str) -> None:
    site.services[StoredSettings].change(OPERATOR, **settings)


def test_sums_from_before_a_change_of_the_time_zone_are_not_used(site, monkeypatch):
    totals = site.services[PageTotals]
    read = totals.read

    def read_and_move():
        monkeypatch.undo()
        views = read()
        change(site, TIMEZONE=WEST)
        return views

    monkeypatch.setattr(totals, "read", read_and_move)
    totals.begin_again()
    assert counts(site)[0] == (4, 3)


def test_a_change_of_the_time_zone_is_completed_after_a_failure(site, monkeypatch):
    def fail(session):
        monkeypatch.undo()
        raise LedgerUnavailable

    monkeypatch.setattr(page_queries, "discard", fail)
    change(site, TIMEZONE=WEST)
    site.services[StoredSettings].refresh()
    assert counts(site)[0] == (4, 3)


@pytest.mark.both_kinds
def test_the_revision_increases_when_a_time_zone_makes_today_an_earlier_day(site):
    before = counts(site)[1]
    change(site, TIMEZONE=WEST)
    assert counts(site)[1] > before


def test_a_server_that_starts_in_another_time_zone_counts_its_sums_again(site):
    site.settings["TIMEZONE"] = WEST
    site.restart()
    change(site, PAGE_NUMBERS="/a")
    site.services[PageTotals].tick()
    assert counts(site)[0] == (4, 3)


def test_rows_moved_by_another_thread_during_a_reading_count_once(site, monkeypatch):
    """Other servers run requests on threads."""
    monkeypatch.setattr(page_numbers, "MOVE_AT", 1)
    numbers, today = site.services[PageNumbers], Clock.today
    site.register("e", page="/a")

    def move_rows():
        numbers.tick(), numbers.take_changed()

    thread = Thread(target=move_rows)

    def move_rows_first(clock):
        monkeypatch.setattr(Clock, "today", today)
        thread.start()
        thread.join(0.5)  # it waits for the reading
        return today(clock)

    monkeypatch.setattr(Clock, "today", move_rows_first)
    assert numbers.read({"/a"}).pages["/a"] == (5, 2)
    thread.join()
