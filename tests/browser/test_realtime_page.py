"""Overview and Realtime in front of an admin: rows come by the socket, wait while they are read, and cost little."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from support.members import Member, PlainMember, promote
from support.pages import check_accessible, expect, open_as, stat, visit_as
from support.processes import wait_until
from support.redis import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROME = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
COUNT_FETCHES = (
    "performance.getEntriesByType('resource').filter(({ initiatorType }) => initiatorType === 'fetch').length"
)
SOONER = "const later = setTimeout; window.setTimeout = (call, ms) => later(call, ms === 60_000 ? 500 : ms);"
REMEMBER_NUMBERS = """() => {
    const figure = document.querySelector("#insights-figures [data-stat=visits]");
    const rows = document.querySelector("#insights-periods-rows");
    const number = (text) => Number(text.replaceAll(",", ""));
    window.shown = { figure: [], cell: [] };
    const remember = new MutationObserver(() => {
        shown.figure.push(number(figure.textContent));
        shown.cell.push(number(rows.querySelector("[data-value]").textContent));
    });
    for (const each of [figure, rows]) remember.observe(each, { characterData: true, childList: true, subtree: true });
}"""
"""The numbers of the running day, one after the other."""


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database):
    return module_servers(module_sqlite_database, PORT=free_port(), STARTING_TOTAL=4000).start()


@pytest.fixture(scope="module")
def admin(site) -> Member:
    member = Member(site, "rani")
    promote(site, member)
    return member


def live(page: Page) -> Page:
    expect(page.locator("[data-line]")).to_contain_text("Live")
    return page


@pytest.fixture
def realtime(tab, admin) -> Page:
    return live(visit_as(tab, admin, "/admin/realtime"))


def rows(page: Page):
    return page.locator("[data-newest] tbody tr[data-id]")


def test_new_site_says_that_there_are_no_visits_until_there_is_one(realtime, site):
    expect(realtime.get_by_text("No visits yet.")).to_be_visible()
    site.register("first", page="/fares")
    expect(rows(realtime)).to_have_count(1)
    expect(realtime.get_by_text("No visits yet.")).to_be_hidden()


def test_script_that_arrives_late_misses_no_event(tab, admin):
    tab.route("**/js/realtime.js", hold_back)
    live(visit_as(tab, admin, "/admin/realtime"))


def hold_back(route):
    """As a slow line does: long enough for a socket to open and to send its first event."""
    time.sleep(1)
    route.continue_()


def test_visit_is_a_row_a_minute_and_a_place_without_a_request(realtime, site):
    page = realtime
    before = page.evaluate(COUNT_FETCHES)
    told = site.register("nusrat", page="/fares", userAgent=CHROME)
    expect(rows(page).first).to_contain_text(f"{told.ordinal:,}")
    expect(rows(page).first).to_contain_text("/fares")
    expect(rows(page).first).to_contain_text("Chrome · Android")
    expect(stat(page, "totalVisits")).to_have_text(f"{told.ordinal:,}")
    expect(page.locator("#pages li").first).to_contain_text("/fares")
    expect(page.locator("#places li").first).to_contain_text("Unknown")
    expect(page.locator("[data-most]")).to_have_text(re.compile("[1-9]"))
    expect(page.locator("[data-line]")).to_have_text(re.compile(r"Live · \d+ a minute"))
    expect(page).to_have_title(re.compile(r"^\d+ · Realtime"))
    assert "nusrat" not in page.content()
    assert page.evaluate(COUNT_FETCHES) == before


def test_rows_wait_while_they_are_read_or_paused(realtime, site):
    page, button = realtime, realtime.locator("[data-pause]")
    site.register("first", page="/first")
    expect(rows(page).first).to_contain_text("/first")
    rows(page).first.hover()
    site.register("second", page="/second")
    expect(button).to_have_text("Pause · 1 new")
    expect(rows(page).first).to_contain_text("/first")
    page.mouse.move(0, 0)
    expect(rows(page).first).to_contain_text("/second")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    for number in range(2):
        site.register("third", page=f"/third-{number}")
    expect(button).to_have_text("Resume · 2 new")
    expect(rows(page).first).to_contain_text("/second")
    page.keyboard.press("Enter")
    expect(rows(page).first).to_contain_text("/third-1")
    expect(button).to_have_text("Pause")
    rows(page).first.locator("a").first.focus()
    site.register("fourth", page="/fourth")
    expect(button).to_have_text("Pause · 1 new")


def test_community_which_a_member_enters_and_leaves_is_named(realtime, site, admin):
    community = admin.found("Mirpur 10 commuters")
    member = Member(site).join(community)
    row = realtime.locator("#traffic tbody tr", has_text="Mirpur 10 commuters")
    with PlainMember(site.port, community, member.token):
        expect(row.locator("td")).to_have_text(["1", "1", "0"])
        row.get_by_role("link").focus()
    expect(row.locator("td")).to_have_text(["0", "1", "1"])
    expect(row.get_by_role("link")).to_be_focused()


def test_overview_keeps_its_rows_and_charts_by_the_socket(tab, admin, site):
    page = live(visit_as(tab, admin, "/admin/"))
    page.wait_for_load_state("networkidle")
    before = page.evaluate(COUNT_FETCHES)
    for number in range(12):
        told = site.register(f"visitor-{number}", page="/map")
    expect(rows(page).first).to_contain_text(f"{told.ordinal:,}")
    assert rows(page).count() == 10
    page.locator("#insights-periods summary").click()
    today = f"{site.stats().today:,}"
    expect(page.locator("#insights-periods-rows tr:first-child [data-value]")).to_have_text(today)
    expect(page.locator("#insights-figures [data-stat=visits]")).to_have_text(today)
    assert page.evaluate(COUNT_FETCHES) == before


def test_an_answer_that_is_older_than_the_line_takes_nothing_back(new_device, admin, site):
    device = new_device()
    device.context.add_init_script(SOONER)
    page = live(open_as(device, admin, "/admin/"))
    page.wait_for_load_state("networkidle")
    page.evaluate(REMEMBER_NUMBERS)
    held = []
    page.route("**/admin/?part=*", lambda route: held.append((route, route.fetch())))
    site.register("first", page="/late")
    wait_until(lambda: page.evaluate("0") == 0 and held, "an answer is on its way")
    for number in range(5):
        site.register(f"later-{number}", page="/late")
    figure, cell = "#insights-figures [data-stat=visits]", "#insights-periods-rows tr:first-child [data-value]"
    today = f"{site.stats().today:,}"
    expect(page.locator(figure)).to_have_text(today)
    (route, answer), *_ = held
    with page.expect_response("**/admin/?part=*"):
        route.fulfill(response=answer)
    page.unroute("**/admin/?part=*")
    site.register("last", page="/late")
    page.locator("#insights-periods summary").click()
    today = f"{site.stats().today:,}"
    expect(page.locator(figure)).to_have_text(today)
    expect(page.locator(cell)).to_have_text(today)
    shown = page.evaluate("shown")
    assert all(numbers == sorted(numbers) and len(set(numbers)) > 1 for numbers in shown.values()), shown


def test_page_is_complete_without_scripts(new_device, admin, site):
    told = site.register("still", page="/still")
    page = open_as(new_device(java_script_enabled=False), admin, "/admin/realtime")
    expect(rows(page).first).to_contain_text(f"{told.ordinal:,}")
    page.locator("#minutes summary").click()
    expect(page.locator("#minutes tbody tr")).to_have_count(60)
    assert page.locator("[data-pause]").is_hidden()


def test_page_is_accessible(realtime):
    check_accessible(realtime)


def test_texts_of_visitors_are_text(realtime, site):
    hostile = "<img src=x onerror=alert(1)>"
    site.register("hostile", page=hostile, userAgent=f"{hostile}/1")
    expect(rows(realtime).first).to_contain_text(hostile)
    assert realtime.locator("img").count() == 0
