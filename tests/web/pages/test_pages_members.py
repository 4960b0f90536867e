"""Pages of members, without scripts: who belongs to a community, letting people in, their roles, and their leave."""

from __future__ import annotations

import pytest
from support.community_calls import roles_in
from support.page_calls import words


@pytest.fixture
def community(cast):
    return cast.community()


def members(community: str, person: str = "", action: str = "") -> str:
    return f"/communities/{community}/members" + (f"/{person}" if person else "") + action


def test_members_see_names_and_roles_and_only_site_admins_emails(readers, community):
    page = readers["member"].get(members(community))
    for shown in ("Members: 4", "Admin Since", "Member (you) Since", "16 Dec 2025"):
        assert shown in words(page)
    assert "example.com" not in page
    assert "<select" not in page
    assert "moderator@example.com" not in readers["admin"].get(members(community))
    assert "moderator@example.com" in readers["site_admin"].get(members(community))


def test_list_is_gone_through_by_the_page_and_actions_lead_back_to_it(site, readers, cast, community):
    page = readers["admin"].get(f"{members(community)}?per_page=2&page=2")
    assert page.count('<form method="post" class="role"') == 2
    other = cast["other"].id
    readers["admin"].send(f"{members(community, other)}?page=1", role="admin")
    assert "page=1" in readers["admin"].location
    assert roles_in(site, community)[other] == "admin"


def test_admin_invites_by_email_and_gets_the_link(site, readers, cast, community):
    readers["admin"].send(members(community), email=" NEWCOMER@example.com ", role="moderator")
    page = readers["admin"].get(readers["admin"].location)
    assert "The invitation of NEWCOMER@example.com was made." in words(page)
    assert "NEWCOMER@example.com Moderator http://localhost/invitations/" in words(page)
    assert cast["newcomer"].id not in roles_in(site, community)
    assert "/invitations/" not in readers["moderator"].get(members(community))


def test_who_cannot_be_invited_is_said_at_the_form(readers, community):
    for email, role, sentence in (
        ("nobody", "member", "must be an email address"),
        ("newcomer@example.com", "king", "must be member, moderator or admin"),
    ):
        page = readers["admin"].send(members(community), 422, email=email, role=role)
        assert sentence in words(page)
        assert f'value="{email}"' in page
        assert "Members: 4" in words(page)


def test_admin_changes_roles_and_ends_memberships(site, readers, cast, community):
    member = cast["member"].id
    readers["admin"].send(members(community, member), role="admin")
    assert roles_in(site, community)[member] == "admin"
    readers["admin"].confirm(members(community, member, "/remove"))
    assert "Member is no longer a member." in words(readers["admin"].get(readers["admin"].location))
    assert member not in roles_in(site, community)
    readers["member"].get(members(community), 403)


@pytest.mark.parametrize(("action", "fields"), [("", {"role": "member"}), ("/remove", {})])
def test_last_admin_stays_and_is_told_so_at_their_name(site, readers, cast, community, action, fields):
    admin = cast["admin"].id
    page = readers["admin"].send(members(community, admin, action), 409, **fields)
    assert "Admin (you) Since" in words(page)
    assert "A community needs an admin." in words(page).split("(you)")[1].split("Moderator")[0]
    assert roles_in(site, community)[admin] == "admin"


def test_who_removes_themselves_has_left(site, readers, cast, community):
    readers["member"].confirm(members(community, cast["member"].id, "/remove"))
    assert readers["member"].location == "/communities"
    assert cast["member"].id not in roles_in(site, community)
