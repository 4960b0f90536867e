"""GET /api/reports/… and /api/communities/{id}/reports/…: permissions, responses and refusals."""

import pytest
from support.application.site import Site, Time, assert_error, site_fixture
from support.assertions.csv_files import rows_of
from support.assertions.openapi import assert_described
from support.people.accounts import Person, new_admin
from support.people.communities import PATH

from koyjabo.columns.columns import Columns
from koyjabo.columns.dimensions.dimensions import FILTER_NAMES
from koyjabo.columns.sums import running_sums as live

REPORTS = {"summary": "", "timeline": "", "breakdown": "?by=page"}
DAYS_BEFORE = {
    "today": ("2025-10-09", "2025-10-09"),
    "28d": ("2025-08-16", "2025-09-12"),
    "month": ("2025-09-21", "2025-09-30"),
}
UNUSABLE = {
    "range=8d": "range",
    "range=7d&start=2025-10-01": "range",
    "range=7d&range=7d": "range",
    "start=2025-02-30": "start",
    "start=2025-10-09&end=2025-10-08": "start",
    "end=1969-12-31": "end",
    "compare=weekday": "compare",
    "sources=google.com": "sources",
    "event:Search:x=1": "event:Search:x",
    "format=xml": "format",
    "limit=10": "limit",
}


site = site_fixture("2025-10-08T10:30:00+06:00", is_shared=True)


@pytest.fixture(scope="module")
def community(site, cast):
    """A community with visits on Wednesday and, two days later, today."""
    community = cast.community(open=True)
    site.register("ayesha", page="/fares", referrer="https://www.google.com/search")
    site.register("babul", page="/", communityId=community)
    site.store_blocks()
    site.time.pass_(days=2)
    site.register("ayesha", page="/", communityId=community)
    site.register("ayesha", page="/=cmd", communityId=community)
    return community


@pytest.fixture
def ask(site, cast, community):
    """Make a call, by default as a site admin. Asserts that the response is as documented."""

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
        **{"attended": 0, "attended_s": 0, "median_s": 0},
        "compared": {
            **{"start": "2025-10-09", "end": "2025-10-09", "visits": 0, "visitors": 0, "new_visitors": 0},
            **{"returning_visitors": 0, "page_views": 0, "events": 0, "peak_active": None},
            **{"attended": 0, "attended_s": 0, "median_s": None},
            "until": "2025-10-09T10:30:00+06:00",
        },
        "exact": True,
    }
    for name, days in DAYS_BEFORE.items():
        range_ = ask(f"/api/reports/summary?range={name}&compare=previous").json["compared"]
        assert (range_["start"], range_["end"], range_["until"]) == (*days, f"{days[1]}T10:30:00+06:00"), name
    year = ask("/api/reports/summary?start=2025-10-08&end=2025-10-09&compare=year").json["compared"]
    assert (year["start"], year["end"], year["until"]) == ("2024-10-08", "2024-10-09", None)


def test_a_timeline_has_every_period(ask):
    days = ask("/api/reports/timeline?start=2025-10-07").json
    assert [(day["period"], day["visits"], day["so_far"]) for day in days] == [
        *[("2025-10-07", 0, False), ("2025-10-08", 2, False), ("2025-10-09", 0, False), ("2025-10-10", 2, True)]
    ]
    hours = ask("/api/reports/timeline?range=today&granularity=hour").json
    assert (len(hours), hours[-1]["period"], hours[-1]["visits"]) == (11, "2025-10-10T10:00:00+06:00", 2)
    assert [period["period"] for period in ask("/api/reports/timeline?granularity=month").json] == [
        *["2025-09-01", "2025-10-01"]
    ]


def test_a_breakdown_has_the_largest_values_and_the_rest_as_other(ask):
    answer, nobody = ask("/api/reports/breakdown?by=page&limit=1").json, {"attended": 0, "attended_s": 0}
    assert answer == {
        "rows": [{"value": "/", "label": "/", "visits": 2, "visitors": 2, "new_visitors": 1, **nobody, "share": 0.5}],
        "other": {"visits": 2, "visitors": 1, "new_visitors": 1, **nobody, "values": 2},
        "total": {"visits": 4, "visitors": 2, "new_visitors": 2, **nobody, "values": 3},
        "exact": True,
    }
    second = ask("/api/reports/breakdown?by=page&limit=1&offset=1").json
    assert ([row["value"] for row in second["rows"]], second["other"]["values"]) == (["/=cmd"], 2)
    filtered = ask("/api/reports/breakdown?by=page&limit=1&device=!bot").json
    assert (filtered["rows"], filtered["other"]) == (answer["rows"], answer["other"])
    assert ask("/api/reports/breakdown?by=page&offset=9").json["total"]["values"] == 3


def test_every_report_can_be_a_csv_file_without_formulas(cast, community):
    for name, query in REPORTS.items():
        answer = cast["site_admin"].get(f"/api/reports/{name}{query}", headers={"Accept": "text/csv"})
        assert answer.mimetype == "text/csv"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}-2025-09-13-2025-10-10.csv"'
        rows = rows_of(answer.text)
        assert sum(int(row["visits"]) for row in rows) == 4
        assert name == "timeline" or {row["exact"] for row in rows} == {"true"}
    assert [row["value"] for row in rows] == ["/", "/'=cmd", "/fares"]


