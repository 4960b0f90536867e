"""Actions of site admins in the panel: each writes an audit log entry and shows its result."""

import pytest
from support.application.site import Site
from support.people.accounts import try_login
from support.people.admins import ExampleCommunity, id_of, last_line, panel
from support.people.page_readers import words


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        yield site


@pytest.fixture
def admin(site):
    return panel(site)


@pytest.fixture
def example(site, admin):
    return ExampleCommunity(site)


def test_community_is_created_and_changed(site, admin):
    assert 'action="/communities/new"' in admin.get("/admin/communities/new")
    admin.send("/communities/new", name="Mirpur 10", description="By bus", open="on")
    location = admin.location
    assert "Mirpur 10 was created." in admin.get(location)
    assert last_line(site) == ("Rani", "community.create", "Mirpur 10")
    path = location.partition("?")[0]
    admin.send(f"{path}/settings", name="Mirpur 11", description="By bus", listed="on")
    assert "Mirpur 11" in words(admin.get(admin.location))
    assert last_line(site) == ("Rani", "community.change", "Mirpur 10")
    assert site.rows("SELECT name, is_open, is_listed FROM communities") == [("Mirpur 11", 0, 1)]


def test_community_is_archived_and_restored(site, admin, example):
    path = f"/admin/communities/{example.community}"
    admin.confirm(f"{path}/archive")
    assert "Mirpur 10 was archived." in admin.get(admin.location)
    assert last_line(site) == ("Rani", "community.archive", "Mirpur 10")
    assert example.member.get(f"/api/communities/{example.community}").status_code == 404
    admin.get(path, 303)
    assert "Archived" in words(admin.get(admin.location))
    admin.get(f"/communities/{example.community}", 404)
    admin.send(f"{path}/restore")
    assert "Mirpur 10 was restored." in admin.get(admin.location)
    assert last_line(site) == ("Rani", "community.restore", "Mirpur 10")
    assert example.member.get(f"/api/communities/{example.community}").status_code == 200


def test_account_is_disabled_and_enabled(site, admin, example):
    path = f"/admin/people/{example.member.id}"
    admin.confirm(f"{path}/disable")
    assert "Disabled" in words(admin.get(admin.location))
    assert last_line(site) == ("Rani", "user.disable", "babul@example.com")
    assert try_login(site, "babul").status_code == 401
    admin.send(f"{path}/enable")
    assert last_line(site) == ("Rani", "user.enable", "babul@example.com")
    assert try_login(site, "babul").status_code == 200


def test_own_account_cannot_be_disabled(site, admin):
    path = f"/admin/people/{id_of(site, 'rani')}"
    assert f'action="{path}/disable"' not in admin.get(path)
    assert 'role="alert">You cannot disable your own account.' in admin.confirm(f"{path}/disable", 403)
