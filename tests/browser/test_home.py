"""GET / for visitors: the tests of the original clients, and everything else the page promises. The third of those
tests, about the panel, is in test_overview.py.
"""

import re

from pages import expect, freeze, live, sent_by, stat, transferred, visit, wait_for

FIRST_VISIT = "🆕 First visit in this session - registering with backend..."
REGISTERED = "✅ Visit registered with backend"
CONNECTED = "Connected to KoyJabo Analytics Stream"
MAX_BYTES = 30_000

SHIFTED = """
() => new Promise((resolve) => {
  let sum = 0;
  const isOfFooter = ({ node }) => node?.closest?.("footer");  // grows at the bottom while the page arrives
  const watch = (list) => {
    for (const { value, sources } of list.getEntries()) if (!sources.every(isOfFooter)) sum += value;
  };
  new PerformanceObserver(watch).observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 300);
})
"""


def total_is(page, total: int) -> None:
    expect(stat(page, "totalVisits")).to_have_text(f"{total:,}")
    expect(page.locator("[data-board]")).to_have_text(f"{total:,}")


def test_1_single_device(device, site):
    page = live(device.open())
    device.console.clear()
    page.evaluate("localStorage.clear()")
    with page.expect_response("**/register") as answer:
        page.reload()
    wait_for(page, lambda: CONNECTED in device.console, "it is connected")
    told = answer.value.json()["stats"]
    total, today, active = told["totalVisits"], told["todayVisits"], told["activeUsers"]
    sync_line = f"📊 Backend sync - Total: {total}, Today: {today}, Active: {active}"
    assert device.console == [FIRST_VISIT, REGISTERED, sync_line, CONNECTED]
    assert (total, today) == (site.stats().total, site.stats().today)
    total_is(page, total)


def test_2_multiple_devices(new_device, site):
    """A reload is the same session, and a new tab another."""
    a, b = new_device(), new_device()
    page = live(a.open())
    before, visitor = site.stats(), page.evaluate("localStorage.visitorId")
    total_is(page, before.total)
    page.reload()
    live(page)
    assert (site.stats().total, a.console.count(FIRST_VISIT)) == (before.total, 1)
    other = a.open()
    total_is(other, before.total + 1)
    assert (other.evaluate("localStorage.visitorId"), site.stats().unique) == (visitor, before.unique)
    total_is(b.open(), before.total + 2)
    total_is(page, before.total + 2)


def test_a_visit_updates_the_home_page_without_polling(page, site):
    """The page's clock is frozen, so the update must be immediate. The title changes first, since digits may pause for
    a second.
    """
    page.clock.install()
    visit(page)
    freeze(live(page))
    asked = sent_by(page, "/")
    total = site.register("somebody").stats.total
    expect(page).to_have_title(re.compile(f"^{total:,} "))
    assert asked == []


def test_the_home_page_is_small_and_loads_only_files_of_this_server(device, site):
    page = live(device.open())
    expect(page.locator("[data-day] .plot")).to_have_attribute("role", "slider")  # lazily loaded parts are there
    page.wait_for_load_state("networkidle")
    files = transferred(page)
    assert sum(files.values()) < MAX_BYTES, files
    assert all(name.startswith(f"http://localhost:{site.port}/") for name in files)


def test_the_home_page_in_bangla_has_bengali_digits_and_no_layout_shifts(new_device, site):
    page = new_device(locale="bn-BD", viewport={"width": 360, "height": 740}).open()
    expect(page.locator("[data-line=live]")).to_be_visible()
    assert page.evaluate(SHIFTED) < 0.01
    bengali = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
    total = site.register("somebody").stats.total
    expect(stat(page, "totalVisits")).to_have_text(f"{total:,}".translate(bengali))
