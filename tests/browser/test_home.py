"""GET / for visitors: the tests of the original clients, everything else the page promises, and its failures. The third
of those tests, about the panel, is in test_overview.py.
"""

import re

from pages import away, expect, freeze, live, sent_by, stat, transferred, visit, wait_for

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


def test_a_visit_updates_the_home_page_without_polling(new_device, site):
    """The page's clock is frozen, so the update must be immediate. The title changes first, since digits may pause for
    a second.
    """
    page = new_device().context.new_page()
    page.clock.install()
    visit(page)
    freeze(live(page))
    asked = sent_by(page, "/")
    total = site.register("somebody").stats.total
    expect(page).to_have_title(re.compile(f"^{total:,} "))
    assert asked == []


def test_the_home_page_is_small_and_loads_only_files_of_this_server(new_device, site):
    page = live(new_device().open())
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


REGISTER = "**/api/visitor/register"
BACK_ONLINE = "dispatchEvent(new Event('online'))"


def own(page):
    return page.locator("[data-own]")


def line_says(page, words: str) -> None:
    expect(page.locator("[data-line]")).to_contain_text(words)


def test_the_home_page_shows_an_outage_of_the_server_and_is_right_afterwards(page, site):
    visit(page)
    line_says(page, "Live")
    before = site.stats().total
    asked = sent_by(page, "/api/stats")
    with away(site):
        line_says(page, "No connection")
        wait_for(page, lambda: len(asked) >= 2, "it goes on asking")
        total_is(page, before)
    missed = site.register("somebody").stats.total
    line_says(page, "Live")
    total_is(page, missed)


def test_a_registration_with_status_500_logs_a_warning_and_shows_the_number_from_get(page, device, site):
    lines, totals = set(), set()

    def keep(route) -> None:
        """Note what the page may write. Pages of earlier tests may still be leaving, so `activeUsers` may change."""
        response = route.fetch()
        got = response.json()
        total, today, active = got["totalVisits"], got["todayVisits"], got["activeUsers"]
        lines.add(f"📊 Backend sync - Total: {total}, Today: {today}, Active: {active} [from GET fallback]")
        totals.add((total, today))
        route.fulfill(response=response)

    page.route(REGISTER, lambda route: route.fulfill(status=500, json={"error": "no", "code": "no"}))
    page.route("**/api/stats", keep)
    stats = site.register("lima").stats
    visit(page)
    wait_for(page, lambda: any(line in device.console for line in lines), "the number comes from GET")
    assert {(stats.total, stats.today)} == totals
    assert "⚠️ Failed to register visit with backend, status: 500" in device.console
    assert REGISTERED not in device.console
    total_is(page, stats.total)


def test_a_visit_without_a_response_is_sent_again_under_the_same_id(page, device, site):
    def lose(route) -> None:
        route.fetch()
        route.abort()

    before, sent = site.stats().total, sent_by(page, "register")
    page.route(REGISTER, lose, times=1)
    visit(page)
    line_says(page, "Live")
    wait_for(page, lambda: REGISTERED in device.console, "it is registered")
    assert [body["visitId"] for body in sent] == [sent[0]["visitId"]] * 2
    assert site.stats().total == before + 1


def test_the_page_of_a_refused_visit_shows_its_number_once_the_visit_is_saved(page, site):
    before = site.stats().total
    with site.database.locked():
        visit(page)
        expect(own(page)).to_have_text("Your visit is not saved yet. This page keeps trying.")
        total_is(page, before)
    page.evaluate(BACK_ONLINE)  # otherwise it would wait some seconds longer
    expect(own(page)).to_contain_text(f"You are visit no. {before + 1:,}, ")
    total_is(page, before + 1)


QUESTION = "Is this number right?"


def test_a_total_opens_its_receipt_which_follows_new_visits(new_device, site):
    page = new_device(viewport={"width": 320, "height": 640}).open("/")
    link = page.get_by_role("link", name=QUESTION)
    link.focus()
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog", name=QUESTION)
    total = sheet.locator("tfoot td")
    expect(sheet.locator("tbody")).to_contain_text("Continued from the older counter")
    site.register("shifa", "receipt")
    expect(total).to_have_text(f"{site.stats().total:,}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(link).to_be_focused()


def test_the_page_of_a_receipt_shows_each_visit_without_polling(page, site):
    page.add_init_script("window.setInterval = () => 0")  # it hears of the visit, and does not ask
    page.goto(f"http://localhost:{site.port}/receipt")
    page.wait_for_load_state("networkidle")
    site.register("shifa")
    expect(page.locator("tfoot td")).to_have_text(f"{site.stats().total:,}")


BEGIN = """
async () => {
  document.querySelector("main button.primary").dataset.countdown = "65";  // as the server writes it
  await import("/static/webkit/countdown.js");
}
"""


def test_the_button_of_a_refused_form_counts_down_and_works_again(new_device):
    page = new_device(locale="bn-BD").context.new_page()
    page.clock.install()
    page.goto("/login")
    freeze(page)
    page.evaluate(BEGIN)
    button = page.locator("main button[data-countdown]")
    expect(button).to_be_disabled()
    expect(button).to_have_text("লগইন · ১:০৫")
    page.clock.run_for(6_000)
    expect(button).to_have_text("লগইন · ০:৫৯")
    page.clock.run_for(60_000)
    expect(button).to_be_enabled()
    expect(button).to_have_text("লগইন")
