"""Overview before the first page of the site has counted a visit."""

from urllib.parse import urlsplit

import pytest
from pages import expect, open_live, stat, wait_for

MAX_BYTES = 1_200
"""Limit for what Overview receives after a visit."""


@pytest.fixture(scope="module")
def site(new_site):
    """A site without visits of pages."""
    return new_site()


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
    works = f"It works: visit no. {number:,} came from shop.example."
    expect(page.locator("#first-page")).to_have_text(works)
    expect(stat(page, "totalVisits")).to_have_text(f"{number:,}")
    assert requested == ["/admin/getting-started/page"]
    wait_for(late, lambda: held, "the other tab asks for the visit")
    site.register("waiting")
    held[0].continue_()
    expect(late.locator("#first-page")).to_have_text(works)
    late.close()
