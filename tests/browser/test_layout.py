"""Pages stay short, and nothing moves while a page loads."""

from datetime import datetime

import pytest
from pages import PHONE, expect, open_live, visit
from support.clients.members import Member
from support.programs.processes import NO_LIMITS
from support.programs.zone import ZONE
from support.runs.short_run import EVERYTHING

HEIGHTS = {"/admin/server": 3_100, "/admin/visits": 3_800}
"""Maximum height in px at 360 px width."""

MAX_SENTENCE_PX = 260
"""Maximum distance of the site's sentence from the top of a phone's screen."""

MAX_HOUR_PX = 30

ON_GROUND = ("/", "/login", "/signup", "/forgot-password", "/receipt", "/communities", "/offline", "/nothing")
GROUND = 'getComputedStyle(document.querySelector("header.site")).backgroundColor'

MAX_CHIP_PX = 48
"""Maximum height of a filter's chip: one line."""

MAX_CONTROLS, MAX_WORDS = 80, 300
"""Maximum numbers on Overview. The demo shows eight more locations, which are links."""

SEEN = r"""() => {
  const isClipped = (node) => node && (getComputedStyle(node).clipPath !== "none" || isClipped(node.parentElement));
  const isSeen = (element) => element.checkVisibility() && !isClipped(element);
  const controls = [...document.querySelectorAll("a[href], button, input, select, summary")];
  const texts = [...document.querySelectorAll("body :not(script, style)")].flatMap(({ childNodes }) => [...childNodes]);
  const words = texts.filter((node) => node.nodeType === Node.TEXT_NODE && isSeen(node.parentElement));
  const counted = words.map(({ data }) => data.match(/\p{L}[\p{L}\p{M}]*/gu)?.length ?? 0);
  return [controls.filter(isSeen).length, counted.reduce((sum, count) => sum + count, 0)];
}"""

SIZES_PX = {13, 15, 20, 28, 44}
LOOK = """() => {
  const style = (element) => getComputedStyle(element);
  const isEdge = ({ borderBottomWidth: width, borderBottomColor: end }) => parseFloat(width) && !end.endsWith(" 0)");
  const isBox = (element) => isEdge(style(element)) && parseFloat(style(element).borderLeftWidth) > 0;
  const boxes = (element) => (element ? boxes(element.parentElement) + Number(isBox(element)) : 0);
  const isText = ({ nodeType, data }) => nodeType === Node.TEXT_NODE && data.trim();
  const hasText = ({ childNodes }) => [...childNodes].some(isText);
  const all = [...document.querySelectorAll("body :not(option)")];
  const texts = all.filter((element) => element.checkVisibility() && hasText(element));
  const framed = texts.filter((text) => boxes(text) > 1).map((text) => text.outerHTML);
  return [texts.map((element) => parseFloat(style(element).fontSize)), framed];
}"""

FIXED = ["/", "/admin/", "/admin/server", "/admin/visits"]
if EVERYTHING:
    FIXED += ["/admin/connect", "/admin/communities", "/admin/people"]
LARGEST_SHIFT = 0.005
MEASURE_SHIFTS = """
globalThis.shifts = [];
new PerformanceObserver((list) => shifts.push(...list.getEntries())).observe({ type: "layout-shift", buffered: true });
"""
SUM = "shifts.filter((shift) => !shift.hadRecentInput).reduce((sum, { value }) => sum + value, 0)"
MOVED = "shifts.map(({ value, sources }) => [value, ...sources.map(({ node }) => node?.outerHTML?.slice(0, 99))])"
CUT = """(row) => [...row.querySelectorAll("th, td")]
  .filter((cell) => cell.checkVisibility() && cell.scrollWidth > cell.clientWidth)
  .map((cell) => cell.textContent.trim())"""
IS_WHOLE = "document.querySelector('nav.rooms').scrollWidth <= document.querySelector('nav.rooms').clientWidth"


