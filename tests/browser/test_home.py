"""GET / for visitors: the tests of the original clients, and everything else the page promises. The third of those
tests, about the panel, is in test_overview.py.
"""

import re

import pytest
from support.browser.pages import expect, freeze, live, sent_by, stat, transferred, visit, wait_for

long = pytest.mark.long(proved_by="browser/test_home.py::test_2_multiple_devices")

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
WATCH_ANNOUNCEMENT = """() => {
  const element = document.querySelector("[data-announcement]");
  const active = document.querySelector("[data-stat=activeUsers]");
  new MutationObserver(() => { window.announced ??= [element.textContent, Number(active.dataset.value)]; })
    .observe(element, { childList: true });
}"""
"""Keeps what is announced, and the number of active visitors that the page shows then. Others become inactive later."""


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
    a = live(new_device().open())
    total_is(a, site.stats().total)
    before = site.stats().total
    b = new_device().open()
    total_is(b, before + 1)
    total_is(a, before + 1)


def test_page_is_updated_without_polling(page, site):
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


def test_reload_is_the_same_session_and_a_new_tab_another(device, site):
    page = live(device.open())
    before = site.stats()
    visitor = page.evaluate("localStorage.getItem('visitorId')")
    page.reload()
    live(page)
    assert (site.stats().total, device.console.count(FIRST_VISIT)) == (before.total, 1)
    other = device.open()
    total_is(other, before.total + 1)
    assert other.evaluate("localStorage.getItem('visitorId')") == visitor
    assert site.stats().unique == before.unique


@long
def test_phone_of_some_years_ago_counts_and_is_updated_as_well(device, site):
    device.context.add_init_script("delete Object.hasOwn; delete AbortSignal.timeout")
    before = site.stats().total
    total_is(live(device.open()), before + 1)


def test_page_is_small_and_all_of_it_is_ours(device, site):
    page = live(device.open())
    expect(page.locator("[data-day] .plot")).to_have_attribute("role", "slider")  # lazily loaded parts are there
    page.wait_for_load_state("networkidle")
    files = transferred(page)
    assert sum(files.values()) < MAX_BYTES, files
    assert all(name.startswith(f"http://localhost:{site.port}/") for name in files)


@long
def test_screen_readers_announce_the_numbers_now_and_then(page, site):
    page.clock.install()
    visit(page)
    announcement = live(page).locator("[data-announcement]")
    for _ in range(2):
        total_is(page, site.register("somebody").stats.total)
    expect(announcement).to_be_empty()
    page.evaluate(WATCH_ANNOUNCEMENT)
    page.clock.fast_forward(15_000)
    wait_for(page, lambda: page.evaluate("window.announced"), "the numbers are announced")
    words, active = page.evaluate("window.announced")
    stats = site.stats()
    assert words == f"{stats.total:,} visits in total, {stats.today:,} today, {active:,} active now."


def test_phone_in_bangla_shows_bangla_digits_without_layout_shifts(new_device, site):
    page = new_device(locale="bn-BD", viewport={"width": 360, "height": 740}).open()
    expect(page.locator("[data-line=live]")).to_be_visible()
    assert page.evaluate(SHIFTED) < 0.01
    bengali = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
    total = site.register("somebody").stats.total
    expect(stat(page, "totalVisits")).to_have_text(f"{total:,}".translate(bengali))
