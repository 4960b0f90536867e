"""The panel for an admin of the site: by keyboard only, without scripts, and on a tablet."""

from pages import away, expect, sent_by, stat, visit, wait_for

HOSTILE = "<img src=x onerror=alert(1)>"


def test_the_panel_and_the_founding_of_a_community_count_no_visit(admin_tab, site):
    """Admins do not count as visitors (specification: Original clients)."""
    site.register("somebody")
    before, sent = site.stats().total, sent_by(admin_tab, "/api/visitor/")
    for path in ("/admin/visits", "/admin/communities/new"):
        visit(admin_tab, path)
    admin_tab.get_by_label("Name", exact=True).fill("Founders")
    admin_tab.get_by_role("main").get_by_role("button", name="Create").click()
    expect(admin_tab.locator("[data-line=live]")).to_be_visible()
    visit(admin_tab, "/communities/new")
    assert (sent, site.stats().total) == ([], before)
    visit(admin_tab, "/")
    wait_for(admin_tab, lambda: site.stats().total == before + 1, "the visit is counted")


def test_the_panel_works_without_scripts(new_device, session, site):
    site.register("somebody")
    page = new_device(java_script_enabled=False, storage_state=session).open("/admin/?range=30d")
    assert stat(page, "totalVisits").inner_text() == f"{site.stats().total:,}"
    expect(page.locator("#insights-periods tbody tr").first).to_be_visible()
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
    page.get_by_role("link", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.suggested_filename.startswith("visits-")


def test_a_form_stays_as_typed_while_the_server_is_away_and_is_sent_again(admin_tab, site):
    page, button = admin_tab, admin_tab.get_by_role("main").get_by_role("button", name="Create")
    visit(page, "/admin/communities/new")
    page.get_by_label("Name", exact=True).fill("Typed in a tunnel")
    with away(site):
        for _ in range(2):
            button.click()
            expect(page.locator("form [data-unsent]")).to_have_count(1)
        page.get_by_role("button", name="Dark theme").click()
        expect(page.locator(".toast")).to_have_count(1)
        expect(page.get_by_label("Name", exact=True)).to_have_value("Typed in a tunnel")
    button.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Typed in a tunnel")
    expect(page.locator(".toast")).to_contain_text("Typed in a tunnel")


def test_a_form_is_sent_through_a_proxy_that_refuses_the_health_check(page):
    visit(page, "/communities")
    page.route("**/healthz", lambda route: route.fulfill(status=403))
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.unroute_all(behavior="wait")
