"""What a stolen session must not do requires a proof, which its user types: the password and, with an app, a code."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site
from support.databases.at_once import hold_for_two
from support.people.accounts import PASSWORD, log_in
from support.people.admins import panel
from support.people.page_readers import Reader
from support.people.two_step import App, secret_in, token_in, turn_on

ADDRESS = "/admin/server/settings/address"
FORM = "/admin/server?edit=address"
FIELD, CODE_FIELD = 'name="password"', 'name="code"'


@pytest.fixture
def admin(site) -> Reader:
    return panel(site)


def change(reader: Reader, status: int = 303, host: str = "live.example.com", **proof: str) -> str:
    return reader.send(ADDRESS, status, public_url=f"https://{host}", **proof)


def log_in_with(site: Site, app: App) -> Reader:
    reader = Reader(site)
    page = reader.send("/login", 200, email="rani@example.com", password=PASSWORD)
    reader.send("/login/second-factor", token=token_in(page), code=app.next_code())
    return reader


def test_a_proof_holds_for_ten_minutes_in_its_session(site, admin):
    other = Reader(site).log_in("rani")
    assert FIELD in admin.get(FORM), "a login is no proof"
    page = change(admin, 422)
    assert 'id="password-error"' in page
    assert 'value="https://live.example.com"' in page, "what was typed is kept"
    change(admin, password=PASSWORD)
    site.time.pass_(minutes=9, seconds=59)
    site.restart()
    for reader in (admin, other):
        reader.client.application = site.app
    assert FIELD not in admin.get(FORM)
    change(admin, host="other.example.com")
    admin.send("/admin/server/settings/app", app_url="https://app.example.com")
    change(other, 422)
    site.time.pass_(seconds=1)
    assert FIELD in admin.get(FORM), "its use does not prolong it"
    change(admin, 422)


def test_the_authenticator_app_is_set_up_at_once_while_a_proof_holds(admin):
    def is_link_or_form() -> tuple[bool, bool]:
        page = admin.get("/account/second-factor")
        return 'href="/account/second-factor/totp"' in page, 'action="/account/second-factor/totp"' in page

    assert is_link_or_form() == (True, False)
    change(admin, password=PASSWORD)
    assert is_link_or_form() == (False, True)
    assert secret_in(admin.send("/account/second-factor/totp", 200))


def test_a_proof_ends_with_a_new_password_a_logout_or_a_clock_set_back(site, admin):
    change(admin, password=PASSWORD)
    admin.send("/account/password", current_password=PASSWORD, new_password="rickshaw at noon")
    change(admin, 422)
    change(admin, password="rickshaw at noon")
    site.time.put_right(hours=-1)
    change(admin, 422)
    change(admin, password="rickshaw at noon")
    admin.send("/logout")
    change(Reader(site).log_in("rani", password="rickshaw at noon"), 422)


def test_a_proof_needs_a_code_while_two_step_login_is_on(site, admin):
    change(admin, password=PASSWORD)
    app = turn_on(log_in(site, "rani"))
    reader = log_in_with(site, app)
    assert CODE_FIELD in reader.get(FORM)
    page = change(reader, 422)
    assert ('id="password-error"' in page, 'id="code-error"' in page) == (True, True), "both are marked"
    for proof in ({}, {"password": PASSWORD}, {"password": PASSWORD, "code": "000000"}, {"code": app.next_code()}):
        change(reader, 422, **proof)
    change(reader, password=PASSWORD, code=app.next_code())
    assert FIELD not in reader.get(FORM)
    assert CODE_FIELD not in reader.get(FORM)


def test_a_proof_holds_for_ten_minutes_although_its_session_turns_two_step_login_on(site, admin):
    page = admin.send("/account/second-factor/totp", 200, password=PASSWORD)
    app = App(site, secret_in(page))
    admin.send("/account/second-factor/totp/confirm", 200, code=app.code())
    change(admin)
    site.time.pass_(minutes=10)
    change(admin, 422, password=PASSWORD)
    change(admin, password=PASSWORD, code=app.next_code())


@pytest.mark.both_kinds
def test_a_code_sent_twice_at_once_gives_only_one_proof(site, database, admin):
    app = turn_on(log_in(site, "rani"))
    first, second = (log_in_with(site, app) for _ in range(2))
    proof = {"password": PASSWORD, "code": app.next_code()}

    def changed(reader: Reader) -> int:
        form = {"csrf_token": reader.csrf, "public_url": "https://live.example.com", **proof}
        return reader.client.post(ADDRESS, data=form, headers=reader.headers).status_code

    with Site(database.url, site.time) as other, ThreadPoolExecutor(2) as threads:
        second.client.application = other.app
        with hold_for_two(database, "INSERT INTO spent_codes"):
            assert sorted(threads.map(changed, (first, second))) == [303, 422]
    assert site.rows("SELECT count(*) FROM sessions WHERE proved_ms IS NOT NULL") == [(1,)]


def test_the_two_step_login_of_another_person_is_reset_only_after_a_proof(site, admin):
    Reader(site).sign_up("salma")
    ((user_id,),) = site.rows("SELECT id FROM users WHERE email = 'salma@example.com'")
    path = f"/admin/people/{user_id}/second-factor/reset"
    page = admin.send(path, 200)
    confirmed = re.search(r'name="confirmed" value="([0-9a-f]+)"', page)
    assert confirmed
    admin.send(path, 422, confirmed=confirmed[1])
    admin.send(path, confirmed=confirmed[1], password=PASSWORD)