BROWSERS = [
    *(f"Mozilla/5.0 (X11; Linux x86_64) {name}/130.0" for name in ("Chrome", "Firefox", "Edg", "OPR", "Vivaldi")),
    *(f"Mozilla/5.0 (compatible; {name}/2.1)" for name in ("Googlebot", "bingbot", "YandexBot", "DuckDuckBot")),
]


@pytest.fixture(scope="module")
def site(new_site):
    """A site with a typical server's settings: eight differ from their defaults."""
    site = new_site(**dict.fromkeys(NO_LIMITS), LOG_FORMAT="json", BACKUP_KEEP=7, ACTIVE_WINDOW_SECONDS=120)
    for number in range(30):
        page, referrer = f"/routes/mirpur-10-to-gabtoli/{number}", f"https://site-{number}.example/"
        site.register(f"rider-{number}", page=page, referrer=referrer, userAgent=BROWSERS[number % len(BROWSERS)])
    return site


def test_pages_are_short_on_a_phone_and_show_whole_words_and_all_sections(new_device, session):
    phone = new_device(storage_state=session, **PHONE).open("/admin/?range=today&channel=referral&device=desktop")
    heights = "(chips) => chips.map(({ offsetHeight }) => offsetHeight)"
    chips = phone.locator("#insights-head .chip").evaluate_all(heights)
    assert [height <= MAX_CHIP_PX for height in chips] == [True] * 2
    visit(phone, "/admin/")
    line, totals = (phone.locator(place).bounding_box() for place in (".line[data-line=live]", ".totals"))
    assert line["y"] < totals["y"] + totals["height"], "one row"
    visit(phone, "/")
    board = phone.locator("[data-board]").bounding_box()
    assert board["y"] + board["height"] <= PHONE["viewport"]["height"] / 3, "the number is in the upper third"
    sentence = phone.locator(".sentence").bounding_box()
    assert sentence["y"] + sentence["height"] <= min(MAX_SENTENCE_PX, phone.locator(".light").bounding_box()["y"])
    visit(phone, "/admin/people")
    tabs, heading = (phone.locator(place).bounding_box() for place in (".work > .tabs", "h1"))
    assert (tabs["x"], heading["width"] > 1) == (heading["x"], True)
    visit(phone, "/admin/?range=today&tabs=hour")
    menu, caption = (phone.locator(f"[data-part=chart] {place}").bounding_box() for place in (".above", "figcaption"))
    assert menu["y"] < caption["y"] + caption["height"], "one row"
    phone.locator("#insights-when").evaluate("(card) => card.removeAttribute('hidden')")  # one hour has visits
    assert phone.locator("#insights-hour-values tr").first.bounding_box()["height"] <= MAX_HOUR_PX
    for path, most in HEIGHTS.items():
        visit(phone, path)
        phone.wait_for_load_state("networkidle")
        assert phone.evaluate("document.documentElement.scrollHeight") <= most, path
    for width in (360, 320):
        phone.set_viewport_size({"width": width, "height": 640})
        assert phone.evaluate(IS_WHOLE), f"{width} px"


def test_public_pages_have_the_ground_of_the_home_page_and_documents_do_not(new_device):
    page = new_device().context.new_page()
    grounds = {}
    for path in (*ON_GROUND, "/docs/"):
        page.goto(path)
        grounds[path] = page.evaluate(GROUND)
    assert grounds == {**dict.fromkeys(ON_GROUND, "rgb(0, 106, 78)"), "/docs/": "rgba(0, 0, 0, 0)"}


def test_each_text_of_the_panel_has_one_of_five_sizes_and_at_most_one_border_around_it(admin_tab):
    admin_tab.set_viewport_size({"width": 1440, "height": 900})
    for path in ("/admin/?range=30d", *FIXED[2:], "/account"):
        visit(admin_tab, path)
        sizes, framed = admin_tab.evaluate(LOOK)
        assert set(sizes) <= SIZES_PX, path
        assert framed == [], path


