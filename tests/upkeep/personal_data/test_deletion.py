"""Deleting an account: nothing stored refers to it any more, and no number changes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, assert_error, site_fixture
from support.people.accounts import PASSWORD, sign_up, try_login
from support.people.communities import found, give, site_admin
from support.programs.patience import PATIENCE_S
from support.sites.full_account import AccountHistory, figures, tables_of_users, tables_with
from support.sites.full_site import register, use_small_pieces

from koyjabo.base.core.errors import LastAdmin
from koyjabo.people.accounts.services import AccountServices
from koyjabo.reports.community_people import Reports
from koyjabo.upkeep.personal_data import personal_data
from koyjabo.upkeep.personal_data.personal_data import PersonalData

ME = "/api/auth/me"
RIGHT = {"password": PASSWORD}


site = site_fixture()


@pytest.fixture
def history(site) -> AccountHistory:
    return AccountHistory(site)


def delete(history: AccountHistory):
    return history.ayesha.delete(ME, json={**RIGHT, "code": history.app.next_code()})


def test_no_row_refers_to_a_deleted_account_and_no_number_changes(site, history):
    marks = history.ayesha.id, history.ayesha.email, "Ayesha"
    assert tables_with(site, *marks) == tables_of_users()
    assert site.recount() == []
    before, revoked = figures(history), []
    site.services.signals.access_revoked.connect(revoked.append, weak=False)
    (version,) = site.rows("SELECT version FROM access_version")[0]
    assert_error(history.ayesha.delete(ME, json={}), 400, "invalid_input", "password")
    assert_error(history.ayesha.delete(ME, json={"password": "rickshaw at noon"}), 401, "wrong_credentials")
    assert_error(history.ayesha.delete(ME, json=RIGHT), 401, "wrong_code")
    answer = delete(history)
    assert (answer.status_code, answer.data) == (204, b"")
    assert tables_with(site, *marks) == set()
    assert site.recount() == []
    assert figures(history) == before
    assert (set(revoked), site.rows("SELECT version FROM access_version")) == ({history.ayesha.id}, [(version + 1,)])
    assert_error(history.ayesha.get(ME), 401, "invalid_token")
    for refused in (history.ayesha.renew(), try_login(site), delete(history)):
        assert refused.status_code == 401
    columns = "actor_id, actor, target_kind, target_id, target, details, place"
    assert site.rows(f"SELECT {columns} FROM audit_log WHERE action = 'user.delete'") == [
        ("", "", "user", "", "", "{}", "")
    ]
    assert site.rows("SELECT DISTINCT actor, place FROM audit_log WHERE actor_id = '~'") == [("", "")]
    other = sign_up(site)
    assert other.id != history.ayesha.id, "the email is free again"
    assert other.get("/api/communities").json[0]["role"] is None
    site.register("v1", communityId=history.theirs)  # the browser continues as the same person
    assert site.services[Reports].weekly(history.theirs).people == (1, 0)


def test_the_last_admin_of_a_community_or_of_the_site_cannot_delete_their_account(site, history):
    assert_error(history.boss.delete(ME, json=RIGHT), 409, "last_admin")
    site.rows("UPDATE memberships SET role = 'member' WHERE user_id = :id", id=history.karim.id)
    before, answer = tables_with(site, history.ayesha.id), delete(history)
    assert_error(answer, 409, "last_admin", history.hers)
    assert answer.json["details"] == {history.hers: "Mirpur 10"}
    assert (tables_with(site, history.ayesha.id), history.ayesha.get(ME).status_code) == (before, 200)
    site.rows("UPDATE communities SET archived_ms = 1 WHERE id = :id", id=history.hers)
    assert delete(history).status_code == 204
    site.rows("UPDATE users SET is_admin = true WHERE id = :id", id=history.karim.id)
    assert history.boss.delete(ME, json=RIGHT).status_code == 204


def test_two_admins_who_delete_their_accounts_at_once_cannot_both_leave(site):
    karim, community, both = sign_up(site, "karim"), "", threading.Barrier(2)

    def leave(where: Site, user_id: str) -> type | None:
        account = where.services[AccountServices].users.get(boss, user_id)
        both.wait(PATIENCE_S)
        try:
            where.services[PersonalData].delete(account)
        except LastAdmin as problem:
            return type(problem)
        return None

    boss = site_admin(site)
    with Site(site.database_url) as another, ThreadPoolExecutor() as threads:
        for number in range(2):
            ayesha = sign_up(site, f"ayesha{number}")
            community = found(karim)["id"]
            give(karim, community, ayesha, "admin")
            calls = ((site, ayesha.id), (another, karim.id))
            outcomes = [threads.submit(leave, *call) for call in calls]
            assert {outcome.result(PATIENCE_S) for outcome in outcomes} == {None, LastAdmin}
            assert site.rows("SELECT count(*) FROM memberships WHERE community_id = :id", id=community) == [(1,)]
            if not site.rows("SELECT 1 FROM users WHERE id = :id", id=karim.id):
                karim = sign_up(site, "karim")


def test_a_visit_during_the_deletion_of_an_account_has_no_user(site, history):
    """The visit is committed after the account is gone."""

    def arrive(user_id: str) -> None:
        for number, scope in enumerate(("site", history.theirs, history.hers)):
            register(site, 100 + number, scope, user_id=user_id)

    site.services.signals.access_revoked.connect(arrive, weak=False)
    total = site.stats()["totalVisits"]
    assert delete(history).status_code == 204
    assert site.stats()["totalVisits"] == total + 3
    assert tables_with(site, history.ayesha.id) == set()
    assert site.recount() == []


def test_an_account_with_many_rows_is_deleted_in_pieces(site, history, monkeypatch):
    """Transactions are short, interrupted work continues, and all numbers agree in between."""
    use_small_pieces(monkeypatch, 2)
    monkeypatch.setattr(personal_data, "DELETION_PATIENCE_S", 0)
    before, statuses = figures(history), []
    while not statuses or statuses[-1] == 503:
        answer = delete(history)
        statuses.append(answer.status_code)
        assert site.recount() == []
        assert figures(history) == before
        if answer.status_code == 503:
            assert_error(answer, 503, "not_yet_forgotten")
            assert answer.headers["Retry-After"] == "1"
            assert history.ayesha.get(ME).status_code == 200
    assert statuses[-1] == 204
    assert len(statuses) > 3
    assert tables_with(site, history.ayesha.id, history.ayesha.email, "Ayesha") == set()
