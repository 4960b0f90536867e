"""The visitor's own number, and what a visit moves on the page of another: number, line, newest visits and dots."""

from __future__ import annotations

import json
import re

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from support.browser.pages import MOVES, check_accessible, expect, live, stat, visit, wait_for

from koyjabo.network.geolocation import NAMES
from koyjabo.webkit.assets.static_files import FOLDER

HOSTILE = '<img src=x onerror="window.hacked = true">'
DHAKA, ELSEWHERE, YANGON, OSAKA = "103.4.145.245", "103.4.146.1", "103.4.147.1", "103.4.148.1"
CITIES = {DHAKA: ("Dhaka", "BD"), ELSEWHERE: (HOSTILE, "BD"), YANGON: ("", "MM"), OSAKA: ("", "JP")}
long = pytest.mark.long(proved_by="browser/test_home_visit.py::test_visit_moves_number_line_list_and_dot")

AFTER = "test_visits_after_it_are_those_that_were_counted_and_not_what_was_added_by_hand"
HAS_SHARED = "window.shared = []; navigator.share = async (what) => { window.shared.push(what); };"
NTH = """async (numbers) => {
  const { nth } = await import("/static/home/own-visit.js");
  return numbers.map(nth);
}"""
CODES = """async (names) => {
  const { countryCode } = await import("/static/webkit/places.js");
  return names.map(countryCode);
}"""
COUNT_RINGS = """() => {
  window.rings = 0;
  const isRing = (node) => node.classList?.contains("ring");
  const count = (all) => { for (const { addedNodes } of all) rings += [...addedNodes].filter(isRing).length; };
  const map = document.querySelector("[data-map=divisions]");
  new MutationObserver(count).observe(map, { childList: true, subtree: true });
}"""
LOADED = "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('dots.json'))"


@pytest.fixture(scope="module")
def site(new_site, tmp_path_factory):
    """Behind a proxy, with a database of cities, one of which should not have been let in."""
    writer = MMDBWriter(4)
    for address, (city, country) in CITIES.items():
        network = IPSet([f"{address.rpartition('.')[0]}.0/24"])
        writer.insert_network(network, {"city": city, "country_code": country})
    cities = tmp_path_factory.mktemp("places") / "cities.mmdb"
    writer.to_db_file(str(cities))
    return new_site(GEOIP_DATABASE=cities, TRUSTED_PROXIES=1)


def register_from(site, address: str, visitor: str) -> int:
    answer = site.post("/api/visitor/register", json={"visitorId": visitor}, headers={"X-Forwarded-For": address})
    assert answer.ok, answer.text
    return answer.json()["visit"]["ordinal"]


def has_later_parts(page):
    """What is loaded after the number is there, and the positions for the maps, when they are first seen."""
    expect(page.locator("[data-feed] time").first).to_have_text(re.compile("ago|now$"))
    assert not page.evaluate(LOADED)
    page.locator(".maps").scroll_into_view_if_needed()
    wait_for(page, lambda: page.evaluate(LOADED), "the positions of places are loaded")
    return page


def own(page):
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
    ways = page.get_by_role("dialog", name="Share this number")
    ways.get_by_role("button", name="Share with an app…").click()
    (shared,) = page.evaluate("shared")
    assert shared["text"] == f"Visit no. {stats.total:,} on Koy Jabo"
    assert shared["url"].startswith(f"http://localhost:{site.port}/n/{stats.total}?s=")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Share my number")).to_be_focused()
    follows_its_number(page, site, shared["url"])


def follows_its_number(page, site, url: str) -> None:
    """The page of the number is live, and counts no visit."""
    page.goto(url)
    expect(page.locator("[data-after]")).to_have_text("1 visit has come after it.")
    site.register("somebody-else")
    expect(page.locator("[data-after]")).to_have_text("2 visits have come after it.")
    expect(page.locator("[data-next]")).to_have_text("Open Koy Jabo")  # this session has its number


