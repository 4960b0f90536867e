"""Insights in the panel without scripts: links and forms reach every view, and each shows the right numbers."""

import re
from html import unescape
from itertools import count

import pytest
from hypothesis import given, strategies as st
from support.application.site import Site, Time, assert_error
from support.people.admins import panel
from support.people.page_readers import words
from support.runs.fuzz_effort import effort

from koyjabo.base.core.urls import normal
from koyjabo.columns.blocks import table_rows as log
from koyjabo.columns.columns import Columns
from koyjabo.columns.dimensions.dimensions import DIMENSION_NAMES
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports.ui import breakdowns, cards, view
from koyjabo.reports.ui.report_context import VIEW_PARAMETERS
from koyjabo.reports.ui.view_plan import SENDING_PARAMETERS

THURSDAY = "2025-12-11"
PAGES = {"/": 6, "/fares": 4, "/<b>&amp;": 1, "!bang": 1, "\\!back": 1, "/জায়গা": 1}
HREF = re.compile(r'href="(/admin/[^"]*)"')
PART = re.compile(r'data-part="(?!problems)(\w+)"')
ROW = re.compile(
    r'(?s)<a data-key="value (?P<dimension>\w+) [^>]*href="(?P<url>[^"]*)"[^>]*>(?P<label>.*?)</a></th>'
    r'\s*<td class="number"><span data-as="count">(?P<number>[^<]*)<'
)
FIGURE = re.compile(r'(?s)data-stat="(\w+)" data-value="(\d+)"')
numbers = count()


@pytest.fixture(scope="module")
def admin(site):
    """The admin of a site with visits on three days."""
    for day, times in ((THURSDAY, 1), ("2025-12-10", 2), ("2025-12-16", 1)):
        site.time.go_to(f"{day}T09:30:00+06:00")
        for page, visits in PAGES.items():
            for _ in range(visits * times):
                number = next(numbers)
                visit = NewVisit(f"visitor{number % 9}", str(number), at_ms=site.time(), page=normal(page))
                site.services[Visits].register(visit)
    return panel(site)


def figures(page):
    return {name: int(value) for name, value in FIGURE.findall(page)}


def rows(page, dimension):
    return {
        unescape(row["label"]): (unescape(row["url"]), int(row["number"]))
        for row in ROW.finditer(page)
        if row["dimension"] == dimension
    }


def link(page, key):
    match = re.search(rf'data-key="{key}"[^>]* href="([^"]+)"', page)
    assert match, key
    return unescape(match[1])


def test_reports_return_503_while_visits_are_reread_after_an_upgrade_and_pages_open(site, admin, monkeypatch):
    site.services[Columns]._sums.forget()  # cached by other tests
    monkeypatch.setattr(log, "MAX_UNREAD_ROWS", 0)
    assert "visits" not in figures(admin.get("/admin/"))
    answer = admin.client.get("/api/reports/summary")
    assert_error(answer, 503, "still_counting")
    assert answer.headers["Retry-After"] == "10"


def test_the_link_of_a_row_filters_the_whole_page_by_exactly_its_value(admin):
    page = admin.get(f"/admin/?start={THURSDAY}&end={THURSDAY}")
    for label, (url, number) in rows(page, "page").items():
        filtered = admin.get(url)
        assert figures(filtered)["visits"] == number == PAGES[label], label
        assert list(rows(filtered, "page")) == [label]
    turned = admin.get(link(filtered, "turn 1"))
    assert figures(turned)["visits"] == 14 - number
    assert admin.get(link(turned, "remove 1")).count("chip") == page.count("chip")


