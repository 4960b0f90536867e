"""Pages whose numbers are pushed, and which ask for the HTML of lists with other values."""

from __future__ import annotations

import re

import pytest
from support.browser.pages import expect, open_live, stat, visit, wait_for


@pytest.fixture(scope="module")
def site(new_site):
    """Only with the visits of this module, so that its pages are in the lists."""
    return new_site()


def test_totals_and_numbers_of_a_view_are_pushed_and_a_list_with_a_new_value_is_asked_for(admin_tab, site):
    page, held = open_live(admin_tab, "/admin/"), []
    line, listed = page.locator("#insights-moment"), page.locator("#insights-pages-list")
    site.register("somebody", page="/pushed")
    expect(listed).to_contain_text("/pushed")
    page.wait_for_load_state("networkidle")
    page.route(re.compile(r"/admin/\?"), lambda route: held.append(route))
    receipt = site.register("somebody-else", page="/pushed")
    said = re.compile(rf"Exact up to visit no\. {receipt.ordinal:,} · \d\d:\d\d:\d\d · ")
    expect(line).to_contain_text(said)
    total, visits = stat(page, "totalVisits"), stat(page, "visits")
    expect(total).to_have_text(f"{receipt.ordinal:,}")
    expect(visits).to_have_text(f"{receipt.ordinal - 4000}")
    expect(page.locator("#insights-periods tbody tr:first-child [data-value]")).to_have_text(visits.inner_text())
    row = listed.locator("tbody tr", has_text="/pushed").locator("[data-as=count]")
    expect(row).to_have_text("2")
    assert held == []
    other = site.register("somebody-else", page="/asked-for")
    expect(line).to_contain_text(f"{other.ordinal:,}")
    wait_for(page, lambda: held, "the list is asked for")
    assert held[0].request.url.endswith("part=pages")
    older = page.locator("[data-older]")
    expect(older).to_have_attribute("id", "insights-pages")
    expect(older.locator(".as-of")).to_contain_text("As of")
    held[0].continue_()
    expect(listed).to_contain_text("/asked-for")
    expect(older).to_have_count(0)


def test_numbers_of_the_view_before_are_not_put_into_the_next_one(admin_tab, site):
    page, held = admin_tab, []
    visit(page, "/admin/insights?compare=none")
    for name in ("/fares", "/fares", "/stops"):
        site.register("reader", page=name)
    expect(page.locator("#insights-pages-list")).to_contain_text("/stops")
    page.evaluate("WebSocket.prototype.send = () => {}")  # the next view is not pushed
    page.route(re.compile("part=pages"), lambda route: held.append(route))
    site.register("reader", page="/never-seen")
    wait_for(page, lambda: held, "the list is asked for")
    page.get_by_role("link", name="/fares", exact=True).click()
    expect(page).to_have_url(re.compile("page=%2Ffares"))
    of_fares = page.locator("#insights-sources-list tbody tr:first-child td [data-as=count]")
    expect(of_fares).to_have_text(stat(page, "visits").inner_text())
    with page.expect_response(re.compile("page=%2Ffares.*part=")):  # since the view is another one now
        held[0].continue_()
    expect(page.locator("#insights-sources[data-older]")).to_have_count(0)
    expect(of_fares).to_have_text(stat(page, "visits").inner_text())