@pytest.mark.long(proved_by=f"counting/test_visit_number.py::{AFTER}")
def test_page_of_a_number_asks_again_when_the_total_was_set_by_hand(page, site):
    answer = site.post("/api/visitor/register", json={"visitorId": "ayesha"}).json()["visit"]
    number = answer["ordinal"]
    page.goto(f"http://localhost:{site.port}{answer['share']}")
    expect(page.locator("[data-after]")).to_have_text("No visit has come after it yet.")
    expect(page.locator("[data-next]")).to_have_text(f"Be no. {number + 1:,}")
    check_accessible(page)
    assert site.koyjabo("total", "set", str(number + 500)).returncode == 0
    assert site.register("babul").ordinal == number + 501
    expect(page.locator("[data-after]")).to_have_text("1 visit has come after it.")
    expect(page.locator("[data-next]")).to_have_text(f"Be no. {number + 502:,}")


def test_visit_moves_number_line_list_and_dot(new_device, site):
    for visitor in range(3):
        register_from(site, DHAKA, f"dhaka{visitor}")
    page = has_later_parts(live(new_device(**MOVES, extra_http_headers={"X-Forwarded-For": OSAKA}).open()))
    dhaka, japan = page.locator("[data-dot=Dhaka]"), page.locator("[data-dot=JP]")
    expect(dhaka).to_have_text(re.compile(r"Dhaka \d+"))
    people, others = int((dhaka.text_content() or "").split()[1]), japan.count()
    page.evaluate(COUNT_RINGS)
    total = register_from(site, DHAKA, f"dhaka-{people}")
    expect(stat(page, "totalVisits")).to_have_text(f"{total:,}")
    expect(dhaka).to_have_text(f"Dhaka {people + 1}")
    expect(page.locator("[data-feed] li").first).to_contain_text("Someone in Dhaka, Bangladesh")
    expect(page.locator("[data-feed] time").first).to_have_text("just now")
    wait_for(page, lambda: page.evaluate("window.rings"), "the dot pulses")
    assert others == 0, "two people are not shown"
    for visitor in range(2):
        register_from(site, OSAKA, f"osaka{visitor}")
    expect(japan.locator("circle")).not_to_have_attribute("r", "0")
    expect(page.locator("[data-feed] li").first).to_contain_text("Someone in Japan")


def test_browser_knows_each_country_of_the_map_by_the_name_that_the_server_gives_it(tab):
    """Browsers have names for withdrawn codes, too: "UK" and "FX" are as good a name to them as "GB" and "FR"."""
    visit(tab)
    codes = list(json.loads((FOLDER / "vendor" / "dots.json").read_text())["countries"])
    assert {"GB", "FR", "RU", "RS", "BJ", "BF", "TL", "DE", "YE"} <= set(codes)
    assert tab.evaluate(CODES, [NAMES[code] for code in codes]) == codes


@long
def test_hostile_places_are_texts(new_device, site):
    for visitor in ("mallory", "trent"):
        register_from(site, ELSEWHERE, visitor)
    page = live(new_device(extra_http_headers={"X-Forwarded-For": ELSEWHERE}).open())
    expect(page.locator("[data-places] li").filter(has_text=f"{HOSTILE}, Bangladesh")).to_have_count(1)
    assert page.evaluate("window.hacked") is None


@long
def test_number_and_places_are_in_the_language_of_the_page(new_device, site):
    page = new_device(locale="bn-BD", extra_http_headers={"X-Forwarded-For": DHAKA}).open()
    expect(page.locator("[data-line=live]")).to_be_visible()
    bengali = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
    expect(own(page)).to_contain_text(f"{site.stats().total:,}".translate(bengali))
    assert page.evaluate(NTH, [1, 2, 3, 4, 6, 11, 145]) == ["১ম", "২য়", "৩য়", "৪র্থ", "৬ষ্ঠ", "১১তম", "১৪৫তম"]
    expect(page.locator("[data-places] li").first).to_contain_text("ঢাকা, বাংলাদেশ")
    for address, name in ((YANGON, "মিয়ানমার"), (OSAKA, "জাপান")):  # by the script: the page did not have them
        register_from(site, address, f"visitor-{address}")
        expect(page.locator("[data-places]").get_by_text(name, exact=True)).to_be_visible()
