"""Users as site admins see and manage them. People from other systems are members without an account."""

import threading
from concurrent.futures import ThreadPoolExecutor
from unicodedata import normalize

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import PASSWORD, Person, log_in, new_admin, sign_up, try_login
from support.people.communities import PATH, account_of, losses as losses_of
from support.people.page_readers import Reader
from support.programs.patience import PATIENCE_S

from koyjabo.base.core.errors import Forbidden, LastAdmin, UnknownUser
from koyjabo.base.core.identity import OPERATOR, Account
from koyjabo.communities.services import CommunityServices
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.audit.audit import Audit

ME = "/api/auth/me"

REF = "4711"


@pytest.fixture
def ayesha(site, admin) -> Person:
    site.time.pass_(seconds=1)
    return sign_up(site)


def test_a_new_role_is_announced_only_if_rights_were_lost(site, admin, ayesha):
    users, revoked = site.services[AccountServices].users, []
    site.services.signals.access_revoked.connect(revoked.append, weak=False)
    began, losses = losses_of(site), []
    for role in ("viewer", "admin", "viewer", "member", "member"):
        user = users.set_role(admin, ayesha.id, role)
        assert (user.site_role, user.is_admin, user.is_viewer) == (role, role == "admin", role == "viewer")
        assert ayesha.get(ME).json["is_admin"] == (role == "admin")
        losses.append(losses_of(site) - began)
    assert (losses, set(revoked)) == ([0, 0, 1, 2, 2], {ayesha.id})
    lines = site.services[Audit].page(admin).lines
    actions = [(line.action, line.details) for line in lines if line.actor_id == admin.id]
    assert actions[1] == ("user.demote", {"role": "viewer", "before": "admin"})


def test_an_admin_logs_a_user_out_everywhere(site, admin, ayesha):
    other = log_in(site)
    assert site.services[AccountServices].users.log_out(admin, ayesha.id).sessions == 0
    assert [person.get(ME).status_code for person in (ayesha, other)] == [401, 401]
    assert try_login(site).status_code == 200


@pytest.mark.parametrize("letter", ["\u09df", "\u09af\u09bc", "\xe9", "e\u0301"])
def test_a_search_finds_a_name_in_each_spelling_of_a_letter(site, admin, letter):
    """Keyboards type the Bangla letter য় as one character, which NFC takes apart."""
    person, users = sign_up(site), site.services[AccountServices].users
    person.patch(ME, json={"name": f"Ra{letter}han", "password": PASSWORD})
    for query in (letter, normalize("NFC", letter), normalize("NFD", letter)):
        assert [user.id for user in users.page(admin, f"ra{query}").items] == [person.id], query


def test_the_last_active_admin_keeps_the_role(site, admin, ayesha):
    users = site.services[AccountServices].users
    with pytest.raises(LastAdmin):
        users.set_role(admin, admin.id, "member")
    users.set_role(admin, ayesha.id, "admin")
    with pytest.raises(Forbidden):
        users.disable(admin, admin.id.upper())  # an account cannot disable itself
    users.disable(admin, ayesha.id)
    with pytest.raises(LastAdmin):
        users.set_role(admin, admin.id, "member")
    with pytest.raises(LastAdmin):
        users.disable(account_of(ayesha)._replace(is_admin=True), admin.id)
    users.enable(admin, ayesha.id)
    assert users.set_role(admin, admin.id, "member").is_admin is False
    assert users.set_role(OPERATOR, ayesha.id, "member").is_admin is False, "the operator may do so to the last one"
    users.set_role(OPERATOR, ayesha.id, "admin")
    assert users.disable(OPERATOR, ayesha.id).disabled_ms is not None


def test_two_admins_who_demote_each_other_at_once_leave_one_admin(site, admin, ayesha):
    """The requests go to two servers, because a single server serialises changes anyway."""
    both, other = threading.Barrier(2), account_of(ayesha)._replace(is_admin=True)

    def demote(where: Site, by: Account, whom: str) -> type | None:
        both.wait(PATIENCE_S)
        try:
            where.services[AccountServices].users.set_role(by, whom, "member")
        except LastAdmin as problem:
            return type(problem)
        return None

    with Site(site.database_url) as another, ThreadPoolExecutor() as threads:
        for _ in range(5):
            site.rows("UPDATE users SET is_admin = true")
            calls = ((site, admin, ayesha.id), (another, other, admin.id))
            outcomes = [threads.submit(demote, *call) for call in calls]
            assert {outcome.result(PATIENCE_S) for outcome in outcomes} == {None, LastAdmin}
            assert site.rows("SELECT count(*) FROM users WHERE is_admin") == [(1,)]


@pytest.fixture
def people(site):
    return site.services[AccountServices]


@pytest.fixture
def community(site) -> str:
    values = {"name": "Mirpur 10"}
    return site.services[CommunityServices].by_ref.put(OPERATOR, "dhaka", values)[0].community.id


@pytest.fixture
def boss(site) -> Person:
    return new_admin(site, "boss")


def put(by: Person, community: str = "dhaka") -> str:
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


def test_a_person_of_another_system_does_not_count_as_the_last_admin(site, boss):
    """An admin with an account must remain, because only they can log in."""
    founder = sign_up(site, "founder")
    own = founder.post(PATH, json={"name": "Ours"}).json["id"]
    put(boss, own)
    assert_error(founder.post(f"{PATH}/{own}/leave"), 409, "last_admin")
    body = {"password": "rickshaw at dawn"}
    assert founder.delete("/api/auth/me", json=body).json["code"] == "last_admin"
