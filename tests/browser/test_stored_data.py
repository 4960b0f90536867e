"""docs/personal-data.md names everything that our pages store in Chromium, and what the server stores of a visitor."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyotp
import pytest
from support.browser.host_pages import begin, begin_live
from support.browser.pages import EMAIL, PASSWORD as OF_ADMIN, Device, expect, live, visit, wait_for
from support.browser.stored import stored_by, table
from support.clients.members import PASSWORD, Member
from support.programs.processes import ROOT
from support.servers.server import Server

from koyjabo.counting.models import Visit
from koyjabo.people.accounts.login import authentication, login_limits
from koyjabo.reports.share_links.pages import shared_report
from koyjabo.reports.ui import choices
from koyjabo.web.i18n import LANGUAGE_COOKIE
from koyjabo.web.login import tokens
from koyjabo.web.pages import flash, preferences

if TYPE_CHECKING:
    from playwright.sync_api import Page

further = pytest.mark.long(proved_by="browser/test_stored_data.py::test_cookies_are_set_and_kept_as_the_table_says")
DAY_S = 86_400
UNITS_S = {"minute": 60, "hour": 3600, "day": DAY_S}
UNACKNOWLEDGED = (
    "visits and events that the server has not acknowledged, with the fields of "
    "[the API](specification/http.md#register-a-visit)"
)
PLACES = {
    "the `visitorId`": {("localStorage", "visitorId")},
    "the session's visit, and its id with `remember: false`": {
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


def test_table_names_everything_that_pages_store(new_device, host_page, site, session):
    rows = {data: where for data, where, _ in table("data in the browser")}
    begin_live(host_page, site, remember=False)
    stored = stored_by(host_page)

    page = live(new_device(service_workers="allow").open())
    wait_for(page, lambda: page.evaluate("caches.match('/offline').then((copy) => !!copy)"), "it has copies")
    page.get_by_text("Do not count me").click()
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


def test_privacy_signal_keeps_the_id_in_the_browser_and_off_the_server(new_device, site):
    page = live(new_device(extra_http_headers={"Sec-GPC": "1"}).open())
    page.get_by_text("Do not count me").click()
    expect(page.locator("[data-counting]")).to_contain_text("the server does not store your random number")
    assert tables_with(site, page.evaluate("localStorage.visitorId")) == set()
    assert rows_of(site, "visits")[-1]["visitor_id"].startswith("anonymous_")


class Reader:
    """A user in a browser. Each method ends right after the server has set its cookies."""

    def __init__(self, site: Server, page: Page) -> None:
        self.site, self.page, self.member = site, page, Member(site)

    def choose_language(self) -> None:
        visit(self.page)
        self.page.locator("button[name=language][value=bn]").click()
        expect(self.page.locator("html")).to_have_attribute("lang", "bn")

    def choose_theme(self) -> None:
        visit(self.page)
        self.page.locator("button[name=theme][value=dark]").click()
        expect(self.page.locator("html")).to_have_attribute("data-theme", "dark")

    def log_in(self, email: str = "", password: str = PASSWORD) -> None:
        visit(self.page, "/login")
        self.page.fill("#email", email or self.member.email)
        self.page.fill("#password", password)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        expect(self.page.locator(".person .who")).to_be_attached()

    def log_in_with_an_app(self) -> None:
        secret = self.member.call("POST", "/api/auth/totp", {"password": PASSWORD})["secret"]
        app = pyotp.TOTP(secret)
        self.member.call("POST", "/api/auth/totp/confirm", {"code": app.now()})
        visit(self.page, "/login")
        self.page.fill("#email", self.member.email)
        self.page.fill("#password", PASSWORD)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        self.page.get_by_label("Do not ask again in this browser for 30 days").check()
        self.page.fill("#code", app.at(int(time.time()) + 30))  # the current code is used up
        self.page.get_by_role("button", name="Log in", exact=True).click()
        expect(self.page.locator(".person .who")).to_be_attached()

    def join(self) -> None:
        self.log_in()
        (csrf,) = (cookie["value"] for cookie in self.page.context.cookies() if cookie["name"] == "csrf_access_token")
        community = Member(self.site).found()
        # Not by a click, because the next page shows the result and deletes the cookie.
        form = {"csrf_token": csrf}
        path = f"/communities/{community}/join"
        assert self.page.context.request.post(path, form=form, max_redirects=0).status == 303

    def choose_comparison(self) -> None:
        self._choose_on_overview("Previous period")

    def turn_a_switch(self) -> None:
        self._choose_on_overview("Without own visits")

    def _choose_on_overview(self, name: str) -> None:
        self.log_in(EMAIL, OF_ADMIN)
        self.site.register("ayesha")
        visit(self.page, "/admin/?range=7d")
        with self.page.expect_response(lambda response: "keep=" in response.url):
            self.page.locator("a[href*='keep=']", has_text=name).first.evaluate("(link) => link.click()")

    def open_a_share_link(self) -> None:
        path = self.member.call(
            "POST",
            "/api/shares",
            {"name": "Traffic", "password": PASSWORD, "filters": {"community": [self.member.found()]}},
        )["url"]
        visit(self.page, path)
        self.page.fill("#password", PASSWORD)
        self.page.get_by_role("button", name="Open the link").click()
        expect(self.page.locator("#insights")).to_be_attached()


COOKIES: dict[str, Callable[[Reader], None]] = {
    "`language`": Reader.choose_language,
    "`theme`": Reader.choose_theme,
    "`access_token_cookie`, `refresh_token_cookie`, `csrf_access_token`, `csrf_refresh_token`": Reader.log_in,
    "`familiar_browser`": Reader.log_in,
    "`remembered_browser`": Reader.log_in_with_an_app,
    "`outcome`": Reader.join,
    "`comparison`": Reader.choose_comparison,
    "`switches`": Reader.turn_a_switch,
    "`share_` and the link's id": Reader.open_a_share_link,
}
"""How the cookies of each row are set."""

OF_LOGINS = {*tokens.COOKIES.values(), *tokens.CSRF_COOKIES.values(), login_limits.FAMILIAR_COOKIE}
KEPT_FOR = {name.strip("`"): kept for names, _, kept in table("cookie") for name in re.findall("`[^`]+`", names)}


@pytest.mark.parametrize(
    "names", [pytest.param(row, marks=further if at else (), id=row.split("`")[1]) for at, row in enumerate(COOKIES)]
)
def test_cookies_are_set_and_kept_as_the_table_says(browser, site, names):
    device = Device(browser, f"http://localhost:{site.port}")
    page = device.context.new_page()
    assert device.context.cookies() == []
    COOKIES[names](Reader(site, page))
    expected = set(re.findall("`([^`]+)`", names))
    stored = {re.sub("^share_.+", "share_", cookie["name"]): cookie for cookie in device.context.cookies()}
    assert expected <= stored.keys() <= expected | OF_LOGINS
    for name in expected:
        count, unit = KEPT_FOR[name].split()
        kept_s = stored[name]["expires"] - time.time()
        assert kept_s == pytest.approx(int(count) * UNITS_S[unit.removesuffix("s")], abs=59)
    device.close()


SET_BY = {
    preferences: [LANGUAGE_COOKIE, preferences.THEME_COOKIE],
    tokens: [*tokens.COOKIES.values(), *tokens.CSRF_COOKIES.values()],
    login_limits: [login_limits.FAMILIAR_COOKIE],
    authentication: [authentication.REMEMBERED_COOKIE],
    flash: [flash.OUTCOME_COOKIE],
    choices: [choices.COMPARISON, choices.SWITCHES],
    shared_report: ["share_"],
}
"""The modules that set cookies, with the cookies' names."""


def test_table_names_every_cookie_that_the_server_sets():
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


def test_table_names_everything_that_the_server_stores_of_a_visitor(host_page, site, open_community):
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


def test_table_names_everything_that_the_server_stores_of_an_anonymous_visitor(host_page, site, open_community):
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
