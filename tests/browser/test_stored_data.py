"""docs/personal-data.md names everything that our pages store in Chromium, and what the server stores of a visitor."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from host_pages import begin, begin_live
from pages import live, wait_for
from stored import stored_by, table
from support.application.site import Site
from support.clients.members import Member
from support.people.accounts import PASSWORD, new_admin, sign_up
from support.people.communities import found
from support.people.page_readers import Reader
from support.people.two_step import token_in, turn_on
from support.programs.processes import ROOT
from support.servers.server import Server

from koyjabo.counting.models import Visit
from koyjabo.people.accounts.login import authentication, login_limits
from koyjabo.reports.share_links.pages import shared_report
from koyjabo.web.i18n import LANGUAGE_COOKIE
from koyjabo.web.login import tokens
from koyjabo.web.pages import flash, preferences

DAY_S = 86_400
UNITS_S = {"minute": 60, "hour": 3600, "day": DAY_S}
UNACKNOWLEDGED = (
    "visits and events that the server has not acknowledged, with the fields of "
    "[the API](specification/http.md#register-a-visit)"
)
PLACES = {
    "the `visitorId`": {("localStorage", "visitorId")},
    "the session's visit, its first page and referrer until the server responds, and its id with `remember: false`": {
        ("sessionStorage", "koyjabo.visit"),
        ("sessionStorage", "visitorId"),
    },
    "the latest numbers": {("sessionStorage", "koyjabo.stats")},
    UNACKNOWLEDGED: {
        ("localStorage", "koyjabo.waiting"),
        ("IndexedDB", "koyjabo.waiting"),
    },
    'the choice "Do not count this browser"': {("localStorage", "koyjabo.doNotCount")},
    "the server's own pages: copies of the home page and of the page shown offline, with their files": {
        ("Cache Storage", "koyjabo"),
        ("service workers", "http"),
    },
}
"""The (area, beginning of the key) pairs of each row of "Data in the browser"."""


def begins(entry: tuple[str, str]) -> tuple[str, str]:
    area, key = entry
    return area, re.split(r"[ :]|(?<=koyjabo\.table)\.", key)[0]


def test_the_document_names_everything_that_our_pages_store_in_a_browser(new_device, host_page, site, session):
    rows = {data: where for data, where, _ in table("data in the browser")}
    begin_live(host_page, site, remember=False)
    stored = stored_by(host_page)

    page = live(new_device(service_workers="allow").open())
    wait_for(page, lambda: page.evaluate("caches.match('/offline').then((copy) => !!copy)"), "it has copies")
    page.locator("[data-counting] summary").click()
    page.get_by_label("Do not count this browser").check()
    stored |= stored_by(page)

    page = host_page.context.new_page()
    page.goto(host_page.url)
    page.route("**/api/visitor/register", lambda route: route.abort())
    begin(page, site, remember=False)  # an unsent visit waits even without consent
    waiting = (
        "Object.keys(localStorage).filter((key) => key.startsWith('koyjabo.waiting')).map((key) => localStorage[key])"
    )
    wait_for(page, lambda: page.evaluate(waiting) == ["0"], "the visit waits in the database")
    stored |= stored_by(page)

    kept = {begins(entry) for entry in stored if entry[0] != "cookies"}
    assert kept == set().union(*PLACES.values())
    areas = {
        row: {"service worker" if area == "service workers" else area for area, _ in places}
        for row, places in PLACES.items()
    }
    assert {row: set(where.split(", ")) for row, where in rows.items()} == areas


class Actions:
    """What sets cookies. Each method ends with the response that sets them."""

    def __init__(self, site: Site) -> None:
        self.site, self.reader = site, Reader(site)
        self.reader.headers["Sec-Fetch-Site"] = "same-origin"

    def choose_language(self) -> None:
        self.reader.send("/language", language="bn")

    def choose_theme(self) -> None:
        self.reader.send("/theme", theme="dark")

    def log_in(self) -> None:
        sign_up(self.site, "ayesha")
        self.reader.log_in("ayesha")

    def log_in_with_an_app(self) -> None:
        app, fields = turn_on(sign_up(self.site, "karim")), {"email": "karim@example.com", "password": PASSWORD}
        token = token_in(self.reader.send("/login", 200, **fields))
        self.reader.send("/login/second-factor", token=token, code=app.next_code(), remember="yes")

    def join(self) -> None:
        community = found(sign_up(self.site, "founder"))["id"]
        self.reader.sign_up("joiner").send(f"/communities/{community}/join")

    def open_a_share_link(self) -> None:
        link = {"name": "Traffic", "password": PASSWORD}
        token = new_admin(self.site).post("/api/shares", json=link).json["token"]
        self.reader.send(f"/share/{token}", password=PASSWORD)


COOKIES: dict[str, Callable[[Actions], None]] = {
    "`language`": Actions.choose_language,
    "`theme`": Actions.choose_theme,
    "`access_token_cookie`, `refresh_token_cookie`, `csrf_access_token`, `csrf_refresh_token`": Actions.log_in,
    "`familiar_browser`": Actions.log_in,
    "`remembered_browser`": Actions.log_in_with_an_app,
    "`outcome`": Actions.join,
    "`share_` and the link's id": Actions.open_a_share_link,
}
"""How the cookies of each row are set."""

OF_LOGINS = {*tokens.COOKIES.values(), *tokens.CSRF_COOKIES.values(), login_limits.FAMILIAR_COOKIE}
KEPT_FOR = {name.strip("`"): kept for names, _, kept in table("cookie") for name in re.findall("`[^`]+`", names)}
SET_COOKIE = re.compile(r"(?:__Host-)?(share_|[\w-]+)[^=]*=[^;]+;.*Max-Age=(\d+)")


@pytest.mark.parametrize("names", COOKIES)
def test_the_document_says_for_how_long_a_browser_keeps_each_cookie(sqlite_database, names):
    with Site(sqlite_database.url) as site:
        actions = Actions(site)
        COOKIES[names](actions)
        headers = actions.reader.headers_of_answer.getlist("Set-Cookie")
    kept_s = {match[1]: int(match[2]) for match in map(SET_COOKIE.match, headers) if match and match[2] != "0"}
    expected = set(re.findall("`([^`]+)`", names))
    assert expected <= kept_s.keys() <= expected | OF_LOGINS
    for name in expected:
        count, unit = KEPT_FOR[name].split()
        assert kept_s[name] == int(count) * UNITS_S[unit.removesuffix("s")]


SET_BY = {
    preferences: [LANGUAGE_COOKIE, preferences.THEME_COOKIE],
    tokens: [*tokens.COOKIES.values(), *tokens.CSRF_COOKIES.values()],
    login_limits: [login_limits.FAMILIAR_COOKIE],
    authentication: [authentication.REMEMBERED_COOKIE],
    flash: [flash.OUTCOME_COOKIE],
    shared_report: ["share_"],
}
"""The modules that set cookies, with the cookies' names."""


