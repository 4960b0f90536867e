"""People from other systems are members without an account: no login, no email, and no entry in account lists."""

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import Person, new_admin, sign_up, try_login
from support.people.communities import PATH, account_of
from support.people.page_readers import Reader

from koyjabo.base.core.errors import UnknownUser
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.communities.services import CommunityServices
from koyjabo.people.accounts.services import AccountServices

REF = "4711"


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    with Site(module_sqlite_database.url) as site:
        yield site


@pytest.fixture(scope="module")
def people(site):
    return site.services[AccountServices]


@pytest.fixture(scope="module")
def community(site) -> str:
    values = {"name": "Mirpur 10"}
    return site.services[CommunityServices].by_ref.put(OPERATOR, "dhaka", values)[0].community.id


@pytest.fixture(scope="module")
def boss(site) -> Person:
    return new_admin(site, "boss")


def put(by: Person, community: str = "dhaka") -> str:
    """Make the person an admin."""
    answer = by.put(f"{PATH}/{community}/members/by-ref/{REF}", json={"role": "admin", "name": "Zarina"})
    assert answer.status_code < 300, answer.text
    return answer.json["user_id"]


def test_people_of_other_systems_are_not_listed_as_users(site, people, community, boss):
    user_id, users = put(boss), people.users
    assert "Zarina" not in [item.name for item in users.page(OPERATOR).items]
    for query in ("Zarina", user_id, "~"):
        assert users.page(OPERATOR, query).total == 0, query
    for refused in (users.get, users.disable, users.log_out, users.unlock, lambda *who: users.set_role(*who, "admin")):
        with pytest.raises(UnknownUser):
            refused(OPERATOR, user_id)
    reader = Reader(site).log_in("boss")
    assert "Zarina" not in reader.get("/admin/people")
    reader.get(f"/admin/people/{user_id}", 404)


def test_a_person_of_another_system_gets_no_role_on_the_site(people, community, boss):
    user_id, admin = put(boss), account_of(boss)._replace(is_admin=True)
    invited = people.panel_invitations.invite(admin, "zarina@example.com", "viewer", "en")
    with pytest.raises(UnknownUser):
        people.panel_invitations.accept(Account(user_id, "", "Zarina", is_admin=False), invited.token)


@pytest.mark.parametrize("password", ["!", "rickshaw at dawn", ""])
def test_a_login_as_a_person_of_another_system_is_refused(site, people, community, password):
    people.external.find_or_make({"first": None})
    ((email_key,),) = site.rows("SELECT email_key FROM users WHERE external_ref = 'first'")
    for email in (email_key, "", f"{email_key}@example.com"):
        assert try_login(site, email=email, password=password).status_code in (400, 401), email
    answer = site.client.post("/api/auth/password-reset", json={"email": email_key})
    assert answer.status_code in (400, 501), answer.text
    assert_error(site.client.get(f"{PATH}/dhaka/members"), 401, "unauthenticated")


def test_an_admin_from_another_system_does_not_count_as_the_last_admin(site, boss):
    """An admin with an account must remain, because only they can log in."""
    founder = sign_up(site, "founder")
    own = founder.post(PATH, json={"name": "Ours"}).json["id"]
    put(boss, own)
    assert_error(founder.post(f"{PATH}/{own}/leave"), 409, "last_admin")
    body = {"password": "rickshaw at dawn"}
    assert founder.delete("/api/auth/me", json=body).json["code"] == "last_admin"
