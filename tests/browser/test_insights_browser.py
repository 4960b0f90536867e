"""From "visits fell on Thursday" to the page and the source that caused it, by mouse and by keyboard."""

import re
from datetime import datetime, timedelta

import pytest
from pages import PHONE, copied, expect, over, transferred, visit, wait_for
from support.application.site import Site, Time
from support.programs.zone import ZONE

from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits

TODAY = datetime.now(ZONE).date()
THURSDAY = TODAY - timedelta(3)  # treated as a Thursday
GOOGLE, FACEBOOK = "https://www.google.com/", "https://m.facebook.com/"
CAUSE = ("/fares", GOOGLE)
USUAL = {("/", None): 6, ("/", GOOGLE): 4, ("/fares", FACEBOOK): 2, CAUSE: 8}
FELL = {**USUAL, CAUSE: 1}
MAX_BYTES = 60_000
BARS_COLOUR = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const pixels = Map.groupBy(new Uint32Array(data.buffer), (pixel) => pixel);
  return [...pixels].filter(([pixel]) => pixel).sort(([, one], [, other]) => other.length - one.length)[0][0];
}"""


@pytest.fixture(scope="module")
def site(new_site, module_sqlite_database):
    """A site with visits on eleven days. On Thursday, and on the first day, fewer visits came to /fares from Google."""
    with Site(module_sqlite_database.url, Time(), TIMEZONE=ZONE.key) as filled:
        for back in range(11, 0, -1):
            day = TODAY - timedelta(back)
            filled.time.go_to(f"{datetime(day.year, day.month, day.day, 10, tzinfo=ZONE)}")
            for (page, referrer), times in (FELL if back == 11 or day == THURSDAY else USUAL).items():
                for number in range(times):
                    fields = {"referrer": referrer} if referrer else {}
                    name = f"{day}{page}{referrer}{number}"
                    filled.register(f"visitor{number}", visitId=name, page=page, **fields)
        filled.services[Visits].register(NewVisit("traveller", "1", at_ms=filled.time(), place="France"))
    return new_site()


def check_found(page) -> None:
    """Expect Thursday's visits to /fares by source, compared with a usual day."""
    expect(page.locator("#insights-figures [data-stat=visits]")).to_have_attribute("data-value", "3")
    google = page.locator("#insights-source-values tr", has_text="Google")
    expect(google.locator("[data-direction=down]")).to_be_visible()
    expect(page.locator("#insights-source-values tr", has_text="Facebook").locator(".change")).to_be_visible()
    assert re.search(rf"start={THURSDAY}&end={THURSDAY}", page.url)
    assert "page=%2Ffares" in page.url


PUSH = "document.querySelector('#insights-periods').dispatchEvent(new CustomEvent('replaced', {bubbles: true}))"
"""What a pushed number in the chart causes."""


def row(page, dimension: str, text: str):
    return page.locator(f"#insights-{dimension}-values a", has_text=text)


