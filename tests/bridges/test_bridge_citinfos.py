"""BRIDGES=citinfos: what its React code reads, what its serializers say, and the figures in it (docs/bridges.md)."""

from __future__ import annotations

import csv
import re
from typing import Any

import pytest
from support.application.site import Site, Time, assert_error
from support.assertions.openapi import assert_described
from support.people.accounts import bearer, sign_up
from support.people.communities import Cast
from support.programs.processes import wait_until

from koyjabo.communities.services import CommunityServices

INT, NUMBER, TEXT = int, (int, float), str
NOTHING = type(None)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
DAY = re.compile(r"\d{4}-\d\d-\d\d")

PHONE = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0 Mobile Safari/537.36"
)
YESTERDAY, TODAY = "2025-10-09", "2025-10-10"
SITE, COMMUNITY = "/api/analytics/visitors", "/api/visitors/communities/{id}"
PLACES = {"babul": "Savar, BD", "her_browser": "Sylhet, BD", "guest": "Kolkata, IN"}

CARD = {  # VisitorStatsCard.jsx and visitors_api
    **dict.fromkeys(("total_unique_visitors", "total_visitors", "authenticated_visitors", "anonymous_visitors"), INT),
    **dict.fromkeys(("change_percentage", "authenticated_change", "anonymous_change"), NUMBER),
    **{"total_views": INT, "start_date": DAY, "end_date": DAY, "timestamp": MOMENT},
}
COUNTS = {"total_visitors": INT, "authenticated_visitors": INT, "anonymous_visitors": INT}
PLACE = {"division_id": TEXT, "division_name": TEXT, "division_type": TEXT, "count": INT, "visitor_count": INT}
DIVISIONS = {  # DivisionBreakdownSerializer
    **{"same_division_visitors": INT, "cross_division_visitors": INT, "no_division_visitors": INT},
    "total_authenticated_visitors": INT,
    "breakdown_percentage": {"same_division": NUMBER, "cross_division": NUMBER, "no_division": NUMBER},
}
PAGE = {"page_url": TEXT, "conversions": INT, "views": INT, "conversion_rate": NUMBER}
CONVERSIONS = {  # ConversionMetricsSerializer
    **{"total_conversions": INT, "total_anonymous_sessions": INT, "overall_conversion_rate": NUMBER},
    **{"top_conversion_pages": [PAGE], "avg_time_to_conversion": NUMBER},
}
SHARE = {"count": INT, "percentage": NUMBER}
DEMOGRAPHICS = {  # VisitorDemographicsSerializer
    "total_sessions": INT,
    "device_types": [{"device_type": TEXT, **SHARE}],
    "browsers": [{"browser": TEXT, **SHARE}],
    "operating_systems": [{"operating_system": TEXT, **SHARE}],
}
NOW = {"count": INT, "timestamp": MOMENT}
GROWTH = {"growth_rate": NUMBER, "trend": TEXT, "labels": [DAY], "visitor_counts": [INT], "timestamp": MOMENT}
LISTS = {"labels": [TEXT], "total": [INT], "authenticated": [INT], "anonymous": [INT]}
METRICS = {"recent_conversions": INT, "avg_time_to_convert_seconds": NUMBER, "timestamp": MOMENT}

