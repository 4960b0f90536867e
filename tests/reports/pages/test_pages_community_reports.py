"""A community's reports: who was there by hour and day, and growth."""

from __future__ import annotations

import re

import pytest
from support.people.accounts import sign_up
from support.people.page_readers import words


def rows(page: str, chart: str) -> list[list[str]]:
    """A chart's table."""
    figure = page.split(f'id="{chart}"')[1].split("</figure>")[0]
    return [
        [words(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in re.findall(r"(?s)<tr>.*?</tr>", figure)
    ]


@pytest.mark.usefixtures("two_days")
def test_numbers_are_those_of_the_reports(reader, community):
    page = words(reader.get(f"/communities/{community}/reports"))
    for shown in ("Conversion rate 25%", "Last 7 days 4 Previous 7 days 0 Difference +4 (new) Last 30 days 4"):
        assert shown in page


def test_charts_are_tables_the_newest_first_from_the_first_visitor_on(new_site, time, reader, community):
    new_site.register("a", communityId=community)
    time.go_to("2025-12-16T10:30:00+06:00")
    new_site.register("b", communityId=community)
    sign_up(new_site, "karim", visitorId="b")
    page = reader.get(f"/communities/{community}/reports")
    head, *by_hour = rows(page, "by-hour")
    assert head == ["Hour", "With an account", "Without an account", "Together"]
    assert by_hour[0] == ["16 Dec, 10:00 not over yet", "1", "0", "1"]  # and no future hours
    assert by_hour[-1] == ["15 Dec, 09:00", "0", "1", "1"]  # and no hours before the first visit
    assert len(by_hour) == 15 + 11
    _, *by_day = rows(page, "by-day")
    assert [row[0] for row in by_day] == ["16 Dec not over yet", *(f"{day} Dec" for day in range(15, 10, -1))]
    assert [row[1:] for row in by_day[:3]] == [["1", "0", "1"], ["0", "1", "1"], ["0", "0", "0"]]


def test_growth_is_a_percentage_only_of_what_was_counted_in_full(new_site, time, reader, community):
    """The community was founded on 15 December, so the seven days before the 22nd are the first full week."""
    path = f"/communities/{community}/reports"
    for visitor in ("a", "b"):
        new_site.register(visitor, communityId=community)
    time.go_to("2025-12-27T10:30:00+06:00")
    new_site.register("c", communityId=community)
    assert "Previous 7 days 2 Difference -1 Last 30 days" in words(reader.get(path))
    time.go_to("2025-12-28T10:30:00+06:00")
    assert "Previous 7 days 2 Difference -1 (-50%)" in words(reader.get(path))


def test_addresses_of_reports_that_were_on_the_dashboard_lead_to_them(reader, community):
    query = "range=7d&source=google.com&source=%21direct"
    reader.get(f"/communities/{community}/dashboard?{query}", 301)
    assert reader.location == f"/communities/{community}/reports?{query}"
    reader.get(reader.location)