def check_lines_of_rows(page, bars, thursday) -> None:
    """Check that pointing at a row draws its line, and that all rows together are one tab stop."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/timeline" in request.url else None)

    def point(before_leaving: str = "") -> None:
        row(page, "page", "/fares").hover()
        expect(page.locator("#insights-periods .row-name")).to_have_text("/fares")
        page.evaluate(before_leaving)
        page.locator("#insights-page-title, [data-part=pages] h2").first.hover()
        expect(page.locator("#insights-periods .row-name")).to_be_hidden()

    for _ in range(3):
        point()
    # The line is requested again after the first numbers of the view are pushed.
    assert [re.search("page=.*", url)[0] for url in asked] in (["page=%2Ffares"], ["page=%2Ffares"] * 2)
    point(PUSH)
    row(page, "page", "/fares").focus()
    page.keyboard.press("ArrowUp")
    expect(row(page, "page", "/").first).to_be_focused()
    bars.hover(position=thursday)
    expect(page.locator("#insights-periods .tip")).to_have_text(re.compile(r"Difference▼ 35%/\d+$"))
    assert page.locator("#insights-page-values a:not([tabindex='-1'])").count() == 1


def test_a_click_on_a_day_leads_to_its_cause_and_the_back_button_returns(new_device, session):
    device = new_device(storage_state=session)
    page = device.open("/admin/?compare=previous")
    page.evaluate("window.isSame = true")
    page.locator(".days summary").click()
    page.locator(".days .items a", has_text="Last 7 days").click()
    expect(page).to_have_url(re.compile("range=7d"))
    expect(page.locator("#insights-periods tbody tr")).to_have_count(7)
    page.locator("#insights-periods canvas").scroll_into_view_if_needed()
    bars, at = page.locator("#insights-periods .u-over"), 6 - (TODAY - THURSDAY).days
    box = bars.bounding_box()
    thursday = {"x": (at + 0.5) * box["width"] / 7, "y": box["height"] - 10}
    bars.hover(position=thursday)
    days = rf"^{THURSDAY:%a} .*13{THURSDAY:%a} .*20Difference▼ 35%$"
    expect(page.locator("#insights-periods .tip")).to_have_text(re.compile(days))
    text = rf"^{THURSDAY:%a} .*: Visits 13, {THURSDAY:%a} .* 20, Difference down 35%"
    expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile(text))
    check_lines_of_rows(page, bars, thursday)
    page.keyboard.press("x")
    expect(page).to_have_url(re.compile("compare=none"))
    bars.hover(position=thursday)
    # the line of the focused row
    expect(page.locator("#insights-periods .tip")).to_have_text(re.compile(rf"^{THURSDAY:%a} .*13/10$"))
    bars.click(position=thursday)
    expect(page).to_have_url(re.compile(f"start={THURSDAY}"))
    page.locator("[aria-label^='Comparison'] >> visible=true").click()
    page.locator(".roomy a", has_text=re.compile("^Previous period")).click()
    expect(row(page, "page", "/fares").locator("xpath=ancestor::tr").locator("[data-direction=down]")).to_be_visible()
    row(page, "page", "/fares").click()
    check_found(page)
    expect(page.locator("[data-insights-said]")).to_contain_text("Landing page is /fares")
    expect(row(page, "page", "/fares")).to_be_focused()
    assert page.evaluate("window.isSame")
    for expected in ("compare=previous", f"start={THURSDAY}", "range=7d"):
        page.go_back()
        expect(page).to_have_url(re.compile(f"{expected}[^/]*$"))
    expect(page.locator("#insights-periods tbody tr")).to_have_count(7)
    assert page.evaluate("window.isSame")


def test_print_and_forced_colours_show_the_range_the_chosen_switches_and_the_current_item(admin_tab):
    visit(admin_tab, "/admin/?range=7d")
    admin_tab.emulate_media(forced_colors="active")
    colours = "links => links.map(link => getComputedStyle(link).backgroundColor)"
    current, other = admin_tab.locator("#insights-sources .tabs a").evaluate_all(colours)[:2]
    assert current != other
    expect(admin_tab.get_by_text("Exact up to")).to_be_hidden()
    admin_tab.emulate_media(forced_colors="none", media="print")
    expect(admin_tab.get_by_text("Exact up to")).to_be_visible()
    head = admin_tab.locator("#insights-head")
    expect(head.get_by_text("Last 7 days").first).to_be_visible()
    switch = {"name": "Attended only", "exact": True}
    expect(head.get_by_role("link", **switch)).to_be_hidden()
    head.get_by_role("link", **switch, include_hidden=True).first.evaluate("link => link.click()")
    expect(head.get_by_role("link", **switch)).to_be_visible()


def test_the_text_of_a_report_has_its_filters_and_its_change(new_device, session):
    query = f"start={THURSDAY}&end={THURSDAY}&compare=previous&device=desktop"
    page = new_device(storage_state=session).open(f"/admin/?{query}")
    assert copied(page)[2:] == [
        "Device is Desktop",
        "Visits: 13 (down 35%)",
        "Landing page: / (10)",
        "Source: Direct (6)",
    ]


def test_the_cells_of_weekdays_and_hours_are_one_tab_stop_and_show_their_number_on_focus(admin_tab):
    admin_tab.goto("/admin/?range=7d&hour=10")  # so that a single hour is enough
    admin_tab.locator('[data-cell="when.1.9"]').focus()
    admin_tab.keyboard.press("ArrowDown")
    admin_tab.keyboard.press("ArrowRight")
    cell = admin_tab.locator('[data-cell="when.2.10"]')
    expect(cell).to_be_focused()
    expect(cell.locator(".tip")).to_have_text(re.compile(r"[0-9]+ Tuesday 10:00"))
    assert cell.locator(".tip").bounding_box()["width"] > 40
    expect(admin_tab.locator('.hours-grid [tabindex="0"]')).to_have_count(1)


def test_a_page_printed_with_wide_margins_has_all_lists_and_the_whole_chart(admin_tab):
    admin_tab.set_viewport_size({"width": 643, "height": 2_000})  # A4 with margins of 20 mm
    admin_tab.emulate_media(media="print", color_scheme="light")
    visit(admin_tab, "/admin/?range=7d")
    canvas = admin_tab.locator(".chart.drawn canvas")
    canvas.evaluate("canvas => { canvas.parentElement.style.width = '1200px' }")  # as on the screen
    for part in [canvas, *admin_tab.locator("#insights-lists .card:not([hidden]) > h2").all()]:
        expect(part).to_be_in_viewport(ratio=1)
    light = canvas.evaluate(BARS_COLOUR)
    admin_tab.emulate_media(media="screen", color_scheme="dark")
    wait_for(admin_tab, lambda: canvas.evaluate(BARS_COLOUR) != light, "the chart is dark")
    admin_tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert canvas.evaluate(BARS_COLOUR) == light


def test_the_map_is_fetched_when_its_tab_is_opened_and_fits_a_phone(new_device, session):
    page = new_device(storage_state=session, **{**PHONE, "locale": "en"}).open("/admin/?range=7d")
    page.locator("#insights-places").scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    assert [url for url in transferred(page) if "world" in url] == []
    page.get_by_role("link", name="Map", exact=True).click()
    world = page.locator("svg.map")
    expect(world).to_have_attribute("aria-hidden", "true")
    page.wait_for_load_state("networkidle")
    assert [0 < size < 30_000 for url, size in transferred(page).items() if "/world.svg" in url] == [True]
    box, shape = world.bounding_box(), world.locator("use").first.evaluate("use => use.getBBox().width")
    assert (box["x"] >= 0, box["x"] + box["width"] <= 360, shape > 900, over(page)) == (True, True, True, 0)


def test_a_phone_shows_the_card_of_the_tab_that_was_opened_last(new_device, session):
    page = new_device(storage_state=session, **{**PHONE, "locale": "en"}).open("/admin/?range=7d&tabs=channel,hour,map")
    cards = {name: page.locator(f"#insights-{name}") for name in ("places", "pages")}
    expect(page.locator(".deck > nav [aria-current]")).to_have_text("Locations")
    page.locator(".deck > nav").evaluate("tabs => tabs.scrollIntoView()")
    expect(cards["places"].locator("svg.map")).to_be_in_viewport()
    expect(cards["pages"]).not_to_be_in_viewport()
    page.locator(".deck > nav a", has_text="Pages").click()
    expect(cards["places"]).not_to_be_in_viewport()
    row(page, "page", "/fares").click()
    expect(page).to_have_url(re.compile("page=%2Ffares"))
    expect(cards["places"]).not_to_be_in_viewport()


def test_overview_is_small_and_a_day_of_its_chart_opens_with_the_keyboard(new_device, session):
    """Includes everything that the page transfers without a cache."""
    page = new_device(storage_state=session).open("/admin/?range=7d")
    expect(page.locator(".chart.drawn")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert sum(transferred(page).values()) < MAX_BYTES
    page.evaluate("window.isSame = true")
    plot = page.get_by_role("slider")
    plot.focus()
    for _ in range((TODAY - THURSDAY).days):
        plot.press("ArrowLeft")
    plot.press("Enter")
    expect(page).to_have_url(re.compile(f"start={THURSDAY}"))
    expect(plot).to_be_focused()
    assert page.evaluate("window.isSame")
