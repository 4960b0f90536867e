"""Overview and Visits for an admin: numbers arrive over the socket and agree, and new rows follow."""

import pytest
from pages import expect, open_live, stat, visit, wait_for

long = pytest.mark.long(proved_by="browser/test_overview.py::test_the_list_of_visits_shows_each_new_visit")


@pytest.fixture(scope="module")
def site(new_site):
    """A site without visits."""
    return new_site()


def test_overview_shows_the_next_visit_without_a_reload(admin_tab, new_device, site):
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


ROWS = "#visits tbody tr"


def test_the_list_of_visits_shows_each_new_visit(admin_tab, site):
    page = admin_tab
    visit(page, "/admin/visits")
    receipt = site.register("nusrat", page="/fares")
    expect(page.locator(ROWS).first).to_contain_text(f"{receipt.ordinal:,}")
    expect(page.locator(ROWS).first.locator(".page")).to_have_text("/fares")
    expect(page.locator("#visits-count")).to_contain_text(f"{page.locator(ROWS).count():,} visit")
    page.goto(f"{page.url}?text=%2Ffares")
    before = page.locator(ROWS).count()
    site.register("nusrat", page="/map")
    newest = site.register("nusrat", page="/fares/2")
    expect(page.locator(ROWS).first).to_contain_text(f"{newest.ordinal:,}")
    expect(page.locator(ROWS)).to_have_count(before + 1)


def test_an_open_list_of_visits_updates_the_attended_time(new_device, session, site):
    new_device().open("/")
    page = new_device(storage_state=session).context.new_page()
    page.clock.install()
    visit(page, "/admin/visits")
    time = page.locator(ROWS).first.locator(".evidence")

    def is_shown(earlier: str) -> bool:
        with page.expect_response("**/admin/visits"):
            page.clock.run_for(15_000)
        return time.inner_text() not in (earlier, "–")

    wait_for(page, lambda: is_shown("–"), "the page has been seen for a second")
    earlier = time.inner_text()
    wait_for(page, lambda: is_shown(earlier), "a second later")


AGREE = """() => {
  window.wrong = new Set();
  window.moments = new Set();
  const number = (element) => Number(element.textContent.replace(/[^0-9]/g, ""));
  const of = (name) => number(document.querySelector(`[data-stat="${name}"]`));
  const PAGES = "#insights-page-values tr > :nth-child(2)";
  const sum = (cells) => Array.from(document.querySelectorAll(cells), number).reduce((all, each) => all + each, 0);
  const look = () => {
    const visits = of("visits");
    window.moments.add(visits);
    const shown = {
      chart: [sum("#insights-periods-rows [data-value]"), visits],
      pages: document.querySelector("#insights-pages[data-older]") ? [] : [sum(PAGES), visits],
    };
    const differ = Object.entries(shown).filter(([, [one, other]]) => one !== other);
    for (const [name, pair] of differ) window.wrong.add(`${name}: ${pair}`);
    requestAnimationFrame(look);
  };
  look();
}"""
"""Checks in every frame whether a day's figures agree."""


@pytest.mark.long(
    proved_by="browser/test_pushed_numbers.py::test_the_server_pushes_numbers_and_the_page_requests_lists_with_new_values",
)
def test_the_figures_of_overview_agree_in_every_frame_while_visits_arrive(admin_tab, site):
    site.register("passenger")
    page = open_live(admin_tab, "/admin/?range=today")
    page.evaluate(AGREE)
    for number in range(200):
        newest = site.register(f"passenger-{number}", page=f"/stops/{number % 15}")
        page.wait_for_timeout(20)
    expect(stat(page, "visits")).to_have_text(f"{newest.ordinal - 4000:,}")
    assert page.evaluate("[...window.wrong]") == []
    assert page.evaluate("window.moments.size") > 2
    page.locator("#insights-page-values a").first.focus()
    newest = site.register("focused", page="/stops/1")
    expect(stat(page, "visits")).to_have_text(f"{newest.ordinal - 4000:,}")
    held = page.locator("#insights-pages[data-older]")
    expect(held.locator(".as-of")).to_contain_text("As of")
    page.evaluate("document.activeElement.blur()")
    expect(held).to_have_count(0)
