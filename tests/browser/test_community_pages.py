"""Community and account pages in a browser: live, usable with only the keyboard, and safe from hostile texts."""

import re

import pytest
from support.browser.pages import expect, live, open_as, stat, visit, visit_as
from support.clients.members import PASSWORD, Member, PlainMember

long = pytest.mark.long(proved_by="browser/test_community_pages.py::test_counter_follows_arrivals_and_departures")

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


def test_keyboard_is_enough_to_sign_up_and_create_a_community(page):
    visit(page, "/communities")
    focus(page, page.get_by_role("main").get_by_role("link", name="Sign up"))
    page.keyboard.press("Enter")
    for label, text in (("Name", "Keyboard"), ("Email", "keyboard@example.com"), ("Password", PASSWORD)):
        focus(page, page.get_by_label(label))
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/communities$"))
    focus(page, page.get_by_role("link", name="New community"))
    page.keyboard.press("Enter")
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


def test_counter_follows_arrivals_and_departures(site, tab, founder, karim, community):
    page = live(visit_as(tab, founder, f"/communities/{community}"))
    expect(stat(page, "online")).to_have_text("1")
    expect(stat(page, "todayVisits")).to_have_text("1")
    with PlainMember(site.port, community, karim.join(community).token):
        expect(stat(page, "online")).to_have_text("2")
    expect(stat(page, "online")).to_have_text("1")
    page.reload()
    live(page)
    page.evaluate("document.querySelector('#day').removeAttribute('data-live')")  # only pushes change the hours
    founder.visit("rahim", community)
    expect(stat(page, "todayVisits")).to_have_text("2")
    expect(page.locator("[data-hour]")).to_have_text("2")
    expect(stat(page, "uniqueVisitors")).to_have_text("2")


def test_strangers_page_follows_public_numbers_until_they_are_turned_off(site, new_device, founder, karim):
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


@long
def test_former_member_sees_a_notice_and_no_numbers(tab, founder, karim, community):
    page = live(visit_as(tab, karim.join(community), f"/communities/{community}"))
    founder.call("DELETE", f"/api/communities/{community}/members/{karim.id}")
    expect(page.get_by_role("alert")).to_have_text("You are no longer a member.")
    expect(page.locator("[data-stat]")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("button", name="Join")).to_be_visible()


@long
def test_former_moderator_sees_the_members_room(tab, founder, karim, community):
    founder.give(community, karim, "moderator")
    page = live(visit_as(tab, karim, f"/communities/{community}"))
    founder.give(community, karim, "member")
    expect(page.get_by_role("alert")).to_have_text("You no longer have access to this page.")
    expect(page.locator("[data-stat], table")).to_have_count(0)
    expect(stat(page, "online")).to_have_text("1")
    expect(page.locator("#online")).to_have_count(0)


@long
def test_person_logged_out_elsewhere_logs_in_and_returns(site, tab, karim, founder, community):
    page = live(visit_as(tab, karim.join(community), f"/communities/{community}"))
    assert site.koyjabo("user", "password", karim.email, "--password-stdin", typed=PASSWORD).returncode == 0
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.get_by_label("Email").fill(karim.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in", exact=True).click()
    expect(page).to_have_url(re.compile(f"/communities/{community}$"))
    karim.log_in()


def test_signup_form_contains_the_email_of_the_invitation(device):
    page = device.open("/signup#email=salma%2Bbus@example.com")
    expect(page.get_by_label("Email")).to_have_value("salma+bus@example.com")


def test_room_names_people_who_arrive_and_leave(site, new_device, session, community):
    """The site admin who is watching is not a member and does not count as online."""
    page = live(new_device(storage_state=session).open(f"/communities/{community}"))
    expect(page.get_by_text("No one is online.")).to_be_visible()
    guest = Member(site).join(community)
    here = page.locator(f"#online-list [data-person='{guest.id}']")
    with PlainMember(site.port, community, guest.token):
        expect(stat(page, "online")).to_have_text("1")
        expect(stat(page, "peak_month")).to_have_text("1")
        expect(here.get_by_text("Just arrived")).to_be_visible()
        expect(here.locator("strong")).to_have_text(guest.name)
        expect(here.locator("time")).to_have_text("just now")
    expect(here.get_by_text("Just left")).to_be_visible()
    expect(stat(page, "online")).to_have_text("0")


@long
def test_community_reports_follow_arrivals(site, tab, founder, community):
    page = live(visit_as(tab, founder, f"/communities/{community}/reports"))
    site.register("visitor_3", communityId=community)
    guest = Member(site, visitorId="visitor_3").join(community)
    with PlainMember(site.port, community, guest.token):
        expect(page.locator("#converted dd").first).to_have_text(re.compile("^100%"))
        page.locator("#by-day summary").click()
        expect(page.locator("#by-day-rows tr:first-child td")).to_have_text(["1", "0", "1"])
        assert page.locator("#by-day canvas").count() == 1


@long
def test_texts_stay_texts_and_numbers_are_written_in_bangla(site, new_device, founder):
    community = founder.found(HOSTILE, description=HOSTILE)
    mallory = Member(site, HOSTILE, email="mallory@example.com").join(community)
    page = open_as(new_device(locale="bn-BD"), founder, f"/communities/{community}")
    expect(stat(page, "online")).to_have_text("১")
    with PlainMember(site.port, community, mallory.token):
        expect(stat(page, "online")).to_have_text("২")
        for path in ("", "/members", "/settings"):
            visit(page, f"/communities/{community}{path}")
            expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
            if path == "/members":
                # the community's name, and the member's
                expect(page.get_by_role("main").get_by_text(HOSTILE)).to_have_count(2)
            assert page.evaluate("window.hacked") is None
