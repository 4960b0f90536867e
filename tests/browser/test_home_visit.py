"""The visitor's own number, and what a visit moves on the page of another: number, line, newest visits, and a dot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from support.pages import expect, live, stat, visit, wait_for
from support.redis import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

DHAKA, OSAKA = "103.4.145.245", "103.4.148.1"
LONGEST = 123_456_789_012
HAS_SHARED = "window.shared = []; navigator.share = async (what) => { window.shared.push(what); };"
NTH = """async (numbers) => {
  const { nth } = await import("/static/js/home/own-visit.js");
  return numbers.map(nth);
}"""
HEIGHT = "-document.querySelector('[data-hour] polyline').points.getItem(59).y"
NOT_COUNTED = "if (location.port) localStorage.setItem('koyjabo.doNotCount', '1')"
COUNT_RINGS = """() => {
  window.rings = 0;
  const isRing = (node) => node.classList?.contains("ring");
  const count = (all) => { for (const { addedNodes } of all) rings += [...addedNodes].filter(isRing).length; };
  const map = document.querySelector("[data-map=divisions]");
  new MutationObserver(count).observe(map, { childList: true, subtree: true });
}"""
LOADED = "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('dots.json'))"
OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database, tmp_path_factory):
    """Behind a proxy, with a database of cities."""
    writer = MMDBWriter(4)
    writer.insert_network(IPSet(["103.4.145.0/24"]), {"city": "Dhaka", "country_code": "BD"})
    writer.insert_network(IPSet(["103.4.148.0/24"]), {"city": "", "country_code": "JP"})
    cities = tmp_path_factory.mktemp("places") / "cities.mmdb"
    writer.to_db_file(str(cities))
    settings = {"GEOIP_DATABASE": cities, "TRUSTED_PROXIES": 1, "PORT": free_port(), "STARTING_TOTAL": 4000}
    return module_servers(module_sqlite_database, **settings).start()


def register_from(site, address: str, visitor: str) -> int:
    answer = site.post("/api/visitor/register", json={"visitorId": visitor}, headers={"X-Forwarded-For": address})
    assert answer.ok, answer.text
    return answer.json()["visit"]["ordinal"]


def has_later_parts(page: Page) -> Page:
    """What is loaded after the number is there, and the positions for the maps, when they are first seen."""
    expect(page.locator("[data-feed] time").first).to_have_text(re.compile("ago$"))
    assert not page.evaluate(LOADED)
    page.locator(".maps").scroll_into_view_if_needed()
    wait_for(page, lambda: page.evaluate(LOADED), "the positions of places are loaded")
    return page


def own(page: Page):
    return page.locator("[data-own]")


def test_visitor_has_a_number_that_stays_after_a_reload_and_can_be_shared(device, site):
    device.context.add_init_script(HAS_SHARED)
    page = live(device.open())
    stats = site.stats()
    number = rf"^You are visit no\. {stats.total:,}, the {stats.today}(st|nd|rd|th) today\.$"
    expect(own(page)).to_have_text(re.compile(number))
    site.register("somebody")
    page.reload()
    expect(own(page)).to_contain_text(f"You are visit no. {stats.total:,}, ")
    page.get_by_role("link", name="Share my number").click()
    (shared,) = page.evaluate("shared")
    assert shared["text"] == f"I am visit no. {stats.total:,} on Koy Jabo."
    assert shared["url"].startswith(f"http://localhost:{site.port}/n/{stats.total}?s=")


def test_number_in_bangla_has_its_own_ordinals(new_device, site):
    page = new_device(locale="bn-BD").open()
    expect(page.locator("[data-line=live]")).to_be_visible()
    bengali = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
    expect(own(page)).to_contain_text(f"{site.stats().total:,}".translate(bengali))
    said = page.evaluate(NTH, [1, 2, 3, 4, 6, 11, 145])
    assert said == ["১ম", "২য়", "৩য়", "৪র্থ", "৬ষ্ঠ", "১১তম", "১৪৫তম"]


def test_browser_that_is_not_counted_has_no_number(device, site):
    device.context.add_init_script(NOT_COUNTED)
    before = site.stats().total
    page = live(device.open())
    expect(own(page)).to_have_text("This browser is not counted, so it has no number.")
    expect(page.get_by_role("link", name="Share my number")).to_be_hidden()
    assert site.stats().total == before


def test_visit_moves_number_line_list_and_dot(new_device, site):
    for visitor in range(3):
        register_from(site, DHAKA, f"dhaka{visitor}")
    page = has_later_parts(live(new_device(extra_http_headers={"X-Forwarded-For": OSAKA}).open()))
    dhaka, japan = page.locator("[data-dot=Dhaka]"), page.locator("[data-dot=JP]")
    expect(dhaka).to_have_text("Dhaka 3")
    expect(japan).to_have_count(0)
    page.evaluate(COUNT_RINGS)
    total = register_from(site, DHAKA, "dhaka3")
    expect(stat(page, "totalVisits")).to_have_text(f"{total:,}")
    expect(dhaka).to_have_text("Dhaka 4")
    expect(page.locator("[data-feed] li").first).to_contain_text("Someone in Dhaka, Bangladesh")
    expect(page.locator("[data-feed] time").first).to_have_text(re.compile(r"^\ds ago$"))
    wait_for(page, lambda: page.evaluate("window.rings"), "the dot pulses")
    for visitor in range(2):
        register_from(site, OSAKA, f"osaka{visitor}")
    expect(japan.locator("circle")).not_to_have_attribute("r", "0")
    expect(page.locator("[data-feed] li").first).to_contain_text("Someone in Japan")


def test_line_of_the_last_hour_rises_with_a_visit(page, site):
    def make_quiet(route) -> None:
        answer = route.fetch()
        hour = f'"hour": {[20] * 58 + [0, 0]}'
        route.fulfill(response=answer, body=re.sub(r'"hour": \[[^]]*\]', hour, answer.text()))

    page.route(f"http://localhost:{site.port}/", make_quiet)
    page.route("**/api/pulse", lambda route: route.abort())
    visit(page)
    live(page)
    before = page.evaluate(HEIGHT)
    for visitor in range(2):
        site.register(f"rahim{visitor}")
    wait_for(page, lambda: page.evaluate(HEIGHT) > before, "the line rises")


def test_page_shows_it_all_without_scripts(new_device, site):
    for visitor in range(3):
        register_from(site, DHAKA, f"dhaka{visitor}")
    page = new_device(java_script_enabled=False).open()
    expect(page.locator("[data-dot=Dhaka]")).to_contain_text(re.compile("^Dhaka [3-9]$"))
    expect(page.locator("[data-feed]")).to_contain_text("Someone in Dhaka, Bangladesh")
    expect(page.locator("[data-goal-words]")).to_contain_text("more to 5,000")
    expect(page.get_by_role("img", name="Visits a minute in the last hour")).to_be_visible()
    expect(own(page)).to_be_hidden()


@pytest.mark.parametrize("locale", [pytest.param("en-GB", marks=pytest.mark.long), "bn-BD"])
def test_own_number_of_twelve_digits_fits(new_device, locale):
    page = new_device(locale=locale, viewport={"width": 320, "height": 700}).context.new_page()
    receipt = {"ordinal": LONGEST, "today": LONGEST, "duplicate": False, "share": f"/n/{LONGEST}?s=0"}
    page.route("**/api/stats", lambda route: route.abort())
    page.route_web_socket("**/*", lambda socket: socket.close())

    def answer(route) -> None:
        told = route.fetch().json()
        numbers = dict.fromkeys(("totalVisits", "totalVisitors", "todayVisits"), LONGEST)
        route.fulfill(json={**told, "visit": receipt, "stats": {**told["stats"], **numbers}})

    page.route("**/api/visitor/register", answer)
    visit(page)
    expect(own(page).locator("strong")).to_have_count(2)
    assert page.evaluate(OVER) <= 0
