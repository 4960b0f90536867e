"""Exports from Umami and GoatCounter: each of their visits becomes one visit here, however often it is imported."""

import pytest
from support.application.site import SPEC_MOMENT, Site
from support.sites.exports import (
    GOATCOUNTER_1,
    GOATCOUNTER_2,
    UMAMI_CLOUD,
    UMAMI_EVENTS,
    UMAMI_SESSIONS,
    bring_export,
    packed,
    table,
    zipped,
)
from support.sites.full_site import DAY_MS, everything

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import Unusable
from koyjabo.upkeep.retention.retention import Retention

SEEN = ("visitor_id", "visit_id", "page", "referrer", "place", "user_agent", "language", "campaign", "is_bot")
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36"
)


def visits(site: Site) -> list[tuple]:
    return [(iso(row["at_ms"]), *(row[name] for name in SEEN)) for row in everything(site)["visits"]]


def view(visit: str, at: str, path: str = "/", session: str = "s1", **fields: str) -> dict[str, str]:
    """A row of Umami's website_event table."""
    ids = {"website_id": "w", "session_id": session, "visit_id": visit, "event_type": "1"}
    return {**ids, "created_at": at, "url_path": path, **fields}


PHONE = {"browser": "crios", "os": "iOS", "device": "mobile", "language": "bn-BD", "country": "BD", "city": "Dhaka"}
FROM_SEARCH = {"referrer_domain": "www.google.com", "referrer_path": "/search", "url_query": "utm_source=fb&id=5"}
CLOUD = table(
    UMAMI_CLOUD,
    view("v1", "2025-03-01 10:05:00", "/routes", **PHONE),
    view("v1", "2025-03-01 10:00:00", "/?from=x", hostname="koyjabo.com", **PHONE, **FROM_SEARCH),
    view("v1", "2025-03-01 10:06:00", "/routes", **{**PHONE, "event_type": "2", "event_name": "search"}),
    view("v2", "2025-03-01 20:00:00", "/history", hostname="koyjabo.com", referrer_domain="koyjabo.com"),
    view(
        "v3", "2025-02-28 23:30:00", "/", "s2", browser="edge-chromium", os="Windows 10", device="laptop", country="IN"
    ),
    view("v4", "2025-03-01 11:00:00", "/", "s2", event_type="2", event_name="only an event"),
)


def test_umami_visits_are_distinct_visit_ids_and_are_counted_once(site):
    site.set_total(4000)
    site.register("here")
    report = bring_export(site, "umami", CLOUD)
    assert (report.imported, report.page_views, report.left_out) == ((3, 0), 4, {"events": 2})
    assert visits(site)[1:] == [
        ("2025-02-28T23:30:00.000Z", "umami:s2", "v3", "/", None, "India", "Edge on Windows", None, None, False),
        (
            "2025-03-01T10:00:00.000Z",
            *("umami:s1", "v1", "/", "https://www.google.com/search", "Dhaka, BD", "Chrome on iOS (phone)", "bn"),
            *("utm_source=fb", False),
        ),
        ("2025-03-01T20:00:00.000Z", "umami:s1", "v2", "/history", None, "Unknown", None, None, None, False),
    ]
    days = {row["day"]: row["visits"] for row in everything(site)["daily_visits"]}
    assert {day: days[day] for day in ("2025-03-01", "2025-03-02")} == {"2025-03-01": 2, "2025-03-02": 1}  # in TIMEZONE
    assert site.register("next").ordinal == 4005
    assert site.stats()["uniqueVisitors"] == 4
    assert bring_export(site, "umami", zipped(website_event=CLOUD)).imported == (0, 3)
    longer = CLOUD + ",".join(view("v5", "2025-03-02 00:00:00").get(name, "") for name in UMAMI_CLOUD.split(","))
    assert bring_export(site, "umami", longer).imported == (1, 3)
    assert site.recount() == []


def test_tables_of_an_umami_database_are_joined(site):
    events = table(
        UMAMI_EVENTS,
        view("v1", "2025-03-01 10:00:00.123456+00", referrer_domain="t.co"),
        view("v2", "2025-03-01T12:00:00+02:00", session="s2"),
        view("v3", "2025-03-01 11:00:00", session="\\N"),
        view("v4", "2025-03-01 12:00:00", referrer_domain="koyjabo.com"),
    )
    sessions = table(
        UMAMI_SESSIONS,
        {"session_id": "s1", "hostname": "www.koyjabo.com", **PHONE, "city": "\\N"},
        {"session_id": "other", **PHONE},
    )
    export = zipped(event_data="event_id,data_key\n1,x\n", website_event=events, session=sessions)
    report = bring_export(site, "umami", export)
    assert [row[:3] + row[5:8] for row in visits(site)] == [
        ("2025-03-01T10:00:00.000Z", "umami:s2", "v2", "Unknown", None, None),
        ("2025-03-01T10:00:00.123Z", "umami:s1", "v1", "Bangladesh", "Chrome on iOS (phone)", "bn"),
        ("2025-03-01T12:00:00.000Z", "umami:s1", "v4", "Bangladesh", "Chrome on iOS (phone)", "bn"),
    ]
    assert [row[4] for row in visits(site)] == [None, "https://t.co", None]
    assert [*report.sentences()][2:] == [
        "Not imported, line 4: session_id must be an ID of 1 to 100 characters (website_event.csv)."
    ]


