"""The limit on communities that one account may found."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import sign_up
from support.people.communities import PATH, account_of, found, give, site_admin

from koyjabo.communities import communities
from koyjabo.communities.errors import TooManyCommunities
from koyjabo.communities.services import CommunityServices

MOST = 3


@pytest.fixture
def site(database, monkeypatch):
    monkeypatch.setattr(communities, "MAX_FOUNDED_COMMUNITIES", MOST)
    with Site(database.url) as site:
        yield site


def assert_refused(person) -> None:
    assert_error(person.post(PATH, json={"name": "One more"}), 409, "too_many_communities")


def test_the_founding_limit_counts_only_communities_that_still_exist(site):
    """A community counts for its founder, not its current admin, so other people cannot use up the founder's limit."""
    ayesha, babul = sign_up(site, "ayesha"), sign_up(site, "babul")
    directory = site.services[CommunityServices].directory
    founded = [found(ayesha)["id"] for _ in range(MOST)]
    assert_refused(ayesha)
    for community in founded:
        assert give(ayesha, community, babul, "admin").status_code < 300
    assert ayesha.post(f"{PATH}/{founded[2]}/leave").status_code == 204
    assert_refused(ayesha)
    found(babul)
    assert ayesha.delete(f"{PATH}/{founded[0]}").status_code == 204
    found(ayesha)
    assert_refused(ayesha)
    admin = site_admin(site)
    directory.archive(admin, founded[1])
    found(ayesha)
    assert_refused(ayesha)
    for _ in range(MOST + 1):
        assert directory.create(admin, {"name": "of a site admin"})


@pytest.mark.both_kinds
def test_simultaneous_requests_do_not_exceed_the_founding_limit(site):
    ayesha = account_of(sign_up(site, "ayesha"))

    def founds(_: int) -> bool:
        try:
            return bool(site.services[CommunityServices].directory.create(ayesha, {"name": "Mirpur"}))
        except TooManyCommunities:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(founds, range(12))) == MOST
