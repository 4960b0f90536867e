"""Every answer says the id of its request; one that is given is kept only where proxies are ours."""

from __future__ import annotations

import pytest
from support.app_fixtures import Site
from support.databases import SqliteDatabase

GIVEN = "4f3c2a1b-made-by-a-proxy"


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory):
    with Site(
        SqliteDatabase.migrated(tmp_path_factory.mktemp("behind") / "koyjabo.db").url, TRUSTED_PROXIES="1"
    ) as site:
        yield site


def id_of(site: Site, path: str = "/healthz", **headers: str) -> str:
    return site.client.get(path, headers=headers).headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/healthz", "/api/stats", "/nowhere", "/", "/socket.io/", "/api/visitor/register"])
def test_every_answer_has_one_of_its_own(site, path):
    assert id_of(site, path) != id_of(site, path)


def test_one_of_a_proxy_of_ours_is_kept(behind_proxy):
    assert id_of(behind_proxy, **{"X-Request-Id": GIVEN}) == GIVEN


def test_one_of_a_visitor_is_not(site):
    assert id_of(site, **{"X-Request-Id": GIVEN}) != GIVEN


@pytest.mark.parametrize(
    "bad", ["short", "x" * 65, "with a space in it", "with=an equals sign", '"quoted-12345"', "আয়েশা-12345"]
)
def test_one_that_is_not_well_formed_is_not_kept(behind_proxy, bad):
    assert id_of(behind_proxy, **{"X-Request-Id": bad}) != bad