def test_the_csv_file_of_a_breakdown_has_every_row_and_adds_up(sqlite_database):
    with Site(sqlite_database.url) as site:
        boss = new_admin(site)
        for number in range(12):
            site.register(f"visitor{number}", page=f"/posts/{number:02}")

        def visits(query: str) -> dict[str, int]:
            answer = boss.get(f"/api/reports/breakdown?by=page&format=csv{query}")
            return {row["label"]: int(row["visits"]) for row in rows_of(answer.text)}

        assert visits("") == {f"/posts/{number:02}": 1 for number in range(12)}
        assert visits("&limit=2&offset=1") == {"/posts/01": 1, "/posts/02": 1, "other": 10}


def test_a_breakdown_by_hour_has_every_hour_without_a_limit(sqlite_database):
    with Site(sqlite_database.url, Time.at("2025-10-10T00:30:00+06:00")) as site:
        for number in range(24):
            site.register(f"visitor{number}")
            site.time.pass_(hours=1)
        rows = new_admin(site).get("/api/reports/breakdown?by=hour").json["rows"]
        assert [row["value"] for row in rows] == [str(hour) for hour in range(24)]


def tags(boss: Person, prefix: str) -> set[str]:
    return {boss.get(f"{prefix}/reports/{name}{query}").headers["ETag"] for name, query in REPORTS.items()}


def test_every_etag_changes_with_a_visit_in_its_scope_and_when_an_hour_begins(sqlite_database):
    with Site(sqlite_database.url, Time.at("2025-10-10T10:30:00+06:00")) as site:
        site.register("ayesha", page="/")
        boss = new_admin(site)
        of = ("/api", f"{PATH}/{boss.post(PATH, json={'name': 'Mirpur 10', 'open': True}).json['id']}")
        first, again = ([tags(boss, path) for path in of] for _ in range(2))
        assert again == first
        site.register("babul", page="/fares")
        site.time.pass_(minutes=29)
        second = [tags(boss, path) for path in of]
        assert (second[0] & first[0], second[1]) == (set(), first[1])
        site.time.pass_(minutes=1)
        third = [tags(boss, path) for path in of]
        assert [new & old for new, old in zip(third, second, strict=True)] == [set(), set()]


def test_the_etag_of_a_response_with_names_changes_with_the_names_and_the_language(site, cast, community, ask):
    path = "/api/reports/breakdown?by=community"
    tag = ask(path).headers["ETag"]
    assert ask(path, headers={"If-None-Match": tag}).status_code == 304
    bangla = ask(path, headers={"If-None-Match": tag, "Accept-Language": "bn"})
    assert [row["label"] for row in bangla.json["rows"]] == ["Mirpur 10", "কমিউনিটি নেই"]
    assert cast["admin"].patch(f"{PATH}/{community}", json={"name": "Mirpur 11"}).status_code == 200
    renamed = ask(path, headers={"If-None-Match": tag})
    assert [row["label"] for row in renamed.json["rows"]] == ["Mirpur 11", "No community"]
    assert cast["admin"].patch(f"{PATH}/{community}", json={"name": "Mirpur 10"}).status_code == 200


def test_the_etag_of_a_comparison_with_the_current_day_changes_every_minute(site, ask):
    queries = ("range=today&compare=previous", "range=yesterday&compare=previous", "range=today")
    tags = {f"/api/reports/summary?{query}": "" for query in queries}
    for path in tags:
        tags[path] = ask(path).headers["ETag"]
    site.time.pass_(minutes=1)
    again = [ask(path, headers={"If-None-Match": tag}).status_code for path, tag in tags.items()]
    site.time.pass_(minutes=-1)
    assert again == [200, 304, 304]


def test_an_invalid_parameter_is_refused_by_its_name(ask):
    for query, field in UNUSABLE.items():
        assert_error(ask(f"/api/reports/summary?{query}"), 400, "invalid_input", field)
    bad = {"": "by", "by=x": "by", "by=attended": "by", "by=page&offset=-1": "offset"}
    bad |= {f"by=page&limit={limit}": "limit" for limit in (0, 1001)}
    for query, field in bad.items():
        assert_error(ask(f"/api/reports/breakdown?{query}"), 400, "invalid_input", field)
    refused = ask("/api/reports/timeline?granularity=hour&start=2025-06-01")  # too many periods
    assert_error(refused, 400, "invalid_input", "granularity")
    for query in ("hour&start=2025-08-01", "month&start=1970-01-01"):
        assert ask(f"/api/reports/timeline?granularity={query}").status_code == 200


def test_every_dimension_is_a_filter_also_with_an_exclamation_mark(ask):
    for name in FILTER_NAMES:
        nothing = ask(f"/api/reports/summary?{name}=x!")
        assert (nothing.json["visits"], nothing.json["peak_active"]) == (0, None), name
        assert ask(f"/api/reports/summary?{name}=!x!").json["visits"] == 4, name
    assert ask("/api/reports/summary?page=/&page=/fares").json["visits"] == 3
    assert ask("/api/reports/summary?source=!google.com").json["visits"] == 3


def test_a_report_that_takes_too_long_ends_with_503(site, ask, monkeypatch):
    site.services[Columns]._sums.forget()
    monkeypatch.setattr(live, "REPORT_LIMIT_S", -1)
    assert_error(ask("/api/reports/summary?page=/"), 503, "ledger_unavailable")