def test_the_document_names_every_cookie_that_the_server_sets():
    setting = {path for path in (ROOT / "koyjabo").rglob("*.py") if "cookies.put(" in path.read_text()}
    assert setting == {Path(module.__file__) for module in SET_BY}
    assert sorted(KEPT_FOR) == sorted(name for names in SET_BY.values() for name in names)


WORDS = {
    "`visitorId`": ["visitor_id"],
    "`visitId`": ["visit_id"],
    "visit number": ["id", "ordinal", "day_number"],
    "time": ["at_ms", "day", "hour_s"],
    "waiting time": ["waited_ms"],
    "the device's clock": ["client_ms"],
    "community": ["scope"],
    "location": ["place"],
    "country": ["place"],
    "referrer": ["referrer"],
    "page": ["page"],
    "campaign": ["campaign"],
    "language": ["language"],
    "evidence": ["attended_ms", "acted", "automated", "network", "own", "is_bot"],
    "user if logged in": ["user_id"],
    "user agent": ["user_agent"],
    "browser and system": ["user_agent"],
}
"""Columns of `visits` by the words that name them in "What the server stores"."""

STORED = {data.partition(":")[0]: data for data, _ in table("data")}
OF_VISITS = {
    "visits": "a visit",
    "events": "a page view or event",
    "visitors": "the fact that a `visitorId` has visited the site or a community, and its first visit there",
    "people": "the days and hours when a visitor or user was in a community",
    "conversions": "the fact that a visitor of a community became a user",
}
"""The rows of "What the server stores" that name the tables with a `visitorId`."""


def columns_named(text: str) -> set[str]:
    return {column for words, columns in WORDS.items() if words in text for column in columns}


def rows_of(site: Server, table: str) -> list[dict]:
    columns = [name for _, name, *_ in site.database.rows(f"PRAGMA table_info({table})")]
    return [dict(zip(columns, row, strict=True)) for row in site.database.rows(f"SELECT * FROM {table}")]


def tables_with(site: Server, text: str) -> set[str]:
    tables = site.database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {table for (table,) in tables if text in str(rows_of(site, table))}


def test_the_document_names_everything_that_the_server_stores_of_a_visitor(host_page, site, open_community):
    only_if_reduced = {"visitor_number", "new_in"}
    every_column = {column.name for column in Visit.__table__.columns} - only_if_reduced
    assert columns_named(STORED["a visit"] + STORED["a visit's exact user agent"]) == every_column
    options = {"communityId": open_community, "page": "/history?utm_source=fb"}
    begin_live(host_page, site, **options)
    who = host_page.evaluate("window.koyjabo.visitorId")
    host_page.evaluate("window.koyjabo.track('search', { to: 'Mirpur 10' })")
    wait_for(host_page, lambda: "events" in tables_with(site, who), "the event is counted")
    stored = tables_with(site, who)
    Member(site, visitorId=who)  # the community's visitor becomes a user
    assert stored | tables_with(site, who) == OF_VISITS.keys()
    assert [row for row in OF_VISITS.values() if row not in STORED] == []


def test_the_document_names_everything_that_the_server_stores_of_an_anonymous_visitor(host_page, site, open_community):
    begin_live(host_page, site, remember=False, communityId=open_community, page="/history?utm_source=fb")
    who = host_page.evaluate("window.koyjabo.visitorId")
    host_page.evaluate("window.koyjabo.track('search', { to: 'Mirpur 10' })")
    events = "SELECT count(*) FROM events JOIN visits ON events.visit_id = visits.id WHERE visits.visitor_id = '{}'"
    visit = rows_of(site, "visits")[-1]
    wait_for(
        host_page, lambda: site.database.rows(events.format(visit["visitor_id"])) == [(1,)], "the event is counted"
    )
    assert visit["visitor_id"].startswith("anonymous_")
    assert tables_with(site, who) == set()
    stored = {name for name, value in visit.items() if value is not None}
    assert stored <= columns_named(STORED["an anonymous visit"])
