"""Invitations to the panel: the first account to accept gets the role, provided the inviter may still grant it."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, assert_error
from support.assertions.openapi import assert_described
from support.clients.forms import answer
from support.databases.at_once import hold_for_two
from support.people.accounts import PASSWORD, Person, disable, new_admin, promote, sign_up
from support.people.communities import accept
from support.people.page_readers import Reader
from support.people.two_step import App, secret_in, token_in, turn_on

PATH = "/api/invitations"


@pytest.fixture
def boss(site) -> Person:
    return new_admin(site, "boss")


@pytest.fixture
def karim(site) -> Person:
    return sign_up(site, "karim")


def invite(by: Person, email: str = "karim@example.com", role: str = "viewer") -> str:
    """Invite a person, and return the invitation's token."""
    answer = by.post(PATH, json={"email": email, "role": role, "password": PASSWORD})
    assert_described(by.site, answer)
    assert (answer.status_code, answer.json["status"]) == (202, "invited"), answer.text
    return answer.json["link"].rpartition("/invitations/")[2]


def role_of(person: Person) -> tuple[bool, bool]:
    """(is admin, is viewer)"""
    ((is_admin, is_viewer),) = person.site.rows("SELECT is_admin, is_viewer FROM users WHERE id = :id", id=person.id)
    return bool(is_admin), bool(is_viewer)


def test_an_invitation_to_the_panel_gives_its_role_once(site, boss, karim):
    token = invite(boss)
    assert role_of(karim) == (False, False)
    assert_error(karim.get("/api/reports/summary"), 403, "forbidden")
    answer = accept(karim, token)
    assert_described(site, answer)
    assert (answer.status_code, answer.json) == (200, {"user_id": karim.id, "role": "viewer"})
    assert role_of(karim) == (False, True)
    assert karim.get("/api/reports/summary").status_code == 200
    assert_error(accept(sign_up(site, "salma"), token), 404, "unknown_invitation")
    lines = "SELECT actor_id, action, details FROM audit_log WHERE action LIKE 'panel.%' ORDER BY id"
    made, accepted = '{"role": "viewer"}', '{"role": "viewer", "invited_by": "Boss"}'
    assert site.rows(lines) == [(boss.id, "panel.invite", made), (karim.id, "panel.accept", accepted)]


def test_an_invitation_to_the_panel_replaces_the_earlier_one_and_never_lowers_a_role(site, boss, karim):
    first, second = invite(boss, role="viewer"), invite(boss, "KARIM@example.com", "admin")
    assert_error(accept(karim, first), 404, "unknown_invitation")
    assert accept(karim, second).json["role"] == "admin"
    assert accept(karim, invite(boss, role="viewer")).json["role"] == "admin"
    assert role_of(karim) == (True, False)


def test_an_invitation_to_the_panel_is_revoked_when_its_inviter_loses_the_role(site, boss, karim):
    """Regaining the right does not restore the invitation."""
    salma = new_admin(site, "salma")
    token = invite(salma, role="admin")
    promote(site, salma.email, is_admin=False)
    promote(site, salma.email)
    assert_error(accept(karim, token), 404, "unknown_invitation")
    assert role_of(karim) == (False, False)
    token = invite(salma, role="admin")
    disable(site, salma.email)
    disable(site, salma.email, disabled=False)
    assert_error(accept(karim, token), 404, "unknown_invitation")
    token = invite(new_admin(site, "mitu"), role="admin")
    site.rows("UPDATE users SET is_admin = false WHERE email = 'mitu@example.com'")
    assert_error(accept(karim, token), 404, "unknown_invitation")  # a late request may have stored it


def test_an_invitation_to_the_panel_is_revoked_on_its_page(site, boss, karim):
    token, reader = invite(boss), Reader(site).log_in("boss")
    (action,) = re.findall(r'action="(/admin/people/invitations/[^"]+/withdraw)"', reader.get("/admin/people"))
    Reader(site).log_in("karim").send(action, 403)
    reader.send(action)
    assert site.rows("SELECT count(*) FROM panel_invitations") == [(0,)]
    assert_error(accept(karim, token), 404, "unknown_invitation")


def test_an_older_invitation_does_not_restore_a_lost_role(site, boss, karim):
    promote(site, karim.email)
    token = invite(boss, role="admin")
    promote(site, karim.email, is_admin=False)
    assert_error(accept(karim, token), 404, "unknown_invitation")


@pytest.mark.both_kinds
def test_of_two_people_who_accept_at_the_same_time_only_one_gets_the_role(site, database, boss, karim):
    """Both have read the invitation before one of them uses it up."""
    two, token = sign_up(site, "salma"), invite(boss, role="admin")
    with (
        Site(database.url) as two.site,
        ThreadPoolExecutor(2) as threads,
        hold_for_two(database, "DELETE FROM panel_invitations"),
    ):
        answers = list(threads.map(accept, (karim, two), (token, token)))
    assert sorted(answer.status_code for answer in answers) == [200, 404]
    assert site.rows("SELECT count(*) FROM users WHERE is_admin") == [(2,)]


# Pages


