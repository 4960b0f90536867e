"""How many communities one account may found."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.account_calls import sign_up
from support.app_fixtures import Site, assert_error
from support.community_calls import PATH, accept, account_of, found, invite, site_admin

from koyjabo.communities import lifecycle
from koyjabo.communities.communities import Communities
from koyjabo.errors import TooManyCommunities

MOST = 3


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


@pytest.fixture
def small(site, monkeypatch):
    monkeypatch.setattr(lifecycle, "MOST_FOUNDED", MOST)
    return site


def test_limit_is_as_its_sentence_says(founding_limit):
    assert founding_limit == 20
    assert f" {founding_limit} " in TooManyCommunities.sentence


def test_one_account_founds_so_many_until_one_of_them_is_gone(small):
    ayesha, babul = sign_up(small, "ayesha"), sign_up(small, "babul")
    communities = [found(ayesha)["id"] for _ in range(MOST)]
    refused = ayesha.post(PATH, json={"name": "One more"})
    assert_error(refused, 409, "too_many_communities")
    assert "Delete one" in refused.json["error"]
    found(babul)
    assert ayesha.delete(f"{PATH}/{communities[0]}").status_code == 204
    found(ayesha)
    assert_error(ayesha.post(PATH, json={"name": "One more"}), 409, "too_many_communities")
    admin = site_admin(small)
    small.services.communities.directory.archive(admin, communities[1])
    found(ayesha)
    for _ in range(MOST + 1):
        assert directory(small).create(admin, "of a site admin", "", True, True)


def test_leaving_or_being_made_an_admin_changes_nothing(small):
    """The founder counts: others cannot use up what somebody may found."""
    ayesha, babul = sign_up(small, "ayesha"), sign_up(small, "babul")
    for _ in range(MOST):
        community = found(ayesha)["id"]
        answer = accept(babul, invite(ayesha, community, "babul@example.com", "admin"))
        assert answer.status_code < 300, answer.text
        assert ayesha.post(f"{PATH}/{community}/leave").status_code == 204
    found(babul)
    assert_error(ayesha.post(PATH, json={"name": "One more"}), 409, "too_many_communities")


@pytest.mark.both_kinds
def test_requests_at_once_found_no_more(small):
    ayesha = account_of(sign_up(small, "ayesha"))

    def founds(_: int) -> bool:
        try:
            return bool(directory(small).create(ayesha, "Mirpur", "", True, True))
        except TooManyCommunities:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(founds, range(12))) == MOST


def directory(site: Site) -> Communities:
    return site.services.communities.directory
