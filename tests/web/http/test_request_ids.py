"""Every answer says the id of its request; one that is given is kept only where proxies are ours."""

from __future__ import annotations

from support.app_fixtures import Site

GIVEN = "4f3c2a1b-made-by-a-proxy"
BAD = ("short", "x" * 65, "with a space in it", "with=an equals sign", '"quoted-12345"', "আয়েশা-12345")


def id_of(site: Site, path: str = "/healthz", **headers: str) -> str:
    return site.client.get(path, headers=headers).headers["X-Request-Id"]


def test_every_answer_has_one_of_its_own_whatever_a_visitor_sends(site):
    for path in ("/healthz", "/api/stats", "/nowhere", "/", "/socket.io/", "/api/visitor/register"):
        assert id_of(site, path) != id_of(site, path)
    assert id_of(site, **{"X-Request-Id": GIVEN}) != GIVEN


def test_one_of_a_proxy_of_ours_is_kept_if_it_is_well_formed(sqlite_database):
    with Site(sqlite_database.url, TRUSTED_PROXIES="1") as behind_proxy:
        assert id_of(behind_proxy, **{"X-Request-Id": GIVEN}) == GIVEN
        assert [bad for bad in BAD if id_of(behind_proxy, **{"X-Request-Id": bad}) == bad] == []