SHAPES = {
    f"{SITE}/": CARD,
    f"{SITE}/today/": {**CARD, "date": DAY},
    f"{SITE}/weekly/": CARD,
    f"{SITE}/monthly/": CARD,
    f"{SITE}/growth/?period=week": {**GROWTH, "current_month_visitors": INT, "previous_month_visitors": INT},
    f"{SITE}/trends/?interval=day": [{"label": TEXT, "date": TEXT, **COUNTS}],
    f"{SITE}/division-breakdown/": {**DIVISIONS, "divisions": [PLACE]},
    f"{SITE}/conversions/": {**CONVERSIONS, **METRICS, "conversion_rate": NUMBER, "rate_change": NUMBER},
    f"{SITE}/demographics/": DEMOGRAPHICS,
    f"{SITE}/realtime/": {**NOW, "authenticated_count": (int, NOTHING), "anonymous_count": (int, NOTHING)},
    "/api/analytics/trends/?interval=week": {**LISTS, "start_date": DAY, "end_date": DAY, "interval": TEXT},
    "/api/analytics/division-breakdown/": [PLACE],
    "/api/analytics/growth/": GROWTH,
    "/api/analytics/conversions/": CONVERSIONS,
    "/api/analytics/demographics/": DEMOGRAPHICS,
    "/api/analytics/realtime/": NOW,
    f"{COMMUNITY}/visitors/?start_date=2025-10-01T00:00:00&end_date=2025-10-10T10:30:00Z": {
        **{"authenticated_visitors": INT, "anonymous_visitors": INT, "total_unique_visitors": INT},
        "date_range": {"start": MOMENT, "end": MOMENT},
    },
    f"{COMMUNITY}/trends/?granularity=daily": [
        {"period": TEXT, "authenticated_count": INT, "anonymous_count": INT, "total_count": INT}
    ],
    f"{COMMUNITY}/realtime/": {"community_id": TEXT, "current_online": INT, "timestamp": MOMENT},
    f"{COMMUNITY}/division-breakdown/": DIVISIONS,
    f"{COMMUNITY}/conversions/?start_date=2025-10-09": CONVERSIONS,
    f"{COMMUNITY}/demographics/": DEMOGRAPHICS,
    "/api/communities/{id}/online-count/": {
        **{"community_id": TEXT, "current_online": INT, "timestamp": MOMENT},
        "peaks": {"daily": INT, "weekly": INT, "monthly": INT},
    },
    "/api/user/communities/status/": {
        **{"user_id": TEXT, "timestamp": MOMENT},
        "communities": [
            {
                **{"community_id": TEXT, "community_name": TEXT, "online_count": INT, "user_is_online": bool},
                **{"user_role": TEXT, "total_members": INT},
            }
        ],
    },
}
"""What Citinfos has (7effe8d), by path."""


def assert_shape(found: Any, shape: Any, where: str = "$") -> None:
    """An object may have more keys than its shape; a list has the one shape for each of its members."""
    if isinstance(shape, dict):
        assert isinstance(found, dict), where
        assert shape.keys() <= found.keys(), f"{where}: {shape.keys() - found.keys()} missing"
        for name, part in shape.items():
            assert_shape(found[name], part, f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(found, list), where
        for number, each in enumerate(found):
            assert_shape(each, shape[0], f"{where}[{number}]")
    elif isinstance(shape, re.Pattern):
        assert isinstance(found, str), where
        assert shape.fullmatch(found), f"{where}: {found}"
    else:
        assert isinstance(found, shape), f"{where}: {found!r}"
        assert not isinstance(found, bool) or shape is bool, f"{where}: {found!r}"


def on_the_day_before() -> Time:
    time = Time()
    time.go_to(f"{YESTERDAY}T10:30:00+06:00")
    return time


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url, on_the_day_before(), BRIDGES="citinfos", RATE_LIMIT_LOGINS="0") as site:
        yield site


@pytest.fixture(scope="module")
def community(site, cast) -> str:
    return visited(site, cast.community())


def visited(site: Site, community: str) -> str:
    """By `babul` on two days, `ayesha` on two days before she signed up, and her other browser after it; beside it a
    guest of the site.
    """

    def visit(visitor: str, page: str, headers: dict[str, str] | None = None, **fields: Any) -> None:
        body = {"visitorId": visitor, "page": page, "userAgent": PHONE if visitor == "babul" else "x", **fields}
        assert site.post(json=body, headers=headers or {}).status_code == 200

    visit("babul", "/fares", communityId=community)
    visit("ayesha", "/fares", communityId=community)
    site.rows("UPDATE visits SET place = 'Dhaka, BD' WHERE visitor_id = 'ayesha'")
    site.time.pass_(days=1)
    visit("babul", "/map", communityId=community)
    visit("ayesha", "/fares", communityId=community)
    ayesha = sign_up(site, "ayesha", visitorId="ayesha")
    visit("her_browser", "/map", bearer(ayesha.access), communityId=community)
    visit("guest", "/")
    event = {"id": "1", "name": "pageview", "page": "/map"}
    assert site.post("/api/events", json={"visitorId": "babul", "events": [event]}).status_code == 200
    site.rows("UPDATE visits SET place = 'Tongi, BD' WHERE visitor_id = 'ayesha' AND day = '2025-10-10'")
    for visitor, place in PLACES.items():
        site.rows("UPDATE visits SET place = :place WHERE visitor_id = :visitor", place=place, visitor=visitor)
    return community


@pytest.fixture(scope="module")
def ask(site, cast, community):
    def ask(path: str, who: str = "site_admin") -> Any:
        return cast.call(who, "GET", path.format(id=community))

    return ask


def test_answers_have_the_shapes_that_citinfos_has(site, ask, community):
    for path, shape in SHAPES.items():
        own = f"{path}{'&' if '?' in path else '?'}community_id={community}"
        for each in [path, own] if path.startswith(SITE) else [path]:
            answer = ask(each, "admin" if "status" in each else "site_admin")
            assert answer.status_code == 200, answer.text
            assert_shape(answer.json, shape, path)
            assert_described(site, answer)
            assert answer.headers["Cache-Control"] == "private, no-store"