def of_umami(site: Site, *rows: dict[str, str], name: str) -> list:
    """Import these page views, and return this column of each visit."""
    bring_export(site, "umami", table(UMAMI_CLOUD, *rows))
    return [row[name] for row in everything(site)["visits"]]


def test_own_host_is_never_a_referrer_in_umami(site):
    hosts = {
        "www.shop.example": "shop.example",  # Umami removes `www.` from the referrer
        "shop.example:8080": "shop.example",
        "shop.example": "blog.shop.example",
        "বাংলা.example": "xn--54b7fta0cc.example",
    }
    rows = [
        view(f"v{number}", f"2025-03-01 10:0{number}:00", hostname=host, referrer_domain=domain, referrer_path="/about")
        for number, (host, domain) in enumerate(hosts.items())
    ]
    of_other = [None, None, "https://blog.shop.example/about", None]
    assert of_umami(site, *rows, name="referrer") == of_other


PATHS = {
    "/বাস": "/%E0%A6%AC%E0%A6%BE%E0%A6%B8",
    "/a b#top": "/a%20b",
    "/100% sure": "/100%25%20sure",
    "/a b%20": "/a%20b%2520",
    "/a%2Fb%3f": "/a%2Fb%3F",
    "/caf%E9/50%25": "/caf%E9/50%25",
}
"""Paths that browsers send, by what Umami stores. It decodes a path as a whole, or not at all if it cannot."""


def test_path_decoded_by_umami_is_the_page_that_browsers_send(site):
    for number, sent in enumerate(PATHS.values()):
        site.register("here", page=sent, referrer=f"https://a.example{sent}", visitId=f"v{number}")
    pages = [(row["page"], row["referrer"]) for row in everything(site)["visits"]]
    rows = [
        view(f"v{number}", f"2025-03-01 10:0{number}:00", stored, referrer_domain="a.example", referrer_path=stored)
        for number, stored in enumerate(PATHS)
    ]
    bring_export(site, "umami", table(UMAMI_CLOUD, *rows))
    assert [(row["page"], row["referrer"]) for row in everything(site)["visits"]][len(PATHS) :] == pages


def test_campaign_in_umami_is_read_from_its_columns_or_its_query(site):
    rows = (
        view("v1", "2025-03-01 10:00:00", utm_source="fb", utm_medium="social", url_query="utm_source=cut"),
        view("v2", "2025-03-01 10:01:00", utm_source="\\N", url_query="utm%5Fsource=mail&amp;utm_medium=email"),
    )
    campaigns = ["utm_source=fb&utm_medium=social", "utm_source=mail&utm_medium=email"]
    assert of_umami(site, *rows, name="campaign") == campaigns


CLIENTS = {
    ("chrome", "Windows 10", "laptop"): "Chrome on Windows",
    ("ie", "Windows XP", "desktop"): "IE on Windows",
    ("silk", "Amazon OS", "tablet"): "Amazon Silk on Android (tablet)",
    ("samsung", "Linux", "smarttv"): "Samsung Internet on Linux",
    ("miui", "Android OS", "mobile"): "MiuiBrowser on Android (phone)",
    ("searchbot", "Linux", "desktop"): "searchbot",
}


def test_umami_clients_have_the_names_of_our_visits(site):
    rows = [
        view(f"v{number}", f"2025-03-01 10:0{number}:00", browser=browser, os=system, device=device)
        for number, (browser, system, device) in enumerate(CLIENTS)
    ]
    assert of_umami(site, *rows, name="user_agent") == [*CLIENTS.values()]
    assert [row["is_bot"] for row in everything(site)["visits"]] == [False] * 5 + [True]


def hit(session: str, at: str, path: str = "/", **fields: str) -> dict[str, str]:
    """A row of a GoatCounter export."""
    return {"1Path": path, "2Path": path, "Event": "0", "Bot": "0", "Session": session, "Date": at, **fields}


