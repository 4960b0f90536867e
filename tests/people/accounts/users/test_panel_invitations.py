"""Invitations to the panel: the first account to accept gets the role, provided the inviter may still grant it."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, assert_error
from support.assertions.openapi import assert_described
from support.clients.forms import answer
from support.databases.at_once import hold_for_two
from support.people.accounts import PASSWORD, Person, confirm, disable, promote, sign_up
from support.people.communities import accept
from support.people.page_readers import Reader, words
from support.people.two_step import App, secret_in, token_in, turn_on

from koyjabo.people.accounts.users import invitation_queries

PATH = "/api/invitations"
LIST = "/api/auth/invitations"
ME = "/api/auth/me"


@pytest.fixture
def boss(site) -> Person:
    return site_admin(site, "boss")


@pytest.fixture
def karim(site) -> Person:
    return sign_up(site, "karim")


def site_admin(site: Site, name: str) -> Person:
    person = sign_up(site, name)
    promote(site, person.email)
    return person


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


def test_person_gets_the_role_by_accepting_once(site, boss, karim):
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


def test_role_is_never_lowered_and_a_newer_invitation_ends_the_earlier_one(site, boss, karim):
    first, second = invite(boss, role="viewer"), invite(boss, "KARIM@example.com", "admin")
    assert_error(accept(karim, first), 404, "unknown_invitation")
    assert accept(karim, second).json["role"] == "admin"
    assert accept(karim, invite(boss, role="viewer")).json["role"] == "admin"
    assert role_of(karim) == (True, False)


def test_list_has_it_first_for_the_owner_of_the_email(site, boss, karim):
    community = boss.post("/api/communities", json={"name": "Night bus"}).json["id"]
    boss.post(f"/api/communities/{community}/members", json={"email": karim.email, "role": "member"})
    token = invite(boss)
    assert karim.get(LIST).json == []
    confirm(site, "karim")
    answer = karim.get(f"{LIST}?per_page=1")
    assert_described(site, answer)
    assert answer.json == [{"token": token, "invited_by": {"name": "Boss"}, "role": "viewer"}]
    assert answer.headers["X-Total-Count"] == "2"
    (other,) = karim.get(f"{LIST}?per_page=1&page=2").json
    assert other["community"] == {"name": "Night bus"}
    page = Reader(site).log_in("karim").get("/account")
    assert "The panel of this site Viewer Invited by Boss" in words(page)
    assert karim.post(f"{PATH}/{token}/decline").status_code == 204
    assert [account["role"] for account in karim.get(LIST).json] == ["member"]


@pytest.mark.parametrize(
    "end", ["demoted", *(pytest.param(end, marks=pytest.mark.long) for end in ("disabled", "deleted"))]
)
def test_invitation_ends_when_its_maker_loses_their_rights(site, boss, karim, end):
    """Regaining the right does not restore the invitation."""
    salma = site_admin(site, "salma")
    token = invite(salma, role="admin")
    if end == "demoted":
        promote(site, salma.email, is_admin=False)
        promote(site, salma.email)
    elif end == "disabled":
        disable(site, salma.email)
        disable(site, salma.email, disabled=False)
    else:
        assert salma.delete(ME, json={"password": PASSWORD}).status_code == 204
    assert_error(accept(karim, token), 404, "unknown_invitation")
    assert role_of(karim) == (False, False)


def test_invitation_by_a_demoted_admin_is_invalid_even_if_stored_later(site, boss, karim):
    """The request may have started before the demotion."""
    token = invite(site_admin(site, "salma"), role="admin")
    site.rows("UPDATE users SET is_admin = false WHERE email = 'salma@example.com'")
    assert_error(accept(karim, token), 404, "unknown_invitation")


def test_older_invitation_does_not_give_a_lost_role_back(site, boss, karim):
    promote(site, karim.email)
    token = invite(boss, role="admin")
    promote(site, karim.email, is_admin=False)
    assert_error(accept(karim, token), 404, "unknown_invitation")


def test_invited_admin_needs_two_step_login_if_the_site_requires_it(database):
    with Site(database.url) as site:
        boss = site_admin(site, "boss")
        karim, salma = sign_up(site, "karim"), sign_up(site, "salma")
        turn_on(salma)
        tokens = [invite(boss, person.email, "admin") for person in (karim, salma)]
    with Site(database.url, REQUIRE_TWO_FACTOR="admins") as site:
        karim.site = salma.site = site
        page = words(Reader(site).log_in("karim").get(f"/invitations/{tokens[0]}"))
        assert "This site requires two-step login." in page
        assert [accept(*pair).status_code for pair in zip((karim, salma), tokens, strict=True)] == [200, 200]
        assert karim.get(ME).status_code == 401, "logged out"
        open_ones = "SELECT count(*) FROM sessions WHERE user_id = :id AND revoked_ms IS NULL"
        assert site.rows(open_ones, id=karim.id) == [(0,)], "not only refused while the setting is so"
        assert salma.get(ME).status_code == 200


@pytest.mark.both_kinds
def test_one_of_two_at_the_same_time_gets_the_role(site, database, boss, karim, monkeypatch):
    """Both have read the invitation before one of them uses it up."""
    two, token = sign_up(site, "salma"), invite(boss, role="admin")
    hold_for_two(monkeypatch, invitation_queries, "take", database)
    with Site(database.url) as two.site, ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(accept, (karim, two), (token, token)))
    assert sorted(answer.status_code for answer in answers) == [200, 404]
    assert site.rows("SELECT count(*) FROM users WHERE is_admin") == [(2,)]


# Pages


def test_admin_invites_an_admin_with_one_form_and_revokes_it(site, boss):
    reader, form = Reader(site).log_in("boss"), {"email": "karim@example.com", "role": "admin"}
    page = reader.send("/admin/people/invite", 422, **form)
    assert "is required" in page.partition('id="password-error"')[2][:60]
    assert 'value="karim@example.com"' in page, "what was typed is kept"
    assert 'class="danger"' not in page, "nothing is destroyed"
    assert site.rows("SELECT count(*) FROM panel_invitations") == [(0,)]
    reader.send("/admin/people/invite", **form, password=PASSWORD)
    page = reader.get(reader.location)
    assert "karim@example.com Admin Invited by Boss · Valid until" in words(page)
    ((invitation_id,),) = site.rows("SELECT id FROM panel_invitations")
    reader.send(f"/admin/people/invitations/{invitation_id}/withdraw")
    assert "The invitation was revoked." in words(reader.get(reader.location))
    assert site.rows("SELECT count(*) FROM panel_invitations") == [(0,)]


def test_rights_in_the_panel_are_given_with_the_password_and_a_code(site, boss, karim):
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
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    reader.send("/login/second-factor", token=token[1], code=app.next_code())
    assert 'id="code-error"' in reader.send("/admin/people/invite", 422, **body, password=PASSWORD)
    assert_error(boss.post(PATH, json={**body, "password": PASSWORD}), 401, "wrong_code")
    assert (role_of(karim), site.rows("SELECT count(*) FROM panel_invitations")) == ((False, False), [(0,)])
    assert site.rows("SELECT disabled_ms FROM users WHERE id = :id", id=former.id) == [(1,)]
    right = {**body, "password": PASSWORD, "code": app.next_code()}
    assert boss.post(PATH, json=right).status_code == 202


def test_invitation_opens_the_closed_sign_up_only_on_its_own_page(database):
    with Site(database.url) as site:
        path = f"/invitations/{invite(site_admin(site, 'boss'))}"
    form = {"email": "salma@example.com", "password": PASSWORD}
    with Site(database.url, SIGN_UP="invited") as site:
        for next_ in (path, f"//other.example{path}", f"/communities?x={path}"):
            answer = site.app.test_client().post(f"/api/auth/signup?next={next_}", json={"name": "Salma", **form})
            assert_error(answer, 403, "sign_up_closed")
        for next_ in (f"//other.example{path}", f"/communities?x={path}"):
            Reader(site).send(f"/signup?next={next_}", 403, name="Salma", **form)
        Reader(site).send(f"/signup?next={path}", name="Salma", **form)


def sign_up_with(site: Site, path: str, name: str, status: int = 303) -> Reader:
    reader = Reader(site)
    reader.page = reader.send(f"/signup?next={path}", status, name=name, email=f"{name}@example.com", password=PASSWORD)
    return reader


@pytest.mark.both_kinds
def test_one_of_two_sign_ups_at_once_gets_the_account_and_the_role(database, monkeypatch):
    with Site(database.url) as open_site:
        path = f"/invitations/{invite(site_admin(open_site, 'boss'))}"
    hold_for_two(monkeypatch, invitation_queries, "keep", database)
    settings = {"SIGN_UP": "invited"}
    with Site(database.url, **settings) as one, Site(database.url, **settings) as two, ThreadPoolExecutor(2) as threads:

        def sign_up_on(site: Site, name: str) -> int:
            form = {"name": name, "email": f"{name}@example.com", "password": PASSWORD}
            return site.app.test_client().post(f"/signup?next={path}", data=form).status_code

        assert sorted(threads.map(sign_up_on, (one, two), ("karim", "salma"))) == [303, 403]
        assert one.rows("SELECT count(*) FROM users") == [(2,)]
        assert one.rows("SELECT count(*) FROM users WHERE is_viewer") == [(1,)]
        assert one.rows("SELECT count(*) FROM panel_invitations") == [(0,)]


@pytest.mark.both_kinds
def test_an_invitation_opens_one_account_which_gets_its_role_after_two_step_login(database):
    with Site(database.url) as site:
        path = f"/invitations/{invite(site_admin(site, 'boss'))}"
        other = sign_up(site, "salma")
        turn_on(other)
    with Site(database.url, SIGN_UP="invited", REQUIRE_TWO_FACTOR="all") as site:
        reader = sign_up_with(site, path, "karim", 200)
        sign_up_with(site, path, "mitu", 403)
        other.site = site
        assert_error(accept(other, path.rpartition("/")[2]), 404, "unknown_invitation")
        assert site.rows("SELECT count(*) FROM users WHERE is_viewer") == [(0,)]
        token, code = token_in(reader.page), App(site, secret_in(reader.page)).code()
        page = reader.send("/login/enrol", 200, token=token, code=code, next=path)
        assert 'href="/admin/"' in page, "onwards to the panel"
        assert site.rows("SELECT name FROM users WHERE is_viewer") == [("karim",)]
        assert site.rows("SELECT count(*) FROM panel_invitations") == [(0,)]
        assert "Visits" in reader.get("/admin/")
