"""Today's hours compared with a usual day, at midnight and when clocks change, and the pulse of the last hour."""

import re

import pytest
from support.application.site import Site, site_fixture
from support.people.communities import Cast
from support.people.page_readers import Reader, words

from koyjabo.base.models import Scope
from koyjabo.counting.days_by_hour import DayByHour, DaysByHour
from koyjabo.counting.pulse import Pulse
from koyjabo.counting.visits import Visits

site = site_fixture("2025-12-16T10:00:30+06:00")


def day_of(site: Site) -> DayByHour:
    return site.services[DaysByHour].at(site.services[Pulse].now())


def come(site: Site, *moments: str) -> None:
    for moment in moments:
        site.time.go_to(moment)
        site.register()


def of_hours(**visits: int) -> list[int]:
    return [visits.get(f"h{hour}", 0) for hour in range(24)]


@pytest.mark.both_kinds
def test_a_usual_day_is_the_mean_of_the_same_weekdays_that_had_visits(site):
    come(site, *["2025-11-11T09:00:00+06:00"] * 5, "2025-11-25T09:10:00+06:00")
    assert day_of(site).usual == (), "one day is not usual"
    come(site, *["2025-12-02T09:59:59+06:00"] * 3, "2025-12-02T23:00:00+06:00")
    come(site, *["2025-12-15T12:00:00+06:00"] * 2, "2025-12-16T00:30:00+06:00", "2025-12-16T09:30:00+06:00")
    assert day_of(site) == DayByHour(9, of_hours(h0=1, h9=1), of_hours(h9=2, h23=0), yesterday=2)


def test_a_community_has_separate_sums_by_hour(site):
    community = Cast(site).community()
    for moment in ("2025-12-02T09:00:00+06:00", "2025-12-09T09:00:00+06:00", "2025-12-16T09:00:00+06:00"):
        site.time.go_to(moment)
        site.register(communityId=community)
        site.register()
    day = site.services[DaysByHour].of(Scope(community), visits=2)
    assert (day.today, day.usual) == (of_hours(h9=2), of_hours(h9=1)), "one visit is not in the sums yet"


def test_today_becomes_yesterday_at_midnight(site):
    come(site, *["2025-12-16T23:59:58+06:00"] * 3)
    assert (day_of(site).today, day_of(site).yesterday) == (of_hours(h23=3), 0)
    site.time.go_to("2025-12-17T00:00:00+06:00")
    assert (day_of(site).hour, day_of(site).today, day_of(site).yesterday) == (0, [0] * 24, 3)
    site.register()
    assert day_of(site).today == of_hours(h0=1)


def test_a_page_rendered_at_midnight_has_the_stats_of_one_day(site, monkeypatch):
    come(site, "2025-12-16T23:59:58+06:00")
    visits = site.services[Visits]

    def late():
        stats = visits.newest()
        site.time.go_to("2025-12-17T00:00:00+06:00")
        return stats

    monkeypatch.setattr(visits, "stats", late)
    page = words(Reader(site).get("/"))
    assert "Today 0" in page
    assert "Yesterday 1" in page


def test_the_page_draws_the_hours_and_names_the_busiest_one(site):
    come(site, *["2025-12-09T08:00:00+06:00"] * 2, "2025-12-02T08:00:00+06:00")
    come(site, *["2025-12-16T08:00:00+06:00"] * 8, "2025-12-16T18:00:00+06:00")
    bars = ("M8.1 100V75.0h.8V100", "M18.1 100V87.5h.8V100")
    for language, texts in (("en", ("Tuesday", "08:00, 8")), ("bn", ("মঙ্গলবার", "০৮:০০, ৮"))):
        page = Reader(site, language).get("/")
        assert [text in page for text in texts] == [True, True]
        drawn = dict(re.findall(r'<path(?: class="(\w+)")? d="(.*?)"/>', page))
        assert (drawn["usual"], drawn["running"]) == bars


def test_the_last_hour_has_60_sums_and_ends_with_the_current_minute(site):
    def pulse() -> dict:
        return site.client.get("/api/pulse").json

    assert pulse() == {"minute": 0, "hour": [0] * 60, "last": None}
    site.register("a"), site.register("b")
    assert (pulse()["hour"], pulse()["minute"]) == ([0] * 59 + [2], 0)
    site.time.pass_(minutes=1)
    site.register("c")
    assert (pulse()["hour"], pulse()["minute"]) == ([0] * 58 + [2, 1], 2)
    site.time.pass_(minutes=58)
    assert pulse()["hour"] == [2, 1] + [0] * 58
    site.time.pass_(minutes=1)
    assert pulse()["hour"] == [1] + [0] * 59
    site.restart()
    assert pulse()["hour"] == [1] + [0] * 59


def test_a_restored_count_has_only_the_visits_that_were_restored(site):
    site.register("a"), site.register("b")
    assert site.client.get("/api/pulse").json["hour"][-1] == 2
    site.rows("UPDATE visits SET at_ms = at_ms - 7200000")  # earlier visits with the same ids
    site.set_total(2, new_epoch=True)
    assert site.client.get("/api/pulse").json["hour"] == [0] * 60


def test_the_pulse_returns_304_until_a_visit_or_the_next_minute(site):
    def status(tag: str) -> int:
        return site.client.get("/api/pulse", headers={"If-None-Match": tag}).status_code

    site.register("a")
    first = site.client.get("/api/pulse")
    assert (first.headers["Cache-Control"], first.headers["Access-Control-Allow-Origin"]) == ("no-cache", "*")
    assert status(first.headers["ETag"]) == 304
    site.register("a")
    second = site.client.get("/api/pulse")
    assert status(first.headers["ETag"]) == 200
    assert status(second.headers["ETag"]) == 304
    site.time.pass_(seconds=30)
    assert status(second.headers["ETag"]) == 200
