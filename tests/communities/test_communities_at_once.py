"""Invariants when several people change a community at the same time, on one server or on two."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from support.application.site import Site
from support.people.communities import losses, roles_in
from support.programs.patience import PATIENCE_S
from support.runs.short_run import EVERYTHING

from koyjabo.base.core.errors import Forbidden, KoyJaboError, LastAdmin, UnknownCommunity, UnknownUser
from koyjabo.base.core.identity import Account
from koyjabo.communities import communities
from koyjabo.communities.errors import TooManyCommunities
from koyjabo.communities.memberships import Memberships
from koyjabo.communities.services import CommunityServices

pytestmark = pytest.mark.both_kinds

ROUNDS = 10 if EVERYTHING else 4


@pytest.fixture(scope="module")
def sites(module_database):
    """The sites that two people send their requests to."""
    with Site(module_database.url) as site, Site(module_database.url) as other:
        yield site, other


@pytest.fixture(scope="module")
def two(sites) -> tuple[Account, Account]:
    return new_account(sites[0]), new_account(sites[0])


def new_account(site: Site) -> Account:
    account = Account(str(uuid.uuid4()), f"{uuid.uuid4()}@example.com", "Ayesha", False)
    values = {"id": account.id, "email": account.email, "name": account.name}
    columns = "id, email, email_key, name, password, is_admin, created_ms"
    site.rows(f"INSERT INTO users ({columns}) VALUES (:id, :email, :email, :name, '', false, 0)", **values)
    return account


def with_admins(site: Site, first: Account, *others: Account) -> str:
    services = site.services[CommunityServices]
    community = services.directory.create(first, {"name": "Mirpur 10"}).community.id
    for other in others:
        services.members.set_role(first._replace(is_admin=True), community, other.id, "admin")
    return community


def at_once(*acts: Callable[[], object]) -> list[KoyJaboError | None]:
    """Run the functions at the same time. Returns what each raised."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], object]) -> KoyJaboError | None:
        barrier.wait(PATIENCE_S)
        try:
            act()
        except KoyJaboError as error:
            return error
        return None

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def demote(members: Memberships, by: Account, community: str, whom: Account) -> object:
    return members.set_role(by, community, whom.id, "member")


def remove(members: Memberships, by: Account, community: str, whom: Account) -> object:
    return members.remove(by, community, whom.id)


def leave(members: Memberships, by: Account, community: str, _: Account) -> object:
    return members.leave(by, community)


@pytest.mark.parametrize(
    ("act", "other_act", "refusals"),
    [(demote, remove, {Forbidden}), (leave, leave, {LastAdmin}), (remove, leave, {Forbidden, UnknownUser})],
)
def test_two_admins_cannot_remove_each_other_at_the_same_time(sites, two, act, other_act, refusals):
    first, second = two
    here, there = (site.services[CommunityServices].members for site in sites)
    for _ in range(ROUNDS):
        community = with_admins(sites[0], first, second)
        noted = losses(sites[0])
        raised = at_once(
            lambda community=community: act(here, first, community, second),
            lambda community=community: other_act(there, second, community, first),
        )
        assert sorted(error is None for error in raised) == [False, True], raised
        assert {type(error) for error in raised if error} <= refusals
        assert list(roles_in(sites[0], community).values()).count("admin") == 1
        assert losses(sites[0]) == noted + 1


def test_a_user_who_joins_twice_at_once_has_one_membership(sites, two):
    first, second = two
    here, there = (site.services[CommunityServices].members for site in sites)
    for _ in range(ROUNDS):
        community = with_admins(sites[0], first)
        joined: list[bool] = []

        def join(members: Memberships, community=community, joined=joined) -> None:
            joined.append(members.join(second, community)[1])

        assert at_once(lambda join=join: join(here), lambda join=join: join(there)) == [None, None]
        assert sorted(joined) == [False, True]
        assert roles_in(sites[0], community) == {first.id: "admin", second.id: "member"}


def test_a_community_that_is_being_deleted_accepts_no_member(sites, two):
    first, second = two
    here, there = (site.services[CommunityServices] for site in sites)
    for _ in range(ROUNDS):
        community = with_admins(sites[0], first)
        ended, joined = at_once(
            lambda community=community: here.directory.delete(first, community),
            lambda community=community: there.members.join(second, community),
        )
        assert ended is None
        assert joined is None or isinstance(joined, UnknownCommunity)
        assert roles_in(sites[0], community) == {}


def test_simultaneous_requests_do_not_exceed_the_founding_limit(sites, monkeypatch):
    monkeypatch.setattr(communities, "MAX_FOUNDED_COMMUNITIES", 3)
    founder = new_account(sites[0])
    directories = [site.services[CommunityServices].directory for site in sites]
    raised = at_once(*[partial(directory.create, founder, {"name": "Mirpur"}) for directory in directories * 4])
    assert {type(error) for error in raised if error} == {TooManyCommunities}
    assert raised.count(None) == 3


def test_a_disabled_admin_does_not_count_as_another_admin(sites, two):
    site, (first, second) = sites[0], two
    members = site.services[CommunityServices].members
    community = with_admins(site, first, second)
    site.rows("UPDATE users SET disabled_ms = 1 WHERE id = :id", id=second.id)
    try:
        with pytest.raises(LastAdmin):
            members.leave(first, community)
        members.remove(first, community, second.id)
    finally:
        site.rows("UPDATE users SET disabled_ms = NULL WHERE id = :id", id=second.id)
    assert roles_in(site, community) == {first.id: "admin"}
