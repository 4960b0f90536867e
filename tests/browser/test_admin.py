"""The panel in front of an admin of the site: live, by keyboard alone, without scripts, accessible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.pages import Device, check_accessible, expect, kept_login, stat, visit, wait_for
from support.redis import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page, StorageState

EMAIL, PASSWORD = "rani@example.com", "rickshaw at dawn"
HOSTILE = "<img src=x onerror=alert(1)>"
LISTS = ("/admin/communities", "/admin/users", "/admin/visits", "/admin/audit")
RUN = ("/admin/health", "/admin/data", "/admin/settings", "/admin/find?q=a")
SUBJECTS = ("/admin/communities/{community}", "/admin/users/{user}")

FOCUSED = "(({ ariaLabel, innerText, name }) => ariaLabel || innerText || name)(document.activeElement)"


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database):
    """With an admin of the site."""
    settings = {"ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD, "STARTING_TOTAL": 4000}
    return module_servers(module_sqlite_database, PORT=free_port(), **settings).start()


@pytest.fixture(scope="module")
def community(founder):
    return founder.found()


@pytest.fixture(scope="module")
def session(browser, site) -> StorageState:
    return kept_login(browser, site.port, EMAIL, PASSWORD)


@pytest.fixture(scope="module")
def device_of_admin(new_shared_device, session) -> Device:
    return new_shared_device(storage_state=session)


@pytest.fixture
def admin(device_of_admin) -> Iterator[Page]:
    with device_of_admin.tab() as page:
        yield page


def press_until(page: Page, name: str, key: str = "Tab") -> None:
    """Until what has the focus is called `name`; a field has the name under which it is sent."""
    for _ in range(80):
        page.keyboard.press(key)
        if page.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"nothing that {key} leads to is called {name}")


def test_panel_goes_from_4000_to_4001_while_a_visitor_opens_the_app(admin, site, new_device):
    """Admins are not counted as visitors (specification: Original clients)."""
    visit(admin, "/admin/")
    expect(admin.locator("[data-line]")).to_contain_text("Live")
    before = site.stats().total
    assert stat(admin, "totalVisits").inner_text() == f"{before:,}" == "4,000"
    admin.evaluate("window.neverReloaded = true")
    expect(admin.get_by_text("Waiting for the first visit…")).to_be_visible()
    new_device().open("/")
    expect(admin.get_by_text("The first visit is counted.")).to_be_visible()
    expect(stat(admin, "totalVisits")).to_have_text("4,001")
    expect(stat(admin, "todayVisits")).to_have_text("1")
    expect(admin.locator("[data-newest] tbody tr").first).to_contain_text("4,001")
    expect(admin.locator("#insights-periods tbody tr:first-child [data-value]")).to_have_text("1")
    expect(admin.locator("#insights-periods canvas")).to_be_visible()
    expect(stat(admin, "visits")).to_have_text("1")
    assert admin.evaluate("window.neverReloaded") is True


def test_panel_that_polls_says_that_the_numbers_may_be_old(admin, site):
    admin.route_web_socket("**/*", lambda socket: socket.close())
    stale = {**site.stats().raw, "stale": True}
    admin.route("**/api/stats", lambda route: route.fulfill(json=stale))
    visit(admin, "/admin/")
    expect(admin.locator("[data-line=polling]")).to_contain_text("The numbers may be out of date")


def test_looking_at_the_panel_is_no_visit(admin, site):
    before = site.stats().total
    requests: list[str] = []
    admin.on("request", lambda request: requests.append(request.url))
    for path in ("/admin/", "/admin/visits", "/admin/"):
        visit(admin, path)
        admin.wait_for_load_state("networkidle")
    expect(admin.locator("[data-line]")).to_contain_text("Live")
    assert not any("/api/visitor/" in url for url in requests)
    assert site.stats().total == before


def test_admin_who_opens_the_app_after_the_panel_is_a_visitor(admin, site):
    visit(admin, "/admin/")
    expect(admin.locator("[data-line]")).to_contain_text("Live")
    before = site.stats().total
    visit(admin, "/")
    wait_for(admin, lambda: site.stats().total == before + 1, "the visit is counted")


def test_overview_has_ranges_and_leads_into_insights(admin, site):
    site.register("someone", page="/fares?utm_source=poster")
    visit(admin, "/admin/")
    expect(admin.locator("#insights-periods canvas")).to_be_visible()
    assert admin.locator("#insights-periods tbody tr").count() == 30
    admin.keyboard.press("w")
    expect(admin.locator("#insights-periods tbody tr")).to_have_count(7)
    admin.keyboard.press("x")
    expect(admin.locator("#insights-figures")).to_contain_text("compared with")
    expect(admin).to_have_url(re.compile(r"/admin/\?range=7d&compare=previous$"))
    admin.get_by_role("link", name="/fares", exact=True).click()
    expect(admin).to_have_url(re.compile(r"/admin/insights\?range=7d&compare=previous&page=%2Ffares$"))
    expect(admin.get_by_role("group", name="Filters")).to_contain_text("Landing page is /fares")


def test_recount_ends_in_front_of_the_admin_who_began_it(admin):
    visit(admin, "/admin/data")
    admin.get_by_role("button", name="Recount", exact=True).click()
    expect(admin.locator("#recount")).to_contain_text("All numbers agree")


def test_what_was_done_is_said_once(admin, community):
    visit(admin, f"/admin/communities/{community}")
    admin.get_by_role("button", name="Save").click()
    expect(admin.locator(".toast")).to_contain_text("The settings of Mirpur 10 were saved.")
    admin.reload()
    expect(admin.locator(".toast, [data-outcome]")).to_have_count(0)


def test_user_is_made_admin_by_keyboard_alone(admin, site, founder):
    visit(admin, "/admin/")
    press_until(admin, "Users")
    admin.keyboard.press("Enter")
    admin.wait_for_url("**/admin/users")
    press_until(admin, founder.call("GET", "/api/auth/me")["name"])
    admin.keyboard.press("Enter")
    admin.wait_for_url("**/admin/users/*")
    press_until(admin, "Give admin rights")
    admin.keyboard.press("Space")
    expect(admin.get_by_role("heading", level=1)).to_contain_text("a site admin?")
    press_until(admin, "typed")
    admin.keyboard.type(founder.email)
    press_until(admin, "Give admin rights")
    admin.keyboard.press("Space")
    expect(admin.get_by_text("This user is now a site admin.")).to_be_visible()
    assert founder.call("GET", "/api/auth/me")["is_admin"] is True


def test_all_of_it_works_without_scripts(new_device, session, site):
    page = new_device(java_script_enabled=False, storage_state=session).context.new_page()
    visit(page, "/admin/")
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


def test_texts_of_visitors_are_text(admin, site, founder):
    site.register("hostile", userAgent=HOSTILE, referrer=f"https://x.example/{HOSTILE}", page=HOSTILE)
    for path in ("/admin/", "/admin/visits"):
        visit(admin, path)
        expect(admin.locator("main")).to_contain_text(HOSTILE)
        assert admin.locator("img").count() == 0


@pytest.mark.parametrize("paths", [("/admin/", "/admin/communities/new"), LISTS, RUN, SUBJECTS])
def test_pages_are_accessible(admin, community, founder, paths):
    for path in paths:
        visit(admin, path.format(community=community, user=founder.id))
        check_accessible(admin)


def set_total_to_nonsense(admin: Page) -> None:
    visit(admin, "/admin/data")
    admin.get_by_label("Total", exact=True).fill("x")
    admin.get_by_label("Reason").fill("y")
    admin.get_by_role("button", name="Change the total").click()
    expect(admin.get_by_label("Total", exact=True)).to_have_attribute("aria-invalid", "true")


def test_refused_form_is_accessible_and_as_live_as_before(admin, site):
    set_total_to_nonsense(admin)
    check_accessible(admin)
    total = site.register("another").stats.total
    expect(admin.locator("#total-now")).to_contain_text(f"{total:,}")


def test_tablet_has_room_for_fingers(new_device, session, community):
    device = new_device(storage_state=session, has_touch=True, is_mobile=True, viewport={"width": 1180, "height": 820})
    page = device.open(f"/admin/communities/{community}")
    buttons = page.locator(".records summary, .records button, .records select").all()
    heights = [
        box["height"] for each in buttons if (box := each.bounding_box()) and box["height"]
    ]  # 0 in a closed menu
    assert heights
    assert min(heights) >= 44
