"""Overview and Live for an admin: rows arrive over the socket, wait while they are read, and cost little."""

import re
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
from support.browser.pages import expect, open_live, stat, visit, wait_for
from support.clients.members import Member, PlainMember

long = pytest.mark.long(proved_by="browser/test_realtime_page.py::test_visit_appears_in_all_parts_without_a_request")

COUNT_FETCHES = (
    "performance.getEntriesByType('resource').filter(({ initiatorType }) => initiatorType === 'fetch').length"
)

MAX_BYTES = 1_200
"""Limit for what Overview receives after a visit."""


@pytest.fixture(scope="module")
def site(new_site):
    """A site without visits."""
    return new_site()


@pytest.fixture
def realtime(admin_tab):
    return open_live(admin_tab, "/admin/live")


def rows(page):
    return page.locator("[data-newest] tbody tr[data-id]")


def test_panel_shows_the_next_visit(admin_tab, new_device, site):
    site.register("somebody")
    admin, total = open_live(admin_tab, "/admin/?range=today"), site.stats().total
    today = stat(admin, "todayVisits")
    assert stat(admin, "totalVisits").inner_text() == f"{total:,}"
    expect(today).to_have_text(f"{total - 4000:,}")
    admin.evaluate("window.neverReloaded = true")
    new_device().open("/")
    expect(stat(admin, "totalVisits")).to_have_text(f"{total + 1:,}")
    for shown in (today, stat(admin, "visits")):
        expect(shown).to_have_text(f"{total - 3999:,}")
    expect(admin.locator("#insights-periods canvas")).to_be_visible()
    assert admin.evaluate("window.neverReloaded") is True


def test_overview_of_a_new_site_requests_nothing_before_its_first_visit(admin_tab, site):
    site.register("waiting")
    pushed, requested = [], []
    admin_tab.on("websocket", lambda socket: socket.on("framereceived", lambda frame: pushed.append(len(frame))))
    page = open_live(admin_tab, "/admin/?range=today")
    expect(page.locator("#first-page")).to_contain_text("Waiting for a visit from your site…")
    page.wait_for_load_state("networkidle")
    pushed.clear()
    page.on("request", lambda request: requested.append(urlsplit(request.url).path))
    late, held = admin_tab.context.new_page(), []
    late.route("**/admin/getting-started/page", lambda route: held.append(route))
    open_live(late, "/admin/")
    receipt = site.register("waiting")
    for name in ("totalVisits", "upto"):
        expect(stat(page, name)).to_have_text(f"{receipt.ordinal:,}")
    assert sum(pushed) <= MAX_BYTES
    visit = {"json": {"visitorId": "waiting"}, "headers": {"Origin": "https://shop.example"}}
    number = site.post("/api/visitor/register", **visit).json()["visit"]["ordinal"]
    expect(page.locator("#first-page")).to_have_text(f"It works: visit no. {number:,} came from shop.example.")
    expect(stat(page, "totalVisits")).to_have_text(f"{number:,}")
    assert requested == ["/admin/getting-started/page"]
    wait_for(late, lambda: held, "the other tab asks for the visit")
    site.register("waiting")
    held[0].continue_()
    expect(late.locator("#first-page")).to_have_count(0)
    late.close()


def test_overview_has_ranges_and_lists(admin_tab, site):
    site.register("someone", page="/fares?utm_source=poster")
    page = open_live(admin_tab, "/admin/?compare=weekday")
    expect(page.locator("#insights-periods canvas")).to_be_visible()
    assert page.locator("#insights-periods tbody tr").count() == 30
    page.keyboard.press("w")
    expect(page.locator("#insights-periods tbody tr")).to_have_count(7)
    expect(page).to_have_url(re.compile(r"/admin/\?compare=weekday&range=7d$"))
    page.keyboard.press("x")
    expect(page).to_have_url(re.compile(r"/admin/\?range=7d&compare=none$"))
    page.get_by_role("link", name="/fares", exact=True).click()
    expect(page).to_have_url(re.compile(r"/admin/\?range=7d&compare=none&page=%2Ffares$"))
    expect(page.get_by_role("group", name="Filters")).to_contain_text("Landing page is /fares")


def test_visit_appears_in_all_parts_without_a_request(realtime, site):
    page = realtime
    before = page.evaluate(COUNT_FETCHES)
    receipt = site.register("nusrat", page="/fares")
    expect(rows(page).first).to_contain_text(f"{receipt.ordinal:,}")
    expect(stat(page, "totalVisits")).to_have_text(f"{receipt.ordinal:,}")
    expect(page.locator("#pages tr", has_text="/fares")).to_be_visible()
    expect(page.locator("#places tr").first).to_contain_text("Unknown")
    expect(page.locator("[data-most]")).to_have_text(re.compile("[1-9]"))
    expect(page.locator("[data-line]")).to_have_text("Live")
    expect(page).to_have_title(re.compile(r"^\d+ · Live"))
    assert "nusrat" not in page.content()
    assert page.evaluate(COUNT_FETCHES) == before


def test_time_of_an_open_page_grows_without_a_request(realtime, new_device):
    before = realtime.evaluate(COUNT_FETCHES)
    new_device().open("/")
    time = rows(realtime).first.locator("[data-field=attended]")
    expect(time).to_have_text(re.compile(r"^\d+ s$"))
    expect(rows(realtime).first.locator("[data-field=mark]")).to_have_text("automated")
    expect(time).not_to_have_text(time.inner_text())
    assert realtime.evaluate(COUNT_FETCHES) == before


