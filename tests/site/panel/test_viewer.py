"""A viewer of the site sees the panel without personal data, and cannot change anything there."""

import re

import pytest
from support.people.admins import ExampleCommunity, address, panel
from support.people.page_readers import FOR_SCRIPTS, Reader, words

from koyjabo.base.core.identity import OPERATOR
from koyjabo.people.accounts.services import AccountServices

VISITOR = "visitor_1702757318000_a1b2c3d4e"
EMAIL = re.compile(r"[\w.]+@[\w.]+")
MEANINGS = re.compile(r'(?s)<dd class="quiet">.*?</dd>')
"""Descriptions of settings, which contain example emails."""


@pytest.fixture(scope="module")
def example(site):
    """A site with visits, an invitation, an email in the audit log's details, and a visitor whose id consists only of
    digits.
    """
    example = ExampleCommunity(site)
    example.values["ordinal"] = str(site.register(VISITOR, communityId=example.community).ordinal)
    site.register("40004")
    path = f"/api/communities/{example.community}"
    example.founder.post(f"{path}/members", json={"email": "rahim@example.com", "role": "member"})
    example.founder.patch(path, json={"description": "Write to babul@example.com, please"})
    site.services[AccountServices].users.unlock(OPERATOR, example.member.id)  # the audit log contains this email
    return example


@pytest.fixture(scope="module")
def admin(site):
    return panel(site)


@pytest.fixture(scope="module")
def viewer(site):
    reader = Reader(site).sign_up("nila")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'nila@example.com'")
    return reader


@pytest.fixture(scope="module")
def rules(site):
    return [rule for rule in routes(site, "GET") if is_for_viewers(site, rule)]


def routes(site, method: str):
    """Every panel route that accepts this method."""
    rules = site.app.url_map.iter_rules()
    return [rule for rule in rules if rule.endpoint.startswith("panel_") and method in rule.methods]


def is_for_viewers(site, rule):
    return hasattr(site.app.view_functions[rule.endpoint], "for_viewers")


def test_a_viewer_sees_no_email_and_no_visitor_id_and_no_form(site, example, rules, admin, viewer):
    assert [rule.rule for rule in routes(site, "POST") if is_for_viewers(site, rule)] == []
    hidden = [VISITOR, "40004", *(email for (email,) in site.rows("SELECT email FROM users")), "rahim@example.com"]
    redirects = {f"/admin/communities/{example.community}"}
    paths = {address(site, rule, **example.values) for rule in rules} - FOR_SCRIPTS - redirects
    seen = "".join(admin.get(path) for path in (*paths, f"/communities/{example.community}/members"))
    assert all(text in seen for text in (VISITOR, "40004", "babul@example.com", "rahim@example.com"))
    allowed = "|".join(re.sub(r"<[^>]+>", "[^/]+", rule.rule) for rule in rules)
    for path in paths:
        page = viewer.get(path)
        assert [text for text in hidden if text in page] == [], path
        assert EMAIL.findall(words(MEANINGS.sub("", page))) == [], path
        assert "/invitations/" not in page
        assert set(re.findall(r'<form method="post" action="([^"]+)"', page)) == {"/logout"}, path
        assert page.count('method="post"') == 3  # the logout form, the theme and the language
        links = {re.split("[?#]", link)[0] for link in re.findall(r'href="(/admin[^"]*)"', page)}
        assert [link for link in links if not re.fullmatch(allowed, link)] == [], path
        assert "koyjabo backup" not in page  # only operators can run commands


def test_a_viewer_sees_the_members_of_each_community_without_emails(site, example, viewer):
    site.rows("UPDATE communities SET is_listed = false")
    path = f"/communities/{example.community}"
    viewer.get(path)
    members = viewer.get(f"{path}/members")
    assert "Babul" in members
    assert EMAIL.findall(words(members)) == []
    viewer.get(f"{path}/reports", 403)
    viewer.get(f"{path}/settings", 403)


def test_no_search_reveals_an_email_or_a_visitor_id_to_a_viewer(site, example, viewer):
    assert "data-row" not in viewer.get("/admin/people?query=babul@")
    assert "data-row" in viewer.get("/admin/people?query=bab")
    for text in (VISITOR, VISITOR[:9], "visitor", "40004", "babul@"):
        assert "data-row" not in viewer.get(f"/admin/visits?text={text}")
    page = viewer.get("/admin/visits?text=1")
    assert "•••" in words(page)
    assert "data-row" in page


def test_the_permission_of_a_viewer_begins_and_ends_at_once(site):
    reader = Reader(site).sign_up("late")
    assert 'class="button" href="/communities"' in reader.get("/admin/", 403)
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'late@example.com'")
    page = reader.get("/admin/")
    assert '<a href="/admin/" aria-current="page">' in page
    assert 'href="/admin/"' in reader.get("/account")
    site.rows("UPDATE users SET is_viewer = false WHERE email = 'late@example.com'")
    reader.get("/admin/", 403)
    assert 'href="/admin/"' not in reader.get("/account")
