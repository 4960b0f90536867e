"""GET /api/reports/… and /api/communities/{id}/reports/…: who may ask, what is answered, and what is refused."""

from __future__ import annotations

import csv
import io

import pytest
from support.app_fixtures import Site, Time, assert_error
from support.community_calls import PATH
from support.described import assert_described

from koyjabo.insights.dimensions import DIMENSIONS
from koyjabo.insights.rows import group_queries, tail_queries

REPORTS = {"summary": "", "timeline": "", "breakdown": "?by=page", "hours": ""}


@pytest.fixture(scope="module")
def site(module_database):
    time = Time()
    time.go_to("2025-10-08T10:30:00+06:00")
    with Site(module_database.url, time) as site:
        yield site


@pytest.fixture(scope="module")
def community(site, cast):
    """With visits of Wednesday and, a day later, of today."""
    community = cast.community(open=True)
    site.register("ayesha", page="/fares", referrer="https://www.google.com/search")
    site.register("babul", page="/", communityId=community)
    site.time.pass_(days=2)
    site.register("ayesha", page="/", communityId=community)
    site.register("ayesha", page="/=cmd", communityId=community)
    return community


@pytest.fixture
def ask(site, cast, community):
    """The answer to an admin of the site, which is as described."""

    def ask(path: str, who: str = "site_admin", **request):
        answer = cast[who].get(path.replace("{id}", community), **request)
        assert_described(site, answer)
        return answer

    return ask


def test_a_summary_is_compared_with_the_same_time_before(ask):
    answer = ask("/api/reports/summary?range=today&compare=previous")
    assert answer.json == {
        **{"start": "2025-10-10", "end": "2025-10-10", "visits": 2, "visitors": 1, "new_visitors": 0},
        **{"returning_visitors": 1, "page_views": 2, "events": 0, "peak_active": answer.json["peak_active"]},
        "compared": {
            **{"start": "2025-10-09", "end": "2025-10-09", "visits": 0, "visitors": 0, "new_visitors": 0},
            **{"returning_visitors": 0, "page_views": 0, "events": 0, "peak_active": None},
            "until": "2025-10-09T10:30:00+06:00",
        },
        "exact": True,
    }
    year = ask("/api/reports/summary?start=2025-10-08&end=2025-10-09&compare=year").json["compared"]
    assert (year["start"], year["end"], year["until"]) == ("2024-10-08", "2024-10-09", None)


def test_a_timeline_has_every_period(ask):
    days = ask("/api/reports/timeline?start=2025-10-07").json
    assert [(day["period"], day["visits"], day["so_far"]) for day in days] == [
        *[("2025-10-07", 0, False), ("2025-10-08", 2, False), ("2025-10-09", 0, False), ("2025-10-10", 2, True)]
    ]
    hours = ask("/api/reports/timeline?range=today&granularity=hour").json
    assert (len(hours), hours[-1]["period"], hours[-1]["visits"]) == (11, "2025-10-10T10:00:00+06:00", 2)
    assert [each["period"] for each in ask("/api/reports/timeline?granularity=month").json] == [
        *["2025-09-01", "2025-10-01"]
    ]


def test_a_breakdown_has_the_largest_values_and_the_rest(ask):
    answer = ask("/api/reports/breakdown?by=page&limit=1").json
    assert answer == {
        "rows": [{"value": "/", "label": "/", "visits": 2, "visitors": 2, "new_visitors": 1, "share": 0.5}],
        "other": {"visits": 2, "visitors": 1, "new_visitors": 1},
        "total": {"visits": 4, "visitors": 2, "new_visitors": 2, "values": 3},
        "exact": True,
    }
    second = ask("/api/reports/breakdown?by=page&limit=1&offset=1").json
    assert [row["value"] for row in second["rows"]] == ["/=cmd"]
    assert ask("/api/reports/breakdown?by=page&offset=9").json["total"]["values"] == 3


def test_labels_are_in_the_language_of_the_reader(ask):
    def labels(by: str) -> list[str]:
        answer = ask(f"/api/reports/breakdown?by={by}", headers={"Accept-Language": "bn"})
        return [row["label"] for row in answer.json["rows"]]

    assert labels("country") == ["অজানা"]
    assert labels("community") == ["Mirpur 10", "নেই"]


def test_hours_begin_on_monday(ask):
    rows = ask("/api/reports/hours").json["rows"]
    assert [[sum(row), row[10]] for row in rows] == [[0, 0], [0, 0], [2, 2], [0, 0], [2, 2], [0, 0], [0, 0]]


