"""What the panel tells those who may not see it, and those whose forms are out of date; who may is in `permissions`."""

from __future__ import annotations

import io
from urllib.parse import urlencode

import pytest
from support.admin_calls import Scene, address, last_line, panel, routes
from support.page_calls import FOR_SCRIPTS, Reader

BAD_TOKENS = {"missing": None, "wrong": "x" * 36, "not in ASCII": "ঢাকা"}


@pytest.fixture(scope="module")
def scene(site):
    scene = Scene(site)
    scene.values["ordinal"] = str(site.register().ordinal)
    return scene


@pytest.fixture(scope="module")
def admin(site):
    return panel(site)


@pytest.fixture(scope="module")
def user(site):
    return Reader(site).sign_up("user")


def every(site, scene, method):
    return [address(site, rule, **scene.values) for rule in routes(site, method)]


def stored(site):
    """All that an action could change."""
    tables = ("users", "sessions", "communities", "memberships", "adjustments", "audit_log")
    return {table: site.rows(f"SELECT * FROM {table}") for table in tables}


def test_whoever_is_not_logged_in_is_led_to_the_login(site, scene):
    for path in every(site, scene, "GET"):
        reader = Reader(site)
        reader.get(path, 303)
        assert reader.location == f"/login?next={path}"


def test_users_may_see_none_of_it(site, scene, user):
    for path in every(site, scene, "GET"):
        assert "Only site admins may see this." in user.get(path, 403)


def test_admins_of_the_site_may_see_all_of_it(site, scene, admin):
    for path in every(site, scene, "GET"):
        admin.get(path)
        assert admin.headers_of_answer["Cache-Control"] == "no-store"
        policy = admin.headers_of_answer["Content-Security-Policy"]
        assert ("default-src 'none'" if path in FOR_SCRIPTS else "script-src 'self'; style-src 'self'") in policy


def test_no_page_has_scripts_or_styles_between_its_lines(site, scene, admin):
    for path in every(site, scene, "GET"):
        html = admin.get(path)
        assert " style=" not in html
        assert "<style" not in html
        assert " onclick=" not in html


@pytest.mark.parametrize("said", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_nothing_is_done_without_the_token_of_the_form(site, scene, admin, said):
    before = stored(site)
    for path in every(site, scene, "POST"):
        answer = admin.client.post(path, headers=admin.headers, data={} if said is None else {"csrf_token": said})
        assert answer.status_code == 403, path
        assert "This form is out of date." in answer.text
    assert stored(site) == before


def test_token_of_somebody_else_is_good_for_nothing(site, scene, admin, user):
    admin.send("/admin/data/recount", 403, csrf_token=user.csrf)
    assert last_line(site)[1] != "ledger.recount"


def test_who_is_no_admin_any_more_is_out_at_once(site):
    reader = panel(site, "late")
    reader.get("/admin/")
    site.rows("UPDATE users SET is_admin = false WHERE email = 'late@example.com'")
    reader.get("/admin/", 403)


class HeldBack(io.BytesIO):
    """A body that comes when something else has been done."""

    def __init__(self, fields, do):
        super().__init__(urlencode(fields).encode())
        self._do = do

    def read(self, *size):
        self._do()
        return super().read(*size)

    def readinto(self, buffer):
        self._do()
        return super().readinto(buffer)


def test_right_that_is_lost_while_a_form_is_held_back_is_lost(site):
    reader = panel(site, "slow")
    before = stored(site)["communities"]
    lose = "UPDATE users SET is_admin = false WHERE email = 'slow@example.com'"
    body = HeldBack({"csrf_token": reader.csrf, "name": "Too late"}, lambda: site.rows(lose))
    kind = "application/x-www-form-urlencoded"
    said = {"input_stream": body, "content_length": len(body.getvalue()), "content_type": kind}
    answer = reader.client.post("/admin/communities/new", headers=reader.headers, **said)
    assert (answer.status_code, stored(site)["communities"]) == (403, before)


def test_all_of_it_is_there_in_bangla(site, scene, admin):
    reader = Reader(site, language="bn")
    reader.client = admin.client
    for path in every(site, scene, "GET"):
        assert ('<html lang="bn"' in reader.get(path)) != (path in FOR_SCRIPTS)


def test_what_there_is_not_is_a_page_that_says_so(admin):
    nobody = "00000000-0000-4000-8000-000000000000"
    for path in (f"/admin/communities/{nobody}", "/admin/communities/x", f"/admin/users/{nobody}", "/admin/users/x"):
        assert "Page not found" in admin.get(path, 404)
    assert "There is no page at this address." in admin.get("/admin/x", 404)
