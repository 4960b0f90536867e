"""Weekdays and hours of visits, which reports derive from the day and the hour that a visit counts for."""

import csv
import io
import re
from collections import Counter

from support.application.site import Site, Time
from support.people.admins import panel
from support.people.page_readers import words
from support.sites.full_site import quiet, use_small_blocks

from koyjabo.columns.dimensions.dimensions import HOURS
from koyjabo.columns.query.report_query import Filter, ReportQuery
from koyjabo.reports.visits import export_file
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList

MOMENTS = {  # Sunday 02:30 in Berlin, 02:30 again after clocks were put back, and the hour from 2 to 3 that they skip
    **{"2025-10-26T00:30:00Z": "7 2", "2025-10-26T01:30:00Z": "7 2", "2025-10-26T02:10:00Z": "7 3"},
    **{"2025-10-26T23:10:00Z": "1 0", "2026-03-29T00:59:00Z": "7 1", "2026-03-29T01:00:00Z": "7 3"},
    **{"2026-03-29T22:30:00Z": "1 0", "2026-03-30T19:59:00Z": "1 21"},
}
"""Weekday and hour by moment."""

ALL = ReportQuery("2025-01-01", "2026-12-31")
LISTED = re.compile(r'data-key="value \w+ (\d+)"')


def check(site: Site) -> None:
    """Reports, filters and the export agree with MOMENTS."""
    file = io.BytesIO()
    export_file.stream(site.services[VisitList], file, VisitFilter(), quiet)
    exported = list(csv.DictReader(io.StringIO(file.getvalue().decode())))
    assert [f"{visit['weekday']} {visit['hour']}" for visit in exported] == [*MOMENTS.values()]
    for place, dimension in enumerate(("weekday", "hour")):
        expected = Counter(times.split()[place] for times in MOMENTS.values())
        rows = site.reports.breakdown(ALL, dimension, 100).rows
        assert [(row.value, row.sums.visits) for row in rows] == [
            (value, expected[value]) for value in sorted(expected, key=int)
        ]
        for value, visits in expected.items():
            chosen = ALL.within({dimension: Filter(frozenset([value]))})
            assert site.reports.summary(chosen).figures.visits == visits


def test_weekdays_and_hours_are_the_same_everywhere_also_when_clocks_change(sqlite_database, monkeypatch):
    use_small_blocks(monkeypatch)
    time = Time.at("2025-10-01T00:00:00Z")
    with Site(sqlite_database.url, time, TIMEZONE="Europe/Berlin") as site:
        for number, moment in enumerate(MOMENTS):
            time.go_to(moment)
            site.register(f"v{number % 3}", visitId=str(number))
        for change in (site.store_blocks, lambda: site.forget("v1"), lambda: site.reduce(30)):
            check(site)
            change()
        check(site)
    with Site(sqlite_database.url, time, TIMEZONE="Europe/Berlin") as site:
        check(site)


def test_lists_have_every_weekday_and_hour_in_their_own_order(site):
    site.time.go_to("2025-12-01T00:00:00+06:00")  # a Monday
    for number in range(7 * 24):
        for visit in range(1 + number % 2):
            site.register("ayesha", visitId=f"{number}-{visit}")
        site.time.pass_(hours=1)
    admin = panel(site)
    days, hours = (admin.get(f"/admin/?range=all&by={name}") for name in ("weekday", "hour"))
    assert (LISTED.findall(days), LISTED.findall(hours)) == ([*"1234567"], [*HOURS])
    assert "Monday 36 1 1 14.3% Tuesday 36 1 0 14.3%" in words(days)
    assert "00:00 7 1 1 2.8% 01:00 14 1 0 5.6%" in words(hours)
    admin.headers |= {"Accept-Language": "bn"}
    assert "সোমবার ৩৬" in words(admin.get("/admin/?range=all&by=weekday"))
    assert "২ সোমবার ২৩:০০" in words(admin.get("/admin/?range=all&part=when"))
