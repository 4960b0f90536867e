"""Pages of communities and accounts are for everybody: without scripts, in Bangla, for all eyes, whatever they say."""

from __future__ import annotations

import pytest
from support.members import PASSWORD, PlainMember
from support.pages import check_accessible, expect, live, open_as, stat, visit

HOSTILE = '<img src=x onerror="window.hacked = true"> 100% %(name)s'


def test_texts_stay_texts(site, new_device, device, founder):
    community = founder.found(HOSTILE, description=HOSTILE)
    mallory = {"email": "mallory@example.com", "password": PASSWORD, "name": HOSTILE}
    token = new_device().context.request.post("/api/auth/signup", data=mallory).json()["access_token"]
    invitation = {"email": mallory["email"], "role": "member"}
    link = founder.call("POST", f"/api/communities/{community}/members", invitation)["link"]
    path, headers = f"/api/invitations/{link.rpartition('/')[2]}/accept", {"Authorization": f"Bearer {token}"}
    assert new_device().context.request.post(path, headers=headers).status == 201
    with PlainMember(site.port, community, token):
        for path in ("", "/members", "/dashboard", "/settings", "/delete"):
            page = open_as(device, founder, f"/communities/{community}{path}")
            asked = f"Delete {HOSTILE}?" if path == "/delete" else HOSTILE
            expect(page.get_by_role("heading", level=1)).to_have_text(asked)
            if path in ("/members", "/dashboard"):
                expect(page.get_by_role("main").get_by_text(HOSTILE)).to_have_count(2)  # its name, and theirs
            assert page.evaluate("window.hacked") is None


def test_pages_work_without_scripts(new_device, founder, karim, community):
    device = new_device(java_script_enabled=False)
    page = open_as(device, karim, f"/communities/{community}")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_text("You are now a member.")).to_be_visible()
    expect(stat(page, "online")).to_have_text("0")
    founder.give(community, karim, "moderator")
    visit(page, f"/communities/{community}/dashboard")
    expect(page.get_by_role("table").last).to_be_visible()
    visit(page, f"/communities/{community}")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leave Mirpur 10?")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("You are no longer a member.")).to_be_visible()


PAGES = ["", "/members", "/dashboard", "/settings", "/delete"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_of_a_community_are_for_everybody(site, device, founder, karim, path):
    community = founder.found("Everybody " * 19, description="A long description. " * 20)
    founder.give(community, karim, "moderator")
    with PlainMember(site.port, community, karim.token):
        page = open_as(device, founder, f"/communities/{community}{path}")
        if path in ("", "/dashboard"):
            live(page)
        check_accessible(page)


@pytest.mark.parametrize("path", ["/communities", "/communities/new", "/account"])
def test_pages_of_a_person_are_for_everybody(device, founder, community, path):
    check_accessible(open_as(device, founder, path))


@pytest.mark.parametrize("path", ["/communities", "/login", "/signup"])
def test_pages_before_a_login_are_for_everybody(page, path):
    visit(page, path)
    check_accessible(page)
    if path != "/communities":
        page.get_by_label("Email").fill("nobody@example")
        page.get_by_label("Password").fill("short")
        page.get_by_role("main").get_by_role("button").first.click()
        expect(page.locator("[aria-invalid]").first).to_be_visible()
        check_accessible(page)


def test_page_of_one_who_may_only_know_of_it_is_for_everybody(device, founder, karim, community):
    page = open_as(device, karim, f"/communities/{community}")
    expect(page.get_by_role("button", name="Join")).to_be_visible()
    check_accessible(page)


def test_numbers_are_written_in_bangla(site, new_device, founder, karim, community):
    page = open_as(new_device(locale="bn-BD"), founder, f"/communities/{community}")
    expect(stat(page, "online")).to_have_text("১")
    with PlainMember(site.port, community, karim.join(community).token):
        expect(stat(page, "online")).to_have_text("২")
    visit(page, f"/communities/{community}/dashboard")
    expect(page.locator("#by-day-rows tr:last-child [data-value]").first).to_have_text("২")