def test_both_lists_write_a_visit_alike(realtime, founder, community):
    founder.visit("crawler", community, page=f"/communities/{community}", userAgent="Googlebot/2.1")
    expect(rows(realtime).first.locator(".page")).to_have_text("Community Mirpur 10")

    def cells(row):
        return [row.locator(f".{name}").inner_text() for name in ("no", "page", "browser", "visitor", "evidence")]

    pushed, rendered = [cells(rows(page).first) for page in (realtime, open_live(realtime, "/admin/live"))]
    visit(realtime, "/admin/visits")
    assert cells(realtime.locator("[data-table] tbody tr").first) == rendered == pushed
    assert rendered[2:] == ["Bot Googlebot", founder.name, "–"]


def test_communities_with_most_members_online_come_first(realtime, site, founder):
    last, first = founder.found("Badda"), founder.found("Gabtoli")
    with ExitStack() as lines:
        for community, member in ((first, founder), (first, Member(site).join(first)), (last, founder)):
            lines.enter_context(PlainMember(site.port, community, member.token))
        expect(realtime.locator("#traffic tbody th")).to_have_text(["Gabtoli", "Badda"])
        rendered = realtime.request.get(realtime.url).text().partition('id="traffic"')[2]
        assert rendered.index("Gabtoli") < rendered.index("Badda")


@long
def test_new_rows_wait_while_the_list_is_read_or_paused(realtime, site):
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


AGREE = """() => {
  window.wrong = new Set();
  window.moments = new Set();
  const number = (element) => Number(element.textContent.replace(/[^0-9]/g, ""));
  const of = (name) => number(document.querySelector(`[data-stat="${name}"]`));
  const RETURNING = "[data-cell='figures.returning_visitors']";
  const share = (some, all) => Math.round((100 * some) / all);
  const PAGES = "#insights-page-values tr > :nth-child(2)";
  const sum = (cells) => Array.from(document.querySelectorAll(cells), number).reduce((all, each) => all + each, 0);
  const look = () => {
    const visits = of("visits");
    window.moments.add(visits);
    const shown = {
      total: [of("upto"), visits + 4000],
      chart: [sum("#insights-periods-rows [data-value]"), visits],
      pages: document.querySelector("#insights-pages[data-older]") ? [] : [sum(PAGES), visits],
      people: [share(of("visitors") - of("new_visitors"), of("visitors")), number(document.querySelector(RETURNING))],
    };
    const differ = Object.entries(shown).filter(([, [one, other]]) => one !== other);
    for (const [name, pair] of differ) window.wrong.add(`${name}: ${pair}`);
    requestAnimationFrame(look);
  };
  look();
}"""
"""Checks in every frame whether a day's figures agree."""


@pytest.mark.long(
    proved_by="browser/test_pushed_numbers.py::test_numbers_are_pushed_and_lists_with_new_values_are_requested",
)
def test_figures_stay_consistent_while_visits_arrive(admin_tab, site):
    site.register("passenger")
    page = open_live(admin_tab, "/admin/?range=today")
    page.evaluate(AGREE)
    for number in range(200):
        newest = site.register(f"passenger-{number}", page=f"/stops/{number % 15}")
        page.wait_for_timeout(20)
    expect(stat(page, "upto")).to_have_text(f"{newest.ordinal:,}")
    assert page.evaluate("[...window.wrong]") == []
    assert page.evaluate("window.moments.size") > 2
    page.locator("#insights-page-values a").first.focus()
    newest = site.register("focused", page="/stops/1")
    expect(stat(page, "upto")).to_have_text(f"{newest.ordinal:,}")
    held = page.locator("#insights-pages[data-older]")
    expect(held.locator(".as-of")).to_contain_text("As of")
    page.evaluate("document.activeElement.blur()")
    expect(held).to_have_count(0)


SMALL = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
TOP_OF_CHART_PX, OVERVIEW_PX = 420, 2_600


@long
@pytest.mark.parametrize("path", ["/admin/?range=30d", "/admin/?compare=weekday"])
def test_chart_is_visible_on_a_phone_without_scrolling(new_device, session, site, path):
    for number in range(40):
        site.register(f"rider-{number}", page=f"/routes/{number}", referrer=f"https://site-{number}.example/")
    device = new_device(storage_state=session, **SMALL)
    not_now = device.open(path).get_by_role("button", name="Not now")
    if not_now.is_visible():
        not_now.click()
    page = device.open(path)
    top = "document.querySelector('#insights-chart').getBoundingClientRect().top + scrollY"
    assert page.evaluate(top) < TOP_OF_CHART_PX
    assert page.evaluate("document.documentElement.scrollHeight") <= OVERVIEW_PX
    tab = page.get_by_role("link", name="Sources", exact=True)
    tab.click()
    expect(tab).to_have_attribute("aria-current", "true")
    left = "document.querySelector('#insights-sources').getBoundingClientRect().left"
    wait_for(page, lambda: 0 <= page.evaluate(left) < SMALL["viewport"]["width"] / 2, "the card is in view")
    page.mouse.wheel(0, 500)
    expect(page.locator("#insights-head summary").first).to_be_in_viewport()
