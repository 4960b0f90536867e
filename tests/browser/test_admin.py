"""The panel in front of an admin of the site: live, by keyboard alone, without scripts, for everybody's eyes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.pages import check_accessible, expect, stat, visit, wait_for
from support.redis import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page, StorageState

EMAIL, PASSWORD = "rani@example.com", "rickshaw at dawn"
HOSTILE = "<img src=x onerror=alert(1)>"
LISTS = ("/admin/communities", "/admin/users", "/admin/visits", "/admin/audit", "/admin/export", "/admin/system")

FOCUSED = "(({ ariaLabel, innerText, name }) => ariaLabel || innerText || name)(document.activeElement)"


@pytest.fixture(scope="module")
def site(module_servers, module_sqlite_database):
    """With an admin of the site, and somebody who is none."""
    settings = {"ADMIN_EMAIL": EMAIL, "ADMIN_PASSWORD": PASSWORD, "STARTING_TOTAL": 4000}
    return module_servers(module_sqlite_database, PORT=free_port(), **settings).start()


@pytest.fixture(scope="module")
def community(founder):
    return founder.found()


@pytest.fixture(scope="module")
def session(browser, site) -> StorageState:
    """What a browser keeps in which the admin has logged in."""
    context = browser.new_context(base_url=f"http://localhost:{site.port}")
    answer = context.request.post("/api/auth/login", data={"email": EMAIL, "password": PASSWORD})
    assert answer.ok, answer.text()
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture
def admin(new_device, session) -> Page:
    return new_device(storage_state=session).context.new_page()


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
    expect(admin.locator("[data-line]")).to_have_text("Live")
    before = site.stats().total
    assert stat(admin, "totalVisits").inner_text() == f"{before:,}" == "4,000"
    admin.evaluate("window.neverReloaded = true")
    new_device().open("/")
    expect(stat(admin, "totalVisits")).to_have_text("4,001")
    expect(stat(admin, "todayVisits")).to_have_text("1")
    expect(admin.locator("#newest tbody tr").first).to_contain_text("4,001")
    expect(admin.locator("#hours [data-value='1']")).to_have_count(1)
    expect(admin.locator("#hours canvas")).to_be_visible()
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
    expect(admin.locator("[data-line]")).to_have_text("Live")
    assert not any("/api/visitor/" in url for url in requests)
    assert site.stats().total == before


def test_admin_who_opens_the_app_after_the_panel_is_a_visitor(admin, site):
    visit(admin, "/admin/")
    expect(admin.locator("[data-line]")).to_have_text("Live")
    before = site.stats().total
    visit(admin, "/")
    wait_for(admin, lambda: site.stats().total == before + 1, "the visit is counted")


def test_charts_are_drawn_from_their_tables(admin):
    visit(admin, "/admin/")
    expect(admin.locator("#hours canvas")).to_be_visible()
    expect(admin.locator("#days canvas")).to_be_visible()
    assert admin.locator("#days details tbody tr").count() == 30


def test_recount_ends_in_front_of_whoever_began_it(admin):
    visit(admin, "/admin/system")
    admin.get_by_role("button", name="Recount", exact=True).click()
    expect(admin.locator("#recount")).to_contain_text("All numbers agree")


def test_what_was_done_is_said_once(admin, community):
    visit(admin, f"/admin/communities/{community}")
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_text("Your changes were saved.")).to_be_visible()
    expect(admin).to_have_url(re.compile(r"[^?]*$"))  # the page's script has removed the code of the message
    admin.reload()
    expect(admin.get_by_text("Your changes were saved.")).to_have_count(0)


def test_somebody_is_made_admin_by_keyboard_alone(admin, site, founder):
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
    expect(page.locator("#days details tbody tr").last).to_be_visible()
    page.get_by_role("link", name="Communities").last.click()
    page.get_by_role("link", name="New community").click()
    page.get_by_label("Name").fill(HOSTILE)
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("The community was created.")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Archive {HOSTILE}?")
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("The community was archived.")).to_be_visible()
    page.get_by_role("link", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.startswith("visits-")


def test_texts_of_visitors_are_text(admin, site, founder):
    site.register("hostile", userAgent=HOSTILE, referrer=f"https://x.example/{HOSTILE}", page=HOSTILE)
    for path in ("/admin/", "/admin/visits"):
        visit(admin, path)
        expect(admin.locator(".records tbody tr").first).to_contain_text(HOSTILE)
        assert admin.locator("img").count() == 0


@pytest.mark.parametrize("path", ["/admin/", "/admin/communities/new", *LISTS])
def test_page_is_for_everybody(admin, community, path):
    visit(admin, path)
    check_accessible(admin)


def test_pages_of_one_community_and_one_user_are_for_everybody(admin, community, founder):
    for path in (f"/admin/communities/{community}", f"/admin/users/{founder.call('GET', '/api/auth/me')['id']}"):
        visit(admin, path)
        check_accessible(admin)


def set_total_to_nonsense(admin: Page) -> None:
    visit(admin, "/admin/system")
    admin.get_by_label("Total", exact=True).fill("x")
    admin.get_by_label("Reason").fill("y")
    admin.get_by_role("button", name="Change the total").click()
    expect(admin.get_by_label("Total", exact=True)).to_have_attribute("aria-invalid", "true")


def test_form_with_something_wrong_is_for_everybody(admin):
    set_total_to_nonsense(admin)
    check_accessible(admin)


def test_page_that_was_refused_something_is_as_live_as_before(admin, site):
    set_total_to_nonsense(admin)
    total = site.register("somebody").stats.total
    expect(admin.locator("#state")).to_contain_text(f"{total:,}")


def test_tablet_has_room_for_fingers(new_device, session, community):
    device = new_device(storage_state=session, has_touch=True, is_mobile=True, viewport={"width": 1180, "height": 820})
    page = device.open(f"/admin/communities/{community}")
    buttons = page.locator(".records button, .records select").all()
    heights = [box["height"] for each in buttons if (box := each.bounding_box())]
    assert heights
    assert min(heights) >= 44
