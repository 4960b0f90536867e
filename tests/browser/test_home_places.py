"""Where visitors are, as the page shows it: written by the server, and kept up by the script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from support.pages import expect, visit, wait_for
from support.redis import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = '<img src=x onerror="window.hacked = true">'
DHAKA, ELSEWHERE, YANGON, OSAKA = "103.4.145.245", "103.4.146.1", "103.4.147.1", "103.4.148.1"

BARS = "rows => rows.map((row) => [row.children[0].textContent, row.querySelector('rect').getAttribute('width')])"
SETTLE = "Promise.allSettled(document.getAnimations().map((each) => each.finished))"
NOTE_GROWING = """() => {
  window.growing = [];
  document.addEventListener("transitionrun", ({ target }) => window.growing.push(target.getAttribute("width")));
}"""


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database, tmp_path_factory):
    """Behind a proxy, with a database of cities, one of which nobody should have let in."""
    writer = MMDBWriter(4)
    writer.insert_network(IPSet(["103.4.145.0/24"]), {"city": "Dhaka", "country_code": "BD"})
    writer.insert_network(IPSet(["103.4.146.0/24"]), {"city": HOSTILE, "country_code": "BD"})
    writer.insert_network(IPSet(["103.4.147.0/24"]), {"city": "", "country_code": "MM"})
    writer.insert_network(IPSet(["103.4.148.0/24"]), {"city": "", "country_code": "JP"})
    cities = tmp_path_factory.mktemp("places") / "cities.mmdb"
    writer.to_db_file(str(cities))
    settings = {"GEOIP_DATABASE": cities, "TRUSTED_PROXIES": 1, "PORT": free_port()}
    site = module_servers(module_sqlite_database, **settings).start()
    for visitor in range(4):
        register_from(site, DHAKA, f"dhaka{visitor}")
    register_from(site, ELSEWHERE, "mallory")
    return site


def register_from(site, address: str, visitor: str) -> None:
    answer = site.post("/api/visitor/register", json={"visitorId": visitor}, headers={"X-Forwarded-For": address})
    assert answer.ok, answer.text


def bars(page: Page) -> list[list[str]]:
    return page.locator("[data-places] li").evaluate_all(BARS)


def test_bars_are_as_long_as_the_largest_lets_them(new_device, site):
    unscripted = new_device(java_script_enabled=False).open()
    expect(unscripted.locator("[data-places] li")).to_contain_text(["Dhaka, Bangladesh4", f"{HOSTILE}, Bangladesh1"])
    page = new_device(extra_http_headers={"X-Forwarded-For": DHAKA}).context.new_page()
    visit(page)
    expect(page.locator("[data-places] data")).to_have_text(["5", "1"])
    assert bars(page) == [["Dhaka, Bangladesh", "100%"], [f"{HOSTILE}, Bangladesh", "20%"]]
    page.evaluate(SETTLE)  # rows that no frame has shown yet would be drawn as long as they became, without growing
    page.evaluate(NOTE_GROWING)
    register_from(site, ELSEWHERE, "trudy")
    expect(page.locator("[data-places] data")).to_have_text(["5", "2"])
    assert bars(page)[1] == [f"{HOSTILE}, Bangladesh", "40%"]
    wait_for(page, lambda: "40%" in page.evaluate("window.growing"), "the bar grows")
    assert page.evaluate("window.hacked") is None


def test_places_are_named_in_the_language_of_the_page(new_device, site):
    page = new_device(locale="bn-BD", extra_http_headers={"X-Forwarded-For": DHAKA}).open()
    expect(page.locator("[data-places] li").first).to_contain_text("ঢাকা, বাংলাদেশ")
    for address, name in ((YANGON, "মিয়ানমার"), (OSAKA, "জাপান")):  # by the script: the page did not have them
        register_from(site, address, f"visitor-{address}")
        expect(page.get_by_text(name, exact=True)).to_be_visible()
    unscripted = new_device(locale="bn-BD", java_script_enabled=False).open()
    expect(unscripted.locator("[data-places]")).to_contain_text("মিয়ানমার")
    expect(unscripted.locator("[data-places]")).to_contain_text("জাপান")