def test_goatcounter_visits_are_sessions_without_bots_and_events(site):
    rows = (
        hit("a1", "2025-03-01T10:00:00Z", "/?x=1", Browser="Chrome 120", System="Android 13", Location="BD-13"),
        hit("a1", "2025-03-01T10:01:00Z", "/routes", Browser="Chrome 120", System="Android 13"),
        hit("a1", "2025-03-01T10:02:00Z", "click", Event="1"),
        hit("f6", "2025-03-01T10:03:00Z", "download", Event="1"),
        hit("b2", "2025-03-01 11:00:00", Referrer="Google", UserAgent=ANDROID, **{"Referrer scheme": "g"}),
        hit("c3", "2025-03-01T12:00:00+06:00", Referrer="example.org/a?b", **{"Referrer scheme": "h"}),
        hit("d4", "2025-03-01T13:00:00Z", Referrer="newsletter", **{"Referrer scheme": "c"}),
        hit("d5", "2025-03-01T13:30:00Z", Referrer="https://www.facebook.com/groups?id=5", **{"Referrer scheme": "c"}),
        hit("e5", "2025-03-01T14:00:00Z", Bot="3"),
        hit("0", "2025-03-01T15:00:00Z"),
        hit("", "2025-03-01T15:00:00Z"),
        hit("x!", "2025-03-01T15:00:00Z"),
    )
    export = packed(table(GOATCOUNTER_2, *rows))
    report = bring_export(site, "goatcounter", export)
    assert [row[:9] for row in visits(site)] == [
        ("2025-03-01T06:00:00.000Z", "goatcounter:c3", "c3", "/", "https://example.org/a", "Unknown", None, None, None),
        (
            "2025-03-01T10:00:00.000Z",
            *("goatcounter:a1", "a1", "/", None, "Bangladesh", "Chrome on Android", None, None),
        ),
        ("2025-03-01T11:00:00.000Z", "goatcounter:b2", "b2", "/", "google.com", "Unknown", ANDROID, None, None),
        ("2025-03-01T13:00:00.000Z", "goatcounter:d4", "d4", "/", None, "Unknown", None, None, "utm_source=newsletter"),
        (
            "2025-03-01T13:30:00.000Z",
            *("goatcounter:d5", "d5", "/", "https://www.facebook.com/groups", "Unknown", None, None, "utm"),
        ),
    ]
    assert [*report.sentences()] == [
        "Imported 5 visits; 0 were already stored.",
        "The file has 6 page views in 5 visits.",
        "Not imported, because they are not visits: events: 2; bot hits: 1; page views without a session: 2.",
        "Not imported, line 13: Session must be a 128-bit number in hexadecimal.",
    ]
    assert bring_export(site, "goatcounter", export).imported == (0, 5)
    assert site.recount() == []


def test_goatcounter_1_has_the_same_sessions_and_user_agents(site):
    session = "00f3a2b1-0000-4000-8000-00000000000c"
    campaign = {"Referrer": "eid", "Referrer scheme": "c"}
    first = table(
        GOATCOUNTER_1,
        hit(session, "2025-03-01T10:00:00Z", Event="false", Browser=ANDROID, **campaign),
        hit("00f3a2b1-0000-4000-8000-00000000000d", "2025-03-01T10:00:00Z", "click", Event="true"),
    )
    assert bring_export(site, "goatcounter", first).imported == (1, 0)
    assert (visits(site)[0][6], visits(site)[0][8]) == (ANDROID, "utm_campaign=eid")
    as_number = "f3a2b100004000-800000000000000c"
    export = table(GOATCOUNTER_2, hit(as_number, "2025-03-01T10:00:00Z"), hit(as_number + "0", "2025-03-01T10:00:00Z"))
    assert bring_export(site, "goatcounter", export).imported == (1, 1)


def test_visits_in_the_future_or_on_rolled_up_days_are_named(site):
    old, kept = (iso(SPEC_MOMENT - age * DAY_MS) for age in (400, 100))
    export = table(UMAMI_EVENTS, view("v1", old), view("v2", kept), view("v3", "2031-01-01"))
    assert bring_export(site, "umami", export).imported == (2, 0)
    retention = site.services[Retention]
    assert retention.prune(retention.past()).visits == 1
    report = bring_export(site, "umami", export)
    assert (report.imported, report.refused) == ((0, 1), 2)
    assert "Not imported, line 4: at is in the future." in [*report.sentences()]
    assert "Not imported, line 2: at is on a day whose visits were rolled up" in "\n".join(report.sentences())
    assert site.stats()["totalVisits"] == 2
    assert bring_export(site, "umami", export, even_folded=True).imported == (1, 1)
    assert site.recount() == []


NO_EXPORTS = (
    ("umami", zipped(pages="x,y\n/,5\n", countries="x,y\nBD,5\n"), "without dates"),  # sums from its dashboard
    ("umami", "session_id,event_type,created_at\n", "since Umami 2.11"),
    ("umami", "", "No file in this export"),
    ("umami", zipped(), "No file in this export"),
    ("goatcounter", "3Path,Event,Bot,Session,Date\n", "in format 1 or 2"),
    ("goatcounter", zipped(), "in format 1 or 2"),
)


def test_file_that_is_no_export_is_refused_with_a_reason(site):
    for program, contents, sentence in NO_EXPORTS:
        with pytest.raises(Unusable, match=sentence):
            bring_export(site, program, contents)
    assert site.stats()["totalVisits"] == 0