def test_rights_in_the_panel_are_given_only_with_the_password_and_a_code(site, boss, karim):
    """A stolen session cannot create a permanent admin."""
    reader, body = Reader(site).log_in("boss"), {"email": "salma@example.com", "role": "viewer"}
    former = sign_up(site, "former")
    site.rows("UPDATE users SET is_admin = true, disabled_ms = 1 WHERE id = :id", id=former.id)
    for path, fields in (
        (f"/admin/people/{former.id}/enable", {}),
        (f"/admin/people/{karim.id}/promote", {}),
        (f"/admin/people/{karim.id}/viewer", {}),
    ):
        form = answer(reader.send(path, 200, **fields))
        assert 'id="password-error"' in reader.send(form.action, 422, **{**form.fields, "password": "a stolen session"})
    for role in ("viewer", "admin"):
        stolen = {**body, "role": role, "password": "a stolen session"}
        assert 'id="password-error"' in reader.send("/admin/people/invite", 422, **stolen)
    assert_error(boss.post(PATH, json=body), 400, "invalid_input", "password")
    assert_error(boss.post(PATH, json={**body, "password": "a stolen session"}), 401, "wrong_credentials")
    app = turn_on(boss)
    page = reader.send("/login", 200, email="boss@example.com", password=PASSWORD)
    reader.send("/login/second-factor", token=token_in(page), code=app.next_code())
    assert 'id="code-error"' in reader.send("/admin/people/invite", 422, **body, password=PASSWORD)
    assert_error(boss.post(PATH, json={**body, "password": PASSWORD}), 401, "wrong_code")
    assert (role_of(karim), site.rows("SELECT count(*) FROM panel_invitations")) == ((False, False), [(0,)])
    assert site.rows("SELECT disabled_ms FROM users WHERE id = :id", id=former.id) == [(1,)]
    right = {**body, "password": PASSWORD, "code": app.next_code()}
    assert boss.post(PATH, json=right).status_code == 202


def test_an_invitation_opens_the_closed_signup_only_on_its_own_page(database):
    with Site(database.url) as site:
        path = f"/invitations/{invite(new_admin(site, 'boss'))}"
    form = {"email": "salma@example.com", "password": PASSWORD}
    with Site(database.url, SIGN_UP="invited") as site:
        for next_ in (path, f"//other.example{path}", f"/communities?x={path}"):
            answer = site.app.test_client().post(f"/api/auth/signup?next={next_}", json={"name": "Salma", **form})
            assert_error(answer, 403, "sign_up_closed")
        for next_ in (f"//other.example{path}", f"/communities?x={path}"):
            Reader(site).send(f"/signup?next={next_}", 403, name="Salma", **form)
        Reader(site).send(f"/signup?next={path}", name="Salma", **form)


@pytest.mark.both_kinds
def test_of_two_signups_at_once_only_one_gets_the_account_and_the_role(database):
    with Site(database.url) as open_site:
        path = f"/invitations/{invite(new_admin(open_site, 'boss'))}"
    settings = {"SIGN_UP": "invited"}
    with Site(database.url, **settings) as one, Site(database.url, **settings) as two, ThreadPoolExecutor(2) as threads:

        def sign_up_on(site: Site, name: str) -> int:
            form = {"name": name, "email": f"{name}@example.com", "password": PASSWORD}
            return site.app.test_client().post(f"/signup?next={path}", data=form).status_code

        with hold_for_two(database, "UPDATE panel_invitations"):
            assert sorted(threads.map(sign_up_on, (one, two), ("karim", "salma"))) == [303, 403]
        assert one.rows("SELECT count(*) FROM users") == [(2,)]
        assert one.rows("SELECT count(*) FROM users WHERE is_viewer") == [(1,)]
        assert one.rows("SELECT count(*) FROM panel_invitations") == [(0,)]


def test_an_invitation_opens_one_account_which_gets_its_role_after_two_step_login(database):
    with Site(database.url) as site:
        path = f"/invitations/{invite(new_admin(site, 'boss'))}"
        other = sign_up(site, "salma")
        turn_on(other)
    with Site(database.url, SIGN_UP="invited", REQUIRE_TWO_FACTOR="all") as site:
        reader = Reader(site)
        form = {"name": "karim", "password": PASSWORD}
        page = reader.send(f"/signup?next={path}", 200, email="karim@example.com", **form)
        Reader(site).send(f"/signup?next={path}", 403, email="mitu@example.com", **form)
        other.site = site
        assert_error(accept(other, path.rpartition("/")[2]), 404, "unknown_invitation")
        assert site.rows("SELECT count(*) FROM users WHERE is_viewer") == [(0,)]
        token, code = token_in(page), App(site, secret_in(page)).code()
        page = reader.send("/login/enrol", 200, token=token, code=code, next=path)
        assert 'href="/admin/"' in page, "onwards to the panel"
        assert site.rows("SELECT name FROM users WHERE is_viewer") == [("karim",)]
        assert site.rows("SELECT count(*) FROM panel_invitations") == [(0,)]
        assert "Visits" in reader.get("/admin/")
