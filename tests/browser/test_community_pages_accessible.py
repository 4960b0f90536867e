"""Pages of communities and accounts: without scripts, in Bangla, accessible, and safe from hostile texts."""

from __future__ import annotations

from support.members import PASSWORD, PlainMember
from support.pages import check_accessible, expect, live, open_as, stat, visit, visit_as

HOSTILE = '<img src=x onerror="window.hacked = true"> 100% %(name)s'
PAGES = ("", "/members", "/dashboard", "/settings", "/delete")


def test_texts_stay_texts(site, new_device, tab, founder):
    community = founder.found(HOSTILE, description=HOSTILE)
    mallory = {"email": "mallory@example.com", "password": PASSWORD, "name": HOSTILE}
    token = new_device().context.request.post("/api/auth/signup", data=mallory).json()["access_token"]
    invitation = {"email": mallory["email"], "role": "member"}
    link = founder.call("POST", f"/api/communities/{community}/members", invitation)["link"]
    path, headers = f"/api/invitations/{link.rpartition('/')[2]}/accept", {"Authorization": f"Bearer {token}"}
    assert new_device().context.request.post(path, headers=headers).status == 201
    with PlainMember(site.port, community, token):
        for path in PAGES:
            page = visit_as(tab, founder, f"/communities/{community}{path}")
            asked = f"Delete {HOSTILE}?" if path == "/delete" else HOSTILE
            expect(page.get_by_role("heading", level=1)).to_have_text(asked)
            if path in ("/members", "/dashboard"):
                expect(page.get_by_role("main").get_by_text(HOSTILE)).to_have_count(2)  # its name, and theirs
            assert page.evaluate("window.hacked") is None


def test_pages_work_without_scripts(new_device, founder, karim, community):
    device = new_device(java_script_enabled=False)
    page = open_as(device, karim, f"/communities/{community}")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_text("You are now a member of Mirpur 10.")).to_be_visible()
    expect(stat(page, "online")).to_have_text("0")
    founder.give(community, karim, "moderator")
    visit(page, f"/communities/{community}/dashboard")
    expect(page.get_by_role("table").last).to_be_visible()
    visit(page, f"/communities/{community}")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Leave Mirpur 10?")
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_text("You are no longer a member of Mirpur 10.")).to_be_visible()


def test_pages_of_a_community_are_accessible(site, tab, founder, karim):
    community = founder.found("Everybody " * 19, description="A long description. " * 20)
    founder.give(community, karim, "moderator")
    with PlainMember(site.port, community, karim.token):
        for path in PAGES:
            visit_as(tab, founder, f"/communities/{community}{path}")
            if path in ("", "/dashboard"):
                live(tab)
            check_accessible(tab)


def test_pages_of_a_person_are_accessible(tab, founder, karim, community):
    for path in ("/communities", "/communities/new", "/account"):
        check_accessible(visit_as(tab, founder, path))
    visit_as(tab, karim, f"/communities/{community}")  # who is no member, and may only know of it
    expect(tab.get_by_role("button", name="Join")).to_be_visible()
    check_accessible(tab)


def test_pages_before_a_login_are_accessible(page):
    visit(page, "/communities")
    check_accessible(page)
    for path in ("/login", "/signup"):
        visit(page, path)
        check_accessible(page)
        page.get_by_label("Email").fill("ayesha@example")
        page.get_by_label("Password").fill("short")
        page.get_by_role("main").get_by_role("button").first.click()
        expect(page.locator("[aria-invalid]").first).to_be_visible()
        check_accessible(page)


def test_numbers_are_written_in_bangla(site, new_device, founder, karim, community):
    page = open_as(new_device(locale="bn-BD"), founder, f"/communities/{community}")
    expect(stat(page, "online")).to_have_text("১")
    with PlainMember(site.port, community, karim.join(community).token):
        expect(stat(page, "online")).to_have_text("২")
    visit(page, f"/communities/{community}/dashboard")
    expect(page.locator("#by-day-rows tr:first-child [data-value]").first).to_have_text("২")
