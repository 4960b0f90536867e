"""Keys on pages: admins make, rotate and revoke them in the panel, moderators on the pages of their community."""

from __future__ import annotations

from html import unescape

import pytest
from support.application.site import Site
from support.people.admins import panel
from support.people.api_keys import call, make
from support.people.communities import Cast
from support.people.page_readers import Reader, words

PAGE = "/admin/keys"
SUMMARY = "/api/reports/summary"


@pytest.fixture(scope="module")
def site(module_database):
    with Site(module_database.url) as site:
        yield site


@pytest.fixture(scope="module")
def rani(site) -> Reader:
    return panel(site)


@pytest.fixture(scope="module")
def cast(site) -> Cast:
    return Cast(site)


def key_in(page: str) -> str:
    return unescape(page.partition('data-copy="')[2].partition('"')[0])


def id_of(site: Site, name: str) -> str:
    return site.rows("SELECT id FROM api_keys WHERE name = :name", name=name)[0][0]


def test_key_is_made_shown_once_rotated_and_revoked(site, rani):
    assert "No keys" in words(rani.get(PAGE))
    made = rani.send(f"{PAGE}/new", 200, name="Grafana <b>", reports_read="on", until="2025-12-31")
    text = key_in(made)
    assert call(site, text, SUMMARY).status_code == 200
    listed = rani.get(PAGE)
    assert text not in listed
    for said in ("Grafana <b>", f"{text[:11]}_…", "Read reports", "Valid until", "Never used"):
        assert said in words(listed)
    where = f"{PAGE}/{id_of(site, 'Grafana <b>')}"
    assert "Rotate the key Grafana <b>" in words(rani.get(f"{where}/rotate"))
    second = key_in(rani.send(f"{where}/rotate", 200, grace_s="0"))
    assert [call(site, each, SUMMARY).status_code for each in (text, second)] == [401, 200]
    rani.confirm(f"{where}/revoke")
    assert "The key Grafana <b> was revoked." in words(rani.get(PAGE))
    assert call(site, second, SUMMARY).status_code == 401
    log = words(rani.get("/admin/audit?kind=changes"))
    for action in ("made the key", "gave the key", "revoked the key"):
        assert f"Rani {action} Grafana <b>" in log


def test_fields_that_cannot_be_are_said_beside_them(rani):
    for fields, sentence in (
        ({"reports_read": "on", "name": " "}, "must have 1 to 200 characters"),
        ({}, "must have at least one scope"),
        ({"reports_read": "on", "until": "2025-12-01"}, "must be in the future"),
    ):
        assert sentence in words(rani.send(f"{PAGE}/new", 422, **{"name": "App", "until": "", **fields}))


def test_moderator_makes_keys_of_the_community_that_read(site, cast):
    community, moderator = cast.kept_community(), Reader(site).log_in("moderator")
    where = f"/communities/{community}/keys"
    form = moderator.get(f"{where}/new")
    assert "presence_read" in form
    assert "visits_write" not in form
    fields = {"name": "App", "stats_read": "on", "until": ""}
    assert "for the key of a community" in words(moderator.send(f"{where}/new", 422, **fields, visits_write="on"))
    text = key_in(moderator.send(f"{where}/new", 200, **fields))
    assert call(site, text, f"/api/communities/{community}/stats").status_code == 200
    assert "App" in words(moderator.get(where))
    of_site = make(cast["site_admin"], "stats:read", name="Elsewhere")
    assert "Elsewhere" not in moderator.get(where)
    moderator.get(f"{where}/{of_site['id']}/rotate", 403)
    Reader(site).log_in("site_admin").get(f"{where}/{of_site['id']}/rotate", 404)
    Reader(site).log_in("member").get(where, 403)


def test_viewer_sees_the_keys_and_no_controls(site, cast):
    site.rows("UPDATE users SET is_viewer = true WHERE id = :id", id=cast["outsider"].id)
    make(cast["site_admin"], "stats:read", name="Seen")
    viewer = Reader(site).log_in("outsider")
    page = viewer.get(PAGE)
    assert "Seen" in words(page)
    assert "/admin/keys/" not in page
    viewer.get(f"{PAGE}/new", 403)