def test_unique_visitors_have_their_mean_number_of_visits_where_visitors_are_exact(admin, sqlite_database):
    assert "6.2 visits each" in words(admin.get("/admin/?range=all"))  # 56 visits by 9 visitors
    assert "1.8 visits each" in words(admin.get("/admin/?range=all&page=/fares"))
    assert "visits each" not in words(admin.get("/admin/?range=all&page=/nowhere"))
    with Site(sqlite_database.url, Time.at("2025-10-01T10:00:00+06:00"), RETENTION_DAYS=30) as site:
        site.register("ayesha", visitId="1")
        site.time.pass_(days=40)
        site.reduce(30)
        for visit in ("2", "3"):
            site.register("ayesha", visitId=visit)
        reader = panel(site)
        assert "visits each" not in words(reader.get("/admin/?range=all"))
        assert "2.0 visits each" in words(reader.get("/admin/?range=7d"))


def test_every_link_of_a_view_leads_to_a_view(admin):
    page = admin.get("/admin/?range=28d&compare=year&country=&metric=visitors&tabs=channel,map,system")
    links = {unescape(url) for url in HREF.findall(page)} - {"/admin/visits"}
    assert len(links) > 60
    kinds = {tuple(part.partition("=")[0] for part in link.partition("?")[2].split("&")): link for link in links}
    for kind in kinds.values():
        admin.get(f"{kind}{'&' if '?' in kind else '?'}part=nothing")  # the address is valid
    for key in ("before", "figure visitors", "step 1", "tab places 2", "clear"):
        assert PART.findall(admin.get(link(page, key)))[:3] == ["head", "figures", "chart"], key


def test_a_whole_list_can_be_searched_and_has_slices(admin, monkeypatch):
    monkeypatch.setattr(breakdowns, "MAX_LINES_IN_LIST", 4)
    first = admin.get("/admin/?by=page&range=all")
    assert PART.findall(first) == ["head", "figures", "chart", "list"]
    assert "1 to 4 of 6" in words(first)
    second = admin.get(link(first, "pages after"))
    assert "5 to 6 of 6" in words(second)
    assert {*rows(first, "page"), *rows(second, "page")} == {*PAGES}
    assert [*rows(admin.get("/admin/?by=page&range=all&find=FARE"), "page")] == ["/fares"]
    assert PART.findall(admin.get(link(second, "back")))[-2:] == ["communities", "more"]


def test_a_page_that_needs_a_long_count_is_sent_before_its_parts(admin, monkeypatch):
    monkeypatch.setattr(view, "MAX_VISITS_AT_ONCE", 10)
    page = admin.get("/admin/?page=/fares&range=all")
    pending = re.findall(r'data-part="(\w+)"[^>]* data-pending', page)
    assert pending == ["figures", "chart", *(card.name for card in cards.SITE_CARDS), "more"]
    assert (figures(page)["upto"], "visits" in figures(page)) == (56, False)
    for name in pending:
        assert PART.findall(admin.get(f"/admin/?page=/fares&range=all&part={name}")) == [name]
    whole = re.search(r'class="button" href="([^"]+)">Count<', page)
    assert figures(admin.get(unescape(whole[1])))["visits"] == 16
    assert "data-pending" not in admin.get("/admin/?range=all")


def test_an_invalid_parameter_is_named_and_the_page_shows_the_view_without_it(admin):
    for query in ("range=month&start=2025-01-01", "pge=/fares", "by=color", "granularity=year", "offset=-1"):
        page = admin.get(f"/admin/?{query}", 400)
        assert f"{query.partition('=')[0]}: " in words(page)
        assert figures(page)["visits"] == 56


NAMES = [*VIEW_PARAMETERS, *SENDING_PARAMETERS, *DIMENSION_NAMES]
NAMES += ["range", "start", "end", "compare", "limit", "event:a:b", "event:"]
VALUES = ["", "all", "today", "year", "hour", "2025-12-01", "0001-01-01", "9999-12-31", "!", "\\", "figures"]
VALUES += [*DIMENSION_NAMES, "map", "999999", "1e9", "-1", "٣", "২"]
pairs_of_an_address = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES) | st.text(max_size=20))


@effort(25)
@given(st.lists(pairs_of_an_address, max_size=5))
def test_no_parameter_of_a_page_causes_an_error_of_the_server(admin, pairs):
    answer = admin.client.get("/admin/", query_string=pairs, headers=admin.headers)
    assert answer.status_code in (200, 400), answer.text
