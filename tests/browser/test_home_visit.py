"""The visitor's own number, and what a visit changes on another visitor's page: number, light, hour and locations."""

import re

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from pages import MOVES, expect, live, stat, visit, wait_for

HOSTILE = '<img src=x onerror="window.hacked = true">'
DHAKA, OSAKA, YANGON, LAHORE, KABUL = (f"103.4.{number}.1" for number in range(145, 150))
CITIES = {DHAKA: (HOSTILE, "BD"), OSAKA: ("", "JP"), YANGON: ("", "MM"), LAHORE: ("", "PK"), KABUL: ("", "AF")}

HAS_SHARED = "window.shared = []; navigator.share = async (what) => { window.shared.push(what); };"

COUNT_BEATS = """() => {
  window.beats = 0;
  const animate = Element.prototype.animate;
  Element.prototype.animate = function (frames, options) {
    if (this.matches("[data-light]") && !options.pseudoElement) beats += 1;
    return animate.call(this, frames, options);
  };
}"""
RESTS = "!document.querySelector('[data-light]').getAnimations({ subtree: true }).length"
SAID = "document.querySelector('[data-day] .plot').getAttribute('aria-valuetext')"


@pytest.fixture(scope="module")
def site(new_site, tmp_path_factory):
    """A site behind a proxy, with a city database that contains an invalid city."""
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


def crowd_from(site, address: str) -> int:
    """Register more visitors than there are in any other place. Returns the total."""
    places = site.stats().raw["locations"].values()
    size = max((place["count"] for place in places), default=0) + 1
    return [register_from(site, address, f"{address}-{number}") for number in range(size)][-1]


def own(page):
    return page.locator("[data-own]")


def test_a_visit_number_stays_after_a_reload_and_can_be_shared(new_device, site):
    device = new_device()
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
    """Assert that a visit number's page is live and counts no visit."""
    page.goto(url)
    expect(page.locator("[data-after]")).to_have_text("There has been 1 visit since.")
    site.register("somebody-else")
    expect(page.locator("[data-after]")).to_have_text("There have been 2 visits since.")
    expect(page.locator("[data-next]")).to_have_text("Open Koy Jabo")  # this session has a number


def test_a_visit_updates_the_total_the_hours_and_the_locations_on_other_pages(new_device, site):
    page = live(new_device(**MOVES, extra_http_headers={"X-Forwarded-For": OSAKA}).open())
    expect(page.locator("[data-day] .plot")).to_have_attribute("role", "slider")
    wait_for(page, lambda: page.evaluate(RESTS), "it has beaten for this page's own visit")
    page.evaluate(COUNT_BEATS)
    before, places = page.evaluate(SAID), page.locator("[data-places]")
    expect(places).to_be_hidden()  # one location is known
    earlier, total = site.stats().total, crowd_from(site, DHAKA)
    expect(stat(page, "totalVisits")).to_have_text(f"{total:,}")
    expect(page.locator("[data-board]")).to_have_text(f"{total:,}")
    expect(places.locator("li").first).to_have_text(re.compile(rf"^{re.escape(HOSTILE)}, Bangladesh\d+$"))
    expect(places).to_be_visible()
    assert page.evaluate("window.hacked") is None
    now = page.evaluate(SAID)
    assert (now != before, bool(re.fullmatch(r"\d+–\d+: Visits \d+\. not over yet", now))) == (True, True)
    expect(page.locator("[data-hour]")).to_have_text(re.search(r"Visits (\d+)", now)[1])
    assert 1 <= page.evaluate("beats") <= total - earlier
    for number, address in enumerate((YANGON, LAHORE, KABUL)):
        register_from(site, address, f"far{number}")
    expect(places.locator("li")).to_have_count(4)
    expect(places.locator("li").last).to_have_text(re.compile(r"^\d more locations\d+$"))


NEW_DAY = """
  const now = Date.now;
  Date.now = () => now() + 86_400_000;
"""


def test_at_midnight_the_page_hides_its_hours_until_it_has_loaded_new_ones(new_device, site):
    page = new_device().context.new_page()
    page.clock.install()
    visit(page)
    expect(page.locator("[data-day] .plot")).to_have_attribute("role", "slider")
    page.wait_for_load_state("networkidle")
    asked, part = [], page.locator("#day")
    page.route(re.compile(r"/$"), lambda route: asked.append(route))
    page.evaluate(NEW_DAY)
    page.clock.run_for(1_500)
    expect(part).to_have_class("unknown")
    expect(page.locator("#yesterday")).to_have_class("unknown")
    site.register("somebody")
    wait_for(page, lambda: page.clock.run_for(1_000) or asked, "it is asked for")
    page.evaluate("Date.now = () => Number(document.querySelector('[data-day]').dataset.now)")
    asked[0].continue_()
    expect(part).not_to_have_class("unknown")
    expect(page.locator("[data-day] .plot")).to_have_attribute(
        "aria-valuetext", re.compile(r"Visits \d+\. not over yet")
    )