def test_id_that_citinfos_itself_gave_the_community_stands_for_ours(site, ask, community):
    own = "8f14e45f-ceea-467f-a9f3-b1d9b2c0a001"
    site.rows("UPDATE communities SET ref = :own WHERE id = :id", own=own, id=community)
    for path in (f"{SITE}/today/?community_id={{id}}", f"{COMMUNITY}/visitors/", f"{COMMUNITY}/trends/"):
        ours, theirs = ask(path), ask(path.replace("{id}", own))
        assert (theirs.status_code, theirs.json) == (200, ours.json), path


def test_visitors_of_the_site_are_browsers_and_those_of_a_community_people(ask, community):
    def counts(path: str) -> tuple[int, ...]:
        found = ask(path).json
        names = ("total_unique_visitors", "authenticated_visitors", "anonymous_visitors", "total_views")
        changes = ("change_percentage", "authenticated_change", "anonymous_change")
        assert found["total_visitors"] == found["total_unique_visitors"]
        return tuple(found[name] for name in (*names, *changes))

    assert counts(f"{SITE}/today/") == (4, 1, 3, 5, 100.0, 100.0, 50.0)
    assert counts(f"{SITE}/?start_date={YESTERDAY}&end_date={YESTERDAY}") == (2, 0, 2, 2, 100.0, 0.0, 100.0)
    assert counts(f"{SITE}/monthly/") == (4, 1, 3, 7, 100.0, 100.0, 100.0)
    own = f"community_id={community}"
    assert counts(f"{SITE}/today/?{own}") == (2, 1, 1, 4, 0.0, 0.0, 0.0)
    assert counts(f"{SITE}/weekly/?{own}") == (2, 1, 1, 6, 100.0, 100.0, 100.0)
    found = ask(f"{COMMUNITY}/visitors/", "member").json
    assert found == {
        **{"authenticated_visitors": 1, "anonymous_visitors": 1, "total_unique_visitors": 2},
        "date_range": {"start": f"{TODAY}T00:00:00+06:00", "end": f"{TODAY}T23:59:59+06:00"},
    }


LAST = {"hour": f"{TODAY}T10:00:00+06:00", "day": TODAY, "week": "2025-10-06", "month": "2025-10-01"}


@pytest.mark.parametrize(("interval", "periods"), [("hour", 24 + 11), ("day", 2), ("week", 1), ("month", 1)])
def test_trends_have_every_period(ask, community, interval, periods):
    last = LAST[interval]
    query = f"?interval={interval}&start_date={YESTERDAY}&end_date={TODAY}"
    found = ask(f"{SITE}/trends/{query}").json
    shown = {"total_visitors": 4, "authenticated_visitors": 1, "anonymous_visitors": 3}
    assert (len(found), found[-1]) == (periods, {"label": last, "date": last, **shown})
    lists = ask(f"/api/analytics/trends/{query}").json
    assert (lists["labels"][-1], lists["total"][-1], lists["authenticated"][-1]) == (last, 4, 1)
    (own,) = [each for each in ask(f"{SITE}/trends/{query}&community_id={community}").json if each["label"] == last]
    assert own == {"label": last, "date": last, **shown, "total_visitors": 2, "anonymous_visitors": 1}


def test_people_of_several_cities_of_a_division_count_once(ask, community):
    found = ask(f"{SITE}/division-breakdown/?community_id={community}").json
    assert [(each["division_id"], each["division_name"], each["count"]) for each in found["divisions"]] == [
        ("dhaka", "Dhaka", 2),
        ("sylhet", "Sylhet", 1),
    ]
    assert found["no_division_visitors"] == found["total_authenticated_visitors"] == 1
    assert ask("/api/analytics/division-breakdown/").json == found["divisions"]


def test_conversions_are_of_the_people_who_first_came_in_the_range(ask, community):
    own = ask(f"{SITE}/conversions/?community_id={community}").json
    assert (own["total_conversions"], own["total_anonymous_sessions"], own["conversion_rate"]) == (1, 3, 33.33)
    page = {"page_url": "/fares", "conversions": 1, "views": 2, "conversion_rate": 50.0}
    assert (own["top_conversion_pages"], own["avg_time_to_conversion"], own["rate_change"]) == ([page], 86400.0, 33.33)
    found = ask(f"{SITE}/conversions/").json
    assert (found["total_conversions"], found["total_anonymous_sessions"], found["conversion_rate"]) == (1, 4, 25.0)
    today = ask(f"{COMMUNITY}/conversions/").json
    assert (today["total_conversions"], today["recent_conversions"], today["avg_time_to_conversion"]) == (0, 1, None)


