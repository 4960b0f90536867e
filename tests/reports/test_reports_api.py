"""GET /api/communities/{id}/visitors…: what members get, and the reasons for refusals."""

from __future__ import annotations

import pytest
from support.application.site import Site, Time, assert_error
from support.assertions.openapi import assert_described
from support.people.accounts import sign_up
from support.people.communities import PATH

from koyjabo.reports.services import PeopleServices

REPORTS = ("", "/today", "/weekly", "/monthly", "/growth", "/trends")
RANGES = {
    "/today": ("2025-10-10", "2025-10-10"),
    "/weekly": ("2025-10-04", "2025-10-10"),
    "/monthly": ("2025-09-11", "2025-10-10"),
    "": ("2025-09-11", "2025-10-10"),
    "?start=2025-10-09": ("2025-10-09", "2025-10-10"),
    "?end=2025-10-09": ("2025-09-10", "2025-10-09"),
    "?start=2025-10-09&end=2025-10-09": ("2025-10-09", "2025-10-09"),
    "?start=2020-10-11&end=2025-10-10&page=7": ("2020-10-11", "2025-10-10"),
    "?start=2024-02-29&end=2029-02-28": ("2024-02-29", "2029-02-28"),
}
UNUSABLE = {
    "?start=yesterday": ("start", "date such as"),
    "?start=": ("start", "date such as"),
    "?end=2025-02-29": ("end", "date such as"),
    "?end=20251010": ("end", "date such as"),
    "?end=2025-10-10T00:00:00Z": ("end", "date such as"),
    "?start=1969-12-31&end=1970-01-01": ("start", "years 1970"),
    "?end=9999-12-31": ("end", "years 1970"),
    "?start=٢٠٢٥-10-10": ("start", "date such as"),
    "?start=2025-10-10&end=2025-10-09": ("start", "2025-10-09"),
    "?start=2025-10-11": ("start", "not be after"),
    "?start=2020-10-10&end=2025-10-10": ("start", "5 years"),
    "?start=2024-02-29&end=2029-03-01": ("start", "5 years"),
    "/trends?start=2020-10-10": ("start", "5 years"),
    "/trends?granularity=weekly&end=x": ("end", "date such as"),
    "/trends?granularity=hourly&start=2025-09-09": ("start", "31 days"),
    "/trends?granularity=monthly": ("granularity", "hourly, daily or weekly"),
    **{f"/growth?days={bad}": ("days", "1 to 1826") for bad in ("0", "1827", "-7", "seven", "²")},
}


@pytest.fixture(scope="module")
def site(module_database):
    time = Time.at("2025-10-10T10:30:00+06:00")
    with Site(module_database.url, time) as site:
        yield site


@pytest.fixture(scope="module")
def report(site, cast):
    """Reports for a member of a community where `babul` came on two days, and `ayesha` before and after signing up."""
    community = cast.community()

    def visit(visitor: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = site.post(json={"visitorId": visitor, "communityId": community}, headers=headers)
        assert answer.status_code == 200, answer.text

    site.time.pass_(days=-1)
    visit("babul")
    visit("ayesha")
    site.time.pass_(days=1)
    visit("babul")
    visit("ayesha")
    ayesha = sign_up(site, "ayesha", visitorId="ayesha")
    visit("her_other_browser", ayesha.access)
    site.services[PeopleServices].reports.convert(ayesha.id, "ayesha")  # in case signing up has not done it

    def tell(path: str):
        answer = cast["member"].get(f"{PATH}/{community}/visitors{path}")
        assert_described(site, answer)
        return answer

    tell.community = community
    return tell


def test_who_came_before_signing_up_is_one_visitor_with_an_account(report):
    for path, (start, end) in RANGES.items():
        answer = report(path)
        assert answer.json == {
            "community_id": report.community,
            "authenticated_visitors": 1,
            "anonymous_visitors": 1,
            "total_unique_visitors": 2,
            "date_range": {"start": start, "end": end},
        }, path
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_growth_compares_with_the_days_before(report):
    expected = {
        "community_id": report.community,
        "current_period_visitors": 2,
        "previous_period_visitors": 2,
        "growth_rate": 0.0,
        "growth_count": 0,
        "comparison_days": 1,
    }
    assert report("/growth?days=1").json == expected
    grown = {"previous_period_visitors": 0, "growth_rate": 100.0, "growth_count": 2}
    assert report("/growth").json == {**expected, **grown, "comparison_days": 7}
    assert report("/growth?days=1826").json == {**expected, **grown, "comparison_days": 1826}


def test_trends_have_a_row_for_each_period(report):
    def row(period: str, authenticated: int, anonymous: int) -> dict:
        total = authenticated + anonymous
        counts = {"authenticated_count": authenticated, "anonymous_count": anonymous, "total_count": total}
        return {"period": period, **counts}

    days = report("/trends").json
    assert (len(days), days[-3:]) == (30, [row("2025-10-08", 0, 0), row("2025-10-09", 1, 1), row("2025-10-10", 1, 1)])
    weeks = report("/trends?granularity=weekly&start=2025-09-29&end=2025-10-10").json
    assert weeks == [row("2025-09-29", 0, 0), row("2025-10-06", 1, 1)]
    hours = report("/trends?granularity=hourly").json
    assert (len(hours), hours[0]) == (24, row("2025-10-10T00:00:00+06:00", 0, 0))
    assert [hour for hour in hours if hour["total_count"]] == [row("2025-10-10T10:00:00+06:00", 1, 1)]
    month = report("/trends?granularity=hourly&start=2025-09-10&end=2025-10-10").json
    assert (len(month), sum(hour["total_count"] for hour in month)) == (31 * 24, 4)


def test_range_that_cannot_be_used_is_400_with_the_reason(report):
    for query, (field, reason) in UNUSABLE.items():
        answer = report(query)
        assert_error(answer, 400, "invalid_input", field)
        assert reason in answer.json["details"][field], query


@pytest.mark.parametrize("report", REPORTS)
def test_community_that_is_none_is_404(cast, report):
    for community in ("00000000-0000-4000-8000-000000000000", "site", "1' OR '1'='1"):
        assert_error(cast.call("admin", "GET", f"{PATH}/{community}/visitors{report}"), 404, "unknown_community")