def test_overview_has_few_controls_and_words(admin_tab):
    page = open_live(admin_tab, "/admin/?range=30d")
    expect(page.locator(".chart.drawn")).to_be_visible()
    expect(page.locator("[data-part=devices] tbody tr").first).to_be_visible()
    controls, words = page.evaluate(SEEN)
    assert MAX_CONTROLS - 20 < controls <= MAX_CONTROLS
    assert words <= MAX_WORDS


def test_a_form_marks_only_its_required_fields(admin_tab):
    visit(admin_tab, "/admin/connect/shares/new")
    mark = 'label => getComputedStyle(label, "::after").content.includes("*")'
    assert [admin_tab.locator(f"label[for={name}]").evaluate(mark) for name in ("name", "until")] == [True, False]


def test_the_audit_log_in_bangla_shows_whole_dates_next_to_places(site, new_device, session):
    Member(site, "audited").found("Audited", open=True)
    at_ms = 1000 * int(datetime(2025, 11, 18, 1, 20, tzinfo=ZONE).timestamp())
    site.database.rows(f"UPDATE audit_log SET at_ms = {at_ms}, place = 'Dhaka, Bangladesh'")
    page = new_device(storage_state=session, locale="bn", viewport={"width": 1440, "height": 900}).open("/admin/audit")
    expect(page.locator("[data-table=audit] .day")).to_have_text("১৮ নভেম্বর ২০২৫")
    row = page.locator("[data-table=audit] tbody tr").nth(1)
    expect(row).to_contain_text("০১:২০")
    assert row.evaluate(CUT) == []


def test_the_list_of_visits_shortens_no_value_while_there_is_space(site, admin_tab):
    about = {"page": "/routes/uttara-motijheel", "userAgent": BROWSERS[0], "referrer": "https://m.facebook.com/"}
    site.register("visitor_1795900717760_mlxt3jzkh", **about)
    visit(admin_tab, "/admin/visits")
    row = admin_tab.locator("[data-table=visits] tbody tr", has_text="/routes/uttara-motijheel").first
    for width in (768, 1440):
        admin_tab.set_viewport_size({"width": width, "height": 900})
        assert row.evaluate(CUT) == []
        for kind in ("source", "visitor"):
            expect(row.locator(f".{kind}")).to_be_visible()
    expect(row.get_by_title("visitor_1795900717760_mlxt3jzkh")).to_have_text("…t3jzkh")


def test_a_list_of_visits_spans_printed_pages_and_the_button_of_its_filters_does_not_move(admin_tab):
    visit(admin_tab, "/admin/visits")
    admin_tab.emulate_media(media="print")
    assert admin_tab.locator("#visits").evaluate("list => getComputedStyle(list).breakInside") == "auto"
    admin_tab.emulate_media(media="screen")
    filters = admin_tab.locator(".filters summary")
    place = filters.bounding_box()
    filters.click()
    expect(admin_tab.get_by_label("From")).to_be_visible()
    assert filters.bounding_box() == place


def test_the_parts_of_a_page_stay_in_place_while_the_page_loads(new_device, session):
    """On a slow network, a browser shows the beginning of a page before it has the rest."""
    device = new_device(storage_state=session, viewport={"width": 360, "height": 900}, is_mobile=True)
    device.context.add_init_script(MEASURE_SHIFTS)
    page = device.context.new_page()
    for path in FIXED:
        visit(page, path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(SUM) <= LARGEST_SHIFT, (path, page.evaluate(MOVED))
    page.set_viewport_size({"width": 1440, "height": 900})
    slow = {"offline": False, "latency": 20, "downloadThroughput": 4_000, "uploadThroughput": 4_000}
    device.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    visit(page, "/admin/visits")
    page.wait_for_load_state("networkidle")
    assert page.evaluate(SUM) <= LARGEST_SHIFT, page.evaluate(MOVED)
