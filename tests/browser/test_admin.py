"""The panel for an admin of the site: by keyboard only, without scripts, and on a tablet."""

import pytest
from support.browser.pages import PASSWORD, expect, sent_by, stat, visit, wait_for

HOSTILE = "<img src=x onerror=alert(1)>"


def test_looking_at_the_panel_is_no_visit_and_opening_the_app_is_one(admin_tab, site):
    """Admins do not count as visitors (specification: Original clients)."""
    site.register("somebody")
    before, sent = site.stats().total, sent_by(admin_tab, "/api/visitor/")
    for path in ("/admin/visits", "/admin/"):
        visit(admin_tab, path)
    expect(admin_tab.locator("[data-line]")).to_contain_text("Live")
    assert (sent, site.stats().total) == ([], before)
    visit(admin_tab, "/")
    wait_for(admin_tab, lambda: site.stats().total == before + 1, "the visit is counted")


def test_the_password_is_asked_once_for_several_settings(admin_tab):
    visit(admin_tab, "/admin/server?edit=retention")
    retention = admin_tab.locator("#retention")
    retention.get_by_label("Days").fill("300")
    expect(retention.get_by_label("Current password")).to_have_count(0)
    retention.get_by_role("button", name="Save").click()
    expect(retention.get_by_label("Current password")).to_be_focused()
    expect(retention.get_by_label("Days")).to_have_value("300")
    retention.get_by_label("Current password").fill(PASSWORD)
    retention.get_by_role("button", name="Save").click()
    expect(retention).to_contain_text("300 days")
    visit(admin_tab, "/admin/server?edit=app")
    app = admin_tab.locator("#app")
    expect(app.get_by_label("Current password")).to_have_count(0)
    app.get_by_role("textbox").fill("https://app.example.com")
    app.get_by_role("button", name="Save").click()
    expect(app).to_contain_text("app.example.com")
    for group, field, value in (("retention", "#retention_days", "365"), ("app", "#app_url", "")):
        visit(admin_tab, f"/admin/server?edit={group}")
        admin_tab.locator(field).fill(value)
        admin_tab.locator(f"#{group}").get_by_role("button", name="Save").click()
        expect(admin_tab.locator(f"#{group} form")).to_have_count(0)


@pytest.mark.long(proved_by="browser/test_overview.py::test_panel_shows_the_next_visit")
def test_panel_that_polls_says_that_the_numbers_may_be_old(admin_tab, site):
    site.register("somebody")
    admin_tab.route_web_socket("**/*", lambda socket: socket.close())
    stale = {**site.stats().raw, "stale": True}
    admin_tab.route("**/api/stats", lambda route: route.fulfill(json=stale))
    visit(admin_tab, "/admin/")
    expect(admin_tab.locator("[data-line=polling]")).to_contain_text("The numbers may be out of date")


def test_all_of_it_works_without_scripts(new_device, session, site):
    site.register("somebody")
    page = new_device(java_script_enabled=False, storage_state=session).open("/admin/?range=30d")
    assert stat(page, "totalVisits").inner_text() == f"{site.stats().total:,}"
    expect(page.locator("#insights-periods details tbody tr").first).to_be_visible()
    page.get_by_role("navigation", name="Admin").get_by_role("link", name="Communities").click()
    page.get_by_role("link", name="New community").click()
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text(f"{HOSTILE} was created.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Archive {HOSTILE}?")
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text(f"{HOSTILE} was archived.")).to_be_visible()
    page.get_by_role("link", name="Server").click()
    page.get_by_role("navigation", name="Server").get_by_role("link", name="Data").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename.startswith("visits-")