def test_a_community_has_its_own_figures(ask):
    summary = ask(f"{PATH}/{{id}}/reports/summary", "moderator").json
    assert (summary["visits"], summary["visitors"], summary["new_visitors"]) == (3, 2, 2)
    assert_error(ask(f"{PATH}/{{id}}/reports/summary?community=x", "moderator"), 400, "invalid_input", "community")


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_is_a_file_for_spreadsheets(cast, community, name):
    answer = cast["site_admin"].get(f"/api/reports/{name}{REPORTS[name]}", headers={"Accept": "text/csv"})
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}-2025-09-11-2025-10-10.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    if name == "breakdown":
        assert [(row["value"], row["visits"]) for row in rows] == [("/", "2"), ("/'=cmd", "1"), ("/fares", "1")]
        assert {row["at_least"] for row in rows} == {"false"}
    else:
        assert sum(int(row["visits"]) for row in rows) == 4
    assert name == "timeline" or {row["exact"] for row in rows} == {"true"}


@pytest.mark.parametrize("name", REPORTS)
def test_an_answer_is_sent_once_until_something_changes(site, ask, name):
    path = f"/api/reports/{name}{REPORTS[name]}"
    tag = ask(path).headers["ETag"]
    assert ask(path, headers={"If-None-Match": tag}).status_code == 304
    other = ask(f"{path}{'&' if REPORTS[name] else '?'}range=7d", headers={"If-None-Match": tag})
    assert other.status_code == 200
    assert ask(path, headers={"If-None-Match": tag, "Accept-Language": "bn"}).status_code == 200


def test_an_answer_with_names_changes_with_them(site, cast, community, ask):
    path = "/api/reports/breakdown?by=community"
    tag = ask(path).headers["ETag"]
    assert ask(path, headers={"If-None-Match": tag}).status_code == 304
    assert cast["admin"].patch(f"{PATH}/{community}", json={"name": "Mirpur 11"}).status_code == 200
    renamed = ask(path, headers={"If-None-Match": tag})
    assert [row["label"] for row in renamed.json["rows"]] == ["Mirpur 11", "None"]
    assert cast["admin"].patch(f"{PATH}/{community}", json={"name": "Mirpur 10"}).status_code == 200


def test_a_comparison_with_a_running_day_moves_with_the_clock(site, ask):
    queries = ("range=today&compare=previous", "range=yesterday&compare=previous", "range=today")
    tags = {f"/api/reports/summary?{each}": "" for each in queries}
    for path in tags:
        tags[path] = ask(path).headers["ETag"]
    site.time.pass_(minutes=1)
    again = [ask(path, headers={"If-None-Match": tag}).status_code for path, tag in tags.items()]
    site.time.pass_(minutes=-1)
    assert again == [200, 304, 304]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("range=8d", "range"),
        ("range=7d&start=2025-10-01", "range"),
        ("range=7d&range=7d", "range"),
        ("start=2025-02-30", "start"),
        ("start=2025-10-09&end=2025-10-08", "start"),
        ("end=1969-12-31", "end"),
        ("compare=week", "compare"),
        ("sources=google.com", "sources"),
        ("event:Search:x=1", "event:Search:x"),
        ("format=xml", "format"),
        ("limit=10", "limit"),
    ],
)
def test_unusable_parameters_are_named(ask, query, field):
    assert_error(ask(f"/api/reports/summary?{query}"), 400, "invalid_input", field)


@pytest.mark.parametrize("query", ["", "by=x", "by=page&limit=0", "by=page&limit=1001", "by=page&offset=-1"])
def test_a_breakdown_needs_a_dimension_and_a_limit(ask, query):
    answer = ask(f"/api/reports/breakdown?{query}")
    assert_error(answer, 400, "invalid_input", *answer.json["details"])
    assert len(answer.json["details"]) == 1


def test_a_timeline_has_a_limited_number_of_periods(ask):
    refused = ask("/api/reports/timeline?granularity=hour&start=2025-06-01")
    assert_error(refused, 400, "invalid_input", "granularity")
    assert refused.json["details"]["granularity"].startswith("must be day or longer for so many days")
    refused = ask("/api/reports/timeline?granularity=hour&start=1990-01-01")
    assert refused.json["details"]["granularity"].startswith("must be week or longer for so many days")
    assert ask("/api/reports/timeline?granularity=hour&start=2025-08-01").status_code == 200
    assert ask("/api/reports/timeline?granularity=month&start=1970-01-01").status_code == 200


def test_every_dimension_filters(ask):
    for name in DIMENSIONS:
        nothing = ask(f"/api/reports/summary?{name}=x!")
        assert (nothing.json["visits"], nothing.json["peak_active"]) == (0, None), name
        assert ask(f"/api/reports/summary?{name}=!x!").json["visits"] == 4, name


def test_reports_wait_until_the_visits_of_before_are_counted(ask, monkeypatch):
    monkeypatch.setattr(tail_queries, "MOST_ROWS", 3)
    answer = ask("/api/reports/summary?page=/")
    assert_error(answer, 503, "still_counting")
    assert answer.headers["Retry-After"] == "10"


def test_a_report_that_takes_too_long_ends(ask, monkeypatch):
    monkeypatch.setattr(group_queries, "REPORT_LIMIT_S", -1)
    assert_error(ask("/api/reports/summary?page=/"), 503, "ledger_unavailable")