def test_demographics_add_up_to_the_visits(ask, community):
    found = ask(f"{SITE}/demographics/?community_id={community}").json
    assert found["total_sessions"] == 5
    for name in ("device_types", "browsers", "operating_systems"):
        assert sum(each["count"] for each in found[name]) == 5
    assert {"device_type": "mobile", "count": 2, "percentage": 40.0} in found["device_types"]


def test_export_has_the_views_of_each_day_and_page(ask, community):
    answer = ask(f"{SITE}/export/?start_date={YESTERDAY}")
    assert answer.content_type == "text/csv; charset=utf-8"
    header, *rows = csv.reader(answer.text.splitlines())
    assert ",".join(header) == "Date,Page Path,Total Views,Unique Visitors,Authenticated Views,Anonymous Views"
    assert [tuple(row) for row in rows] == [
        (TODAY, "/map", "3", "2", "1", "2"),
        (TODAY, "/", "1", "1", "0", "1"),
        (TODAY, "/fares", "1", "1", "0", "1"),
        (YESTERDAY, "/fares", "2", "2", "0", "2"),
    ]
    own = ask(f"/api/analytics/export/?start_date={TODAY}&community_id={community}")
    assert len(own.text.splitlines()) == 3


def test_activity_makes_a_visitor_of_the_day_who_is_not_online(site, cast):
    community = cast.community()
    before = cast.call("member", "GET", f"/api/communities/{community}/visitors/today").json
    path = f"/api/communities/{community}/track-activity/"
    answer = cast.call("member", "POST", path, {"activity_type": "scroll"})
    shown = {"success": True, "current_online": 0, "activity_type": "scroll"}
    assert {name: answer.json[name] for name in shown} == shown
    assert_described(site, answer)
    assert [
        cast.call("member", "POST", path, each).json["activity_type"] for each in (None, {"activity_type": None})
    ] == ["general"] * 2
    assert_error(cast.call("member", "POST", path, {"activity_type": 7}), 400, "invalid_input", "activity_type")
    site.services[CommunityServices].people.tick()
    wanted = before["authenticated_visitors"] + 1

    def is_visitor() -> bool:
        today = cast.call("member", "GET", f"/api/communities/{community}/visitors/today").json
        return today["authenticated_visitors"] == wanted

    wait_until(is_visitor, "the member is a visitor of the day")


def test_range_that_cannot_be_used_is_refused(ask):
    for query, field in (
        ("?start_date=yesterday", "start_date"),
        ("?end_date=2025-13-01", "end_date"),
        ("?start_date=2025-10-10&end_date=2025-10-09", "start_date"),
        ("?start_date=2019-01-01", "start_date"),
        ("?start_date=0001-01-01T00:00:00%2B06:00", "start_date"),
        ("?interval=year", "interval"),
        ("?interval=hour&start_date=2025-08-01", "start_date"),
    ):
        assert_error(ask(f"{SITE}/trends/{query}"), 400, "invalid_input", field)
    assert ask(f"{SITE}/growth/?period=decade").status_code == 400


def test_time_means_its_day_in_the_zone_of_the_site(ask):
    for given, day in (
        *((f"2025-10-09{time}", YESTERDAY) for time in ("T00:00:00 06:00", "T23:59:59", " 23:59")),
        ("2025-10-08T18:00:00Z", YESTERDAY),
        ("2031-01-01", TODAY),
    ):
        found = ask(f"{SITE}/?start_date={given}&end_date={given}").json
        assert (found["start_date"], found["end_date"]) == (day, day), given


def test_folded_day_keeps_visitors_and_no_accounts(sqlite_database):
    with Site(sqlite_database.url, on_the_day_before(), BRIDGES="citinfos") as site:
        cast = Cast(site)
        visited(site, cast.community())
        site.rows("INSERT INTO folded_visits VALUES ('site', :day, :hour, 1, 0)", day=YESTERDAY, hour=0)
        ask = cast["site_admin"].get
        found = ask(f"{SITE}/weekly/").json
        assert (found["authenticated_visitors"], found["anonymous_visitors"]) == (None, None)
        days = ask(f"{SITE}/trends/?start_date={YESTERDAY}").json
        assert [each["authenticated_visitors"] for each in days] == [None, 1]
        assert YESTERDAY not in ask(f"{SITE}/export/?start_date={YESTERDAY}").text
        assert ask(f"{SITE}/conversions/").json["conversion_rate"] is None
