"""Community and account pages in a browser: live, usable with only the keyboard, and safe from hostile texts."""

import re

from pages import expect, live, stat, visit, visit_as, wait_for
from support.clients.members import PASSWORD, Member, PlainMember

MAX_TABS = 40

HOSTILE = '<img src=x onerror="window.hacked = true"> 100% %(name)s'


def focus(page, target) -> None:
    """Move the focus with the keyboard."""
    for _ in range(MAX_TABS):
        if target.evaluate("(element) => element === document.activeElement"):
            outline = target.evaluate("(element) => getComputedStyle(element).outlineStyle")
            assert outline != "none", "the focus is not visible"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way leads to {target}")


def test_the_keyboard_is_enough_to_sign_up_and_create_a_community(page):
    visit(page, "/communities")
    focus(page, page.get_by_role("main").get_by_role("link", name="Sign up"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/signup"))
    for label, text in (("Name", "Keyboard"), ("Email", "keyboard@example.com"), ("Password", PASSWORD)):
        focus(page, page.get_by_label(label))
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/communities$"))
    focus(page, page.get_by_role("link", name="New community"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/communities/new$"))
    focus(page, page.get_by_label("Name", exact=True))
    page.keyboard.type("By keyboard")
    focus(page, page.get_by_label("Listed"))
    page.keyboard.press("Space")
    focus(page, page.get_by_role("button", name="Create"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("By keyboard")
    expect(page.get_by_text("Open to everyone · Unlisted")).to_be_visible()
    focus(page, page.locator(".person summary"))
    page.keyboard.press("Enter")
    focus(page, page.get_by_role("button", name="Log out"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Log in")).to_be_visible()


def test_the_counter_of_a_community_follows_arrivals_departures_and_visits(site, page, founder, karim, community):
    live(visit_as(page, founder, f"/communities/{community}"))
    expect(stat(page, "online")).to_have_text("1")
    expect(stat(page, "todayVisits")).to_have_text("1")
    with PlainMember(site.port, community, karim.join(community).token):
        expect(stat(page, "online")).to_have_text("2")
    expect(stat(page, "online")).to_have_text("1")
    held = []

    def hold(route) -> None:
        """Hold the page's first request for its parts."""
        if "x-requested-with" in route.request.headers and not held:
            held.append(route)
        else:
            route.continue_()

    page.route(f"**/communities/{community}", hold)
    page.reload()
    live(page)
    wait_for(page, lambda: held, "the parts are requested")
    earlier = held[0].fetch()
    page.evaluate("() => document.querySelector('#day').removeAttribute('data-live')")  # only pushes change the hours
    founder.visit("rahim", community)
    expect(stat(page, "todayVisits")).to_have_text("2")
    expect(page.locator("[data-hour]")).to_have_text("2")
    expect(stat(page, "uniqueVisitors")).to_have_text("2")
    page.evaluate(
        "() => document.querySelector('#facts').addEventListener('replaced', () => (window.isReplaced = true))"
    )
    held[0].fulfill(response=earlier)
    wait_for(page, lambda: page.evaluate("() => window.isReplaced"), "the earlier parts have arrived")
    assert stat(page, "uniqueVisitors").inner_text() == "2"


def test_the_page_of_a_stranger_follows_public_numbers_until_they_are_turned_off(site, new_device, founder, karim):
    community = founder.found(public_count=True)
    page = live(new_device().open(f"/communities/{community}"))
    with PlainMember(site.port, community, karim.join(community).token):
        expect(stat(page, "online")).to_have_text("1")
    founder.visit("rahim", community)
    expect(stat(page, "todayVisits")).to_have_text("1")
    founder.call("PATCH", f"/api/communities/{community}", {"public_count": False})
    expect(page.get_by_role("alert")).to_have_text("Only members see its numbers.")
    expect(page.locator("[data-stat]")).to_have_count(0)
    expect(page.get_by_role("link", name="Log in to join")).to_be_visible()


def test_the_signup_form_contains_the_email_of_the_invitation(device):
    page = device.open("/signup#email=salma%2Bbus@example.com")
    expect(page.get_by_label("Email")).to_have_value("salma+bus@example.com")


def test_the_page_names_people_who_arrive_and_leave_and_their_texts_stay_texts(site, new_device, session, founder):
    """The site admin who is watching is not a member and does not count as online."""
    community = founder.found(HOSTILE, description=HOSTILE)
    page = live(new_device(storage_state=session, locale="bn-BD").open(f"/communities/{community}"))
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(stat(page, "online")).to_be_hidden()
    mallory = Member(site, HOSTILE, email="mallory@example.com").join(community)
    here = page.locator(f"#online-list [data-person='{mallory.id}']")
    with PlainMember(site.port, community, mallory.token):
        expect(stat(page, "online")).to_be_visible()
        expect(stat(page, "online")).to_have_text("১")
        expect(stat(page, "peak")).to_have_text("১")
        expect(here.locator("strong")).to_have_text(HOSTILE)
        assert page.evaluate("window.hacked") is None
    expect(page.locator("#absent")).to_contain_text(HOSTILE)
    expect(page.locator("#absent")).to_be_visible()


def test_a_member_sees_the_names_of_people_who_come_and_go(site, page, founder, karim):
    community = founder.found(members_see_online=True)
    live(visit_as(page, karim.join(community), f"/communities/{community}"))
    here, other = page.locator("#online-list li"), page.locator(f"#online-list [data-person='{founder.id}']")
    expect(here.locator("small", has_text="you")).to_have_count(1)
    with PlainMember(site.port, community, founder.token):
        expect(other.locator("strong")).to_have_text(founder.name)
        expect(page.locator("#online-more")).to_be_hidden()
    expect(other).to_have_attribute("data-left", "")
    founder.call("PATCH", "/api/auth/me", {"appear_offline": True})
    with PlainMember(site.port, community, founder.token):
        expect(page.locator("#online-more")).to_have_text("and 1 more")
    founder.call("PATCH", "/api/auth/me", {"appear_offline": False})
