"""The panel's pages for keys: site admins create, rotate and revoke them."""

from html import unescape

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.api_keys import call
from support.people.page_readers import Reader, words

CONNECT = "/admin/connect"
PAGE = f"{CONNECT}/keys"
SUMMARY = "/api/reports/summary"


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url) as site:
        yield site


@pytest.fixture(scope="module")
def rani(site) -> Reader:
    return panel(site)


def key_in(page: str) -> str:
    return unescape(page.partition('data-copy="')[2].partition('"')[0])


def test_a_site_admin_creates_rotates_and_revokes_a_key_that_is_shown_once(site, rani):
    site.rows("DELETE FROM api_keys")  # from other tests
    made = rani.send(f"{PAGE}/new", 200, name="Grafana <b>", scopes="reports:read", until="2025-12-31")
    text = key_in(made)
    assert call(site, text, SUMMARY).status_code == 200
    listed = rani.get(CONNECT)
    assert text not in listed
    for detail in ("Grafana <b>", f"{text[:11]}_…", "Read reports", "Valid until", "Never used"):
        assert detail in words(listed)
    ((key_id,),) = site.rows("SELECT id FROM api_keys")
    where = f"{PAGE}/{key_id}"
    assert "Rotate the key Grafana <b>" in words(rani.get(f"{where}/rotate"))
    second = key_in(rani.send(f"{where}/rotate", 200, grace_s="0"))
    assert [call(site, key, SUMMARY).status_code for key in (text, second)] == [401, 200]
    rani.confirm(f"{where}/revoke")
    assert "The key Grafana <b> was revoked." in words(rani.get(CONNECT))
    assert call(site, second, SUMMARY).status_code == 401
    log = words(rani.get("/admin/audit"))
    for action in ("Key created", "Key rotated", "Key revoked"):
        assert f"{action} Key: Grafana <b> Rani" in log


def test_a_viewer_sees_no_keys(site, cast):
    site.rows("UPDATE users SET is_viewer = true WHERE id = :id", id=cast["outsider"].id)
    viewer = Reader(site).log_in("outsider")
    viewer.get(f"{PAGE}/new", 403)
    for page in ("/admin/", "/admin/connect"):
        assert PAGE not in viewer.get(page)


def test_a_preset_replaces_the_chosen_scopes(site, rani):
    assert 'value="count" checked' in rani.get(f"{PAGE}/new?preset=count")
    rani.send(f"{PAGE}/new", 200, name="Counter", preset="count", scopes="reports:read")
    assert site.rows("SELECT scopes FROM api_keys WHERE name = 'Counter'") == [("visits:write",)]
