"""No parameter makes an error of the server or a report without bounds: on any route, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from datetime import date
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.app_fixtures import Site, Time
from support.community_calls import Cast
from support.fuzz_effort import effort
from support.share_calls import of_community, share

from koyjabo.database.executor import DatabaseExecutor
from koyjabo.insights.dimensions import DIMENSIONS
from koyjabo.insights.ranges import RANGES

pytestmark = pytest.mark.long(proved_by="insights/test_parameters.py::test_whatever_is_typed_is_bounded_or_refused")

TODAY = "2025-10-10"
ROUTES = ("/api", "/api/communities/{community}", "/api/shares/{of_pages}", "/api/shares/{of_community}")
MOST_ROWS = {"summary": 2, "timeline": 2_400, "breakdown": 1_000, "hours": 7 * 24}
MOST_READS = 12
"""Of the database, for one answer: each of them ends after a time."""

names = st.sampled_from(
    [
        *("range", "start", "end", "compare", "granularity", "by", "limit", "offset", "format"),
        *(*DIMENSIONS, "event:search:from", "event:search:", "token", ""),
    ]
)
values = st.one_of(
    st.sampled_from([*RANGES, "previous", "year", "hour", "day", "week", "month", "csv", *DIMENSIONS]),
    st.sampled_from(["event:search:from", "1", "1000", "1001", "0", "-1", "999999", "1e9", "٣", "২", "9" * 30]),
    st.sampled_from(["", "!", "!!", "\\!", "/", "!/", "search", "new", "phone", "x" * 600, "\0", "\ud800", "NULL"]),
    st.sampled_from(["0001-01-01", "1970-01-01", "1990-05-05", "2025-10-08", "২০২৫-১০-০৯", "9999-12-31"]),
    st.text(max_size=20),
)
likely = st.sampled_from([[("by", "page")], [("by", "viewed_page")], [("by", "event:search:from")], []])


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    """Of three days, the first of them folded, with events."""
    time = Time()
    time.go_to("2025-10-08T10:30:00+06:00")
    with Site(module_sqlite_database.url, time, RETENTION_DAYS=1) as site:
        yield site


@pytest.fixture(scope="module")
def cast(site):
    return Cast(site)


@pytest.fixture(scope="module")
def prefixes(site, cast) -> list[str]:
    """Of the paths of reports."""
    community, boss = cast.community(open=True), cast["site_admin"]
    for day in range(3):
        for number, page in enumerate(("/", "/fares", None)):
            fields = {"page": page} if page else {"communityId": community}
            site.register(f"v{number + day}", **fields)
        event = {"id": str(day), "name": "search", "props": {"from": f"stop {day}"}}
        assert site.post("/api/events", json={"visitorId": f"v{day}", "events": [event]}).status_code == 200
        site.time.pass_(days=day < 2)
    retention = site.services.maintenance.retention
    assert retention.prune(retention.past()).visits
    links = {
        "of_pages": share(boss, filters={"page": ["/", "/fares"]})["token"],
        "of_community": share(boss, **of_community(community))["token"],
    }
    return [each.format(community=community, **links) for each in ROUTES]


@pytest.fixture(scope="module")
def reads():
    """Every operation on the database that was begun."""
    begun: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for call in ("read", "report", "scan"):
            original = getattr(DatabaseExecutor, call)

            def counted(*args, _original=original, _call=call, **options):
                begun.append(_call)
                return _original(*args, **options)

            patch.setattr(DatabaseExecutor, call, counted)
        yield begun


@effort(160)
@given(
    route=st.integers(0, len(ROUTES) - 1),
    report=st.sampled_from(sorted(MOST_ROWS)),
    pairs=st.lists(st.tuples(names, values), max_size=5),
    more=likely,
)
def test_every_report_is_bounded_or_refused(prefixes, cast, reads, route, report, pairs, more):
    reads.clear()
    asked = [*more, *pairs]
    query = urlencode(asked, errors="surrogatepass")
    answer = cast["site_admin"].get(f"{prefixes[route]}/reports/{report}?{query}")
    if answer.status_code == 400:
        assert answer.json["code"] == "invalid_input"
        assert set(answer.json["details"]) <= {name for name, _ in asked} | {"by", "granularity"}
        assert all(isinstance(reason, str) and reason for reason in answer.json["details"].values())
        return
    assert answer.status_code == 200, answer.text
    assert len(reads) <= MOST_READS
    assert len(rows_of(report, answer)) <= limit_of(report, asked)
    if report == "summary" and answer.is_json:
        assert date(1970, 1, 1) <= date.fromisoformat(answer.json["start"])
        assert answer.json["start"] <= answer.json["end"] <= TODAY


def rows_of(report: str, answer) -> list:
    if answer.mimetype == "text/csv":
        return list(csv.DictReader(io.StringIO(answer.text)))
    found = answer.json
    if report == "hours":
        return [number for day in found["rows"] for number in day]
    return found["rows"] if report == "breakdown" else found if report == "timeline" else [found]


def limit_of(report: str, asked: list[tuple[str, str]]) -> int:
    given = {"limit": "10", **dict(asked)}["limit"]
    return min(int(given), MOST_ROWS[report]) if report == "breakdown" else MOST_ROWS[report]
