"""Our pages without a network: the service worker has the last copy of the home page, and waiting visits are sent
later.
"""

import re

import pytest
from pages import Device, away, check_accessible, expect, live, log_in, visit, wait_for
from support.programs.zone import ZONE

long = pytest.mark.long(
    proved_by="browser/test_offline.py::test_a_visit_without_a_network_counts_once_when_the_network_is_back"
)

LINKS = "[...document.links].filter((link) => link.checkVisibility()).map(({ href }) => new URL(href).pathname)"
NO_PATIENCE = "() => { const wait = setTimeout; self.setTimeout = (act, _, ...values) => wait(act, 0, ...values); }"
WAITING = "Object.keys(localStorage).filter((key) => key.startsWith('koyjabo.waiting')).map((key) => localStorage[key])"
MADE = f"""
new Date(JSON.parse(document.getElementById("known").textContent).nowMs)
  .toLocaleTimeString("en", {{ hour12: false, timeZone: "{ZONE.key}" }})
"""
IN_TWO_DAYS = "const now = Date.now; Date.now = () => now() + 2 * 86_400_000;"
TEN_MINUTES_AGO = "const now = Date.now; Date.now = () => now() - 600_000;"


@pytest.fixture
def device(new_device):
    return new_device(service_workers="allow")


def ready(page):
    """A home page whose service worker has cached what it needs."""
    live(page)
    wait_for(page, lambda: page.evaluate("caches.match('/offline').then((copy) => !!copy)"), "it has a copy")
    page.evaluate("navigator.serviceWorker.ready")
    return page


def rows(site, visitor: str) -> list[tuple]:
    return site.database.rows(f"SELECT waited_ms FROM visits WHERE visitor_id = '{visitor}' ORDER BY id")


def test_a_visit_without_a_network_counts_once_when_the_network_is_back(device, site):
    page = ready(device.open())
    visitor, shown = page.evaluate("localStorage.visitorId"), site.stats().total
    page.close()
    with away(site):
        page = device.context.new_page()
        page.add_init_script(TEN_MINUTES_AGO)
        visit(page)
        expect(page.locator("[data-stat=totalVisits]")).to_have_attribute("data-value", str(shown))
        expect(page.locator("[data-connection]")).to_contain_text(f"Last updated {page.evaluate(MADE)}.")
        expect(page.locator("[data-own]")).to_have_text("Your visit will be counted once you are back online.")
        wait_for(page, lambda: page.evaluate(WAITING) == ["0"], "it waits in the database")
        assert page.evaluate("window.performance.getEntriesByType('navigation')[0].workerStart > 0")
        page.close()
    page = live(device.open())
    wait_for(page, lambda: len(rows(site, visitor)) == 3, "it is counted")
    assert sorted(late // 60_000 for (late,) in rows(site, visitor)) == [0, 0, 10]
    wait_for(page, lambda: page.evaluate(WAITING) == [], "nothing waits")
    live(device.open())  # this also sends everything else that is waiting
    wait_for(page, lambda: len(rows(site, visitor)) >= 4, "it is counted")
    assert (len(rows(site, visitor)), site.stats().total) == (4, shown + 3)


def test_an_offline_page_shows_whether_network_or_server_is_away_and_reloads_by_itself(device, site):
    page = ready(device.open())
    with away(site):
        visit(page, "/receipt")
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_contain_text("Koy Jabo")
        assert set(page.evaluate(LINKS)) == {"/", "/receipt"}
        device.context.set_offline(True)
        expect(heading).not_to_contain_text("Koy Jabo")
        device.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")  # by itself it asks every 4 s
    expect(page.locator("#receipt-lines")).to_be_visible()


def test_a_slow_page_is_not_replaced_by_the_offline_page(device, site):
    page = ready(device.open())
    (worker,) = device.context.service_workers
    worker.evaluate(NO_PATIENCE)
    visit(page, "/receipt")
    expect(page.locator("#receipt-lines")).to_be_visible()


@long
def test_the_service_worker_never_caches_private_and_changing_pages(device, site, karim):
    page = ready(device.open())
    log_in(device, karim)
    for path in ("/", "/account", "/communities"):
        visit(page, path)
    wait_for(page, lambda: page.evaluate("!!navigator.serviceWorker.controller"), "it has the page")
    kept = page.evaluate(
        "caches.keys().then((names) => caches.open(names[0])).then((cache) => cache.keys())"
        ".then((all) => all.map(({ url }) => new URL(url).pathname))"
    )
    assert {"/", "/offline"} <= set(kept)
    assert all(path in ("/", "/offline") or path.startswith("/static/v-") for path in kept)
    with away(site):
        page.add_init_script(IN_TWO_DAYS)
        visit(page)
        assert karim.name not in page.content()
        made = re.compile(r"Last updated [A-Z][a-z]+ \d+ at \d\d:\d\d:\d\d\.$")
        expect(page.locator("[data-connection]")).to_have_text(made)
        for path in ("/docs", "/account", "/admin/", "/login", "/communities", "/n/1"):
            visit(page, path)
            expect(page.locator("[data-offline]")).to_be_visible()
        check_accessible(page)
        with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
            device.context.new_page().goto("/api/stats")


@long
def test_the_service_worker_sends_waiting_visits_when_the_network_is_back(device, site):
    page = ready(device.open())
    visitor = page.evaluate("localStorage.visitorId")
    page.close()
    with away(site):
        page = device.open()
        wait_for(page, lambda: page.evaluate(WAITING) == ["0"], "it waits in the database")
        page.close()
    page = device.open("/docs")  # this page counts nothing
    sync(device, page)
    wait_for(page, lambda: len(rows(site, visitor)) == 2, "it is counted")
    live(device.open())
    wait_for(page, lambda: page.evaluate(WAITING) == [], "the next page finds out")
    assert len(rows(site, visitor)) == 3


def sync(device: Device, page) -> None:
    """Send waiting visits, as the browser does some time after the network is back."""
    session, registrations = device.context.new_cdp_session(page), []
    session.on("ServiceWorker.workerRegistrationUpdated", lambda said: registrations.extend(said["registrations"]))
    session.send("ServiceWorker.enable")
    wait_for(page, lambda: registrations, "it names the registration")
    registration = registrations[0]["registrationId"]
    event = {"registrationId": registration, "tag": "koyjabo", "lastChance": False}
    session.send("ServiceWorker.dispatchSyncEvent", {"origin": page.evaluate("origin"), **event})
