"""The panel in front of an admin of the site: by keyboard alone, without scripts, on a tablet."""

from __future__ import annotations

import pytest
from support.members import Member
from support.pages import Device, check_accessible, expect, sent_by, stat, visit, wait_for

HOSTILE = "<img src=x onerror=alert(1)>"
FOCUSED = "(({ ariaLabel, innerText, name }) => ariaLabel || innerText || name)(document.activeElement)"


@pytest.fixture(scope="module")
def shared_device(new_shared_device, session) -> Device:
    return new_shared_device(storage_state=session)


def press_until(page, name: str) -> None:
    """Tab, until what has the focus is called `name`; a field has the name under which it is sent."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"nothing that Tab leads to is called {name}")


def test_looking_at_the_panel_is_no_visit_and_opening_the_app_is_one(tab, site):
    """Admins are not counted as visitors (specification: Original clients)."""
    before, sent = site.stats().total, sent_by(tab, "/api/visitor/")
    for path in ("/admin/visits", "/admin/"):
        visit(tab, path)
    expect(tab.locator("[data-line]")).to_contain_text("Live")
    assert (sent, site.stats().total) == ([], before)
    visit(tab, "/")
    wait_for(tab, lambda: site.stats().total == before + 1, "the visit is counted")


@pytest.mark.long(proved_by="browser/test_realtime_page.py::test_panel_goes_from_4000_to_4001")
def test_panel_that_polls_says_that_the_numbers_may_be_old(tab, site):
    tab.route_web_socket("**/*", lambda socket: socket.close())
    stale = {**site.stats().raw, "stale": True}
    tab.route("**/api/stats", lambda route: route.fulfill(json=stale))
    visit(tab, "/admin/")
    expect(tab.locator("[data-line=polling]")).to_contain_text("The numbers may be out of date")


@pytest.mark.long(
    proved_by="browser/test_community_pages.py::test_keyboard_alone_signs_up_founds_a_community_and_logs_out"
)
def test_user_is_made_admin_by_keyboard_alone(tab, site):
    member = Member(site)
    visit(tab, "/admin/")
    for name in ("Users", member.name):
        press_until(tab, name)
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/admin/users" if name == "Users" else "**/admin/users/*")
    press_until(tab, "Give admin rights")
    tab.keyboard.press("Space")
    expect(tab.get_by_role("heading", level=1)).to_contain_text("a site admin?")
    press_until(tab, "typed")
    tab.keyboard.type(member.email)
    press_until(tab, "Give admin rights")
    tab.keyboard.press("Space")
    expect(tab.get_by_text("This user is now a site admin.")).to_be_visible()
    assert member.call("GET", "/api/auth/me")["is_admin"] is True


def test_all_of_it_works_without_scripts(new_device, session, site):
    page = new_device(java_script_enabled=False, storage_state=session).open("/admin/")
    assert stat(page, "totalVisits").inner_text() == f"{site.stats().total:,}"
    expect(page.locator("#insights-periods details tbody tr").first).to_be_visible()
    page.get_by_role("navigation", name="Admin").get_by_role("link", name="Communities").click()
    page.get_by_role("link", name="New community").click()
    page.get_by_label("Name").fill(HOSTILE)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text(f"{HOSTILE} was created.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Archive {HOSTILE}?")
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text(f"{HOSTILE} was archived.")).to_be_visible()
    page.get_by_role("link", name="Data", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.startswith("visits-")


@pytest.mark.long(proved_by="browser/test_accessible.py::test_pages_of_the_panel")
def test_refused_form_is_accessible_and_as_live_as_before(tab, site):
    visit(tab, "/admin/data")
    tab.get_by_label("Total", exact=True).fill("x")
    tab.get_by_label("Reason").fill("y")
    tab.get_by_role("button", name="Change the total").click()
    expect(tab.get_by_label("Total", exact=True)).to_have_attribute("aria-invalid", "true")
    check_accessible(tab)
    total = site.register("another").stats.total
    expect(tab.locator("#total-now")).to_contain_text(f"{total:,}")
