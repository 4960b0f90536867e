"""Sessions: renewal, and everything that ends them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.application.site import Site, assert_error
from support.people.accounts import PASSWORD, Person, bare, log_in, sign_up, try_login
from support.people.communities import losses as losses_of

from koyjabo.people.accounts.services import AccountServices

ME, LOGOUT, PASSWORDS = "/api/auth/me", "/api/auth/logout", "/api/auth/password"
NEW_PASSWORD = "launch at dusk"


@pytest.fixture
def losses(site):
    """Count calls to the hook."""
    versions = []
    site.services.signals.access_revoked.connect(lambda whose: versions.append(losses_of(site)), weak=False)
    return versions


def lives(person: Person) -> bool:
    answer = person.get(ME)
    if answer.status_code != 200:
        assert_error(answer, 401, "invalid_token")
    return answer.status_code == 200


def change(person: Person, current: str = PASSWORD, new: str = NEW_PASSWORD):
    return person.post(PASSWORDS, json={"current_password": current, "new_password": new})


def test_refresh_gives_a_new_pair_of_the_same_session(site, losses):
    person = sign_up(site)
    before = (person.access, person.refresh)
    answer = person.renew()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert set(answer.json) == {"access_token", "refresh_token", "user"}
    assert answer.json["user"] == person.get(ME).json
    assert not {person.access, person.refresh} & set(before)
    assert person.get(ME, token=before[0]).status_code == 200  # the old access token works until it expires
    assert site.rows("SELECT count(*) FROM sessions") == [(1,)]
    assert losses == []


def test_reused_refresh_token_ends_the_session(site, losses):
    person = sign_up(site)
    stolen = Person(site, person.id, person.email, person.access, person.refresh)
    assert person.renew().status_code == 200
    site.time.pass_(seconds=10)
    assert_error(stolen.renew(), 401, "invalid_token")
    assert not lives(person)
    assert not lives(stolen)
    assert_error(person.renew(), 401, "invalid_token")
    assert losses == [1]


def test_another_tab_that_renews_at_the_same_time_is_only_refused(site, losses):
    person = sign_up(site)
    tab = Person(site, person.id, person.email, person.access, person.refresh)
    assert person.renew().status_code == 200
    site.time.pass_(seconds=9.9)
    assert_error(tab.renew(), 401, "invalid_token")
    assert lives(person)
    assert person.renew().status_code == 200
    assert losses == []


def test_refresh_token_sent_twice_at_once_is_renewed_once(database):
    """The token is sent to two servers."""
    with Site(database.url) as one, Site(database.url) as other, ThreadPoolExecutor(2) as threads:
        for name in ("ayesha", "karim", "nila"):
            person = sign_up(one, name)
            shown = [Person(site, person.id, person.email, person.access, person.refresh) for site in (one, other)]
            answers = threads.map(Person.renew, shown)
            assert sorted(answer.status_code for answer in answers) == [200, 401]
            assert lives(person)
        assert losses_of(one) == 0


def test_logout_ends_the_session_with_both_its_tokens_and_no_other(site, losses):
    person, elsewhere, somebody = sign_up(site), log_in(site), sign_up(site, "karim")
    answer = person.post(LOGOUT)
    assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (204, b"", "no-store")
    assert not lives(person)
    assert_error(person.renew(), 401, "invalid_token")
    assert lives(elsewhere)
    assert lives(somebody)
    assert person.post(LOGOUT).status_code == 204, "twice is no error"
    assert losses == [1], "and no second loss"
    assert elsewhere.post(LOGOUT, token=elsewhere.refresh).status_code == 204
    assert not lives(elsewhere)
    assert_error(bare(site).post(LOGOUT), 401, "unauthenticated")


def test_revocation_survives_a_restart_and_reaches_other_servers(database):
    with Site(database.url) as one, Site(database.url) as other:
        person = sign_up(one)
        there = Person(other, person.id, person.email, person.access, person.refresh)
        assert lives(there)
        assert person.post(LOGOUT).status_code == 204
        assert not lives(there)
        other.restart()
        assert not lives(there)


def test_session_ends_30_days_after_it_was_last_renewed(site):
    person = sign_up(site)
    site.time.pass_(days=29)
    assert person.renew().status_code == 200
    site.time.pass_(days=29)
    assert lives(person)
    site.time.pass_(days=1)
    assert not lives(person)
    assert_error(person.renew(), 401, "invalid_token")


def test_new_password_ends_all_other_sessions(site, losses):
    person, elsewhere, somebody = sign_up(site), log_in(site), sign_up(site, "karim")
    answer = change(person)
    assert (answer.status_code, answer.data) == (204, b"")
    assert (lives(person), lives(elsewhere), lives(somebody)) == (True, False, True)
    assert person.renew().status_code == 200
    assert losses == [1]
    assert_error(try_login(site), 401, "wrong_credentials")
    assert log_in(site, password=NEW_PASSWORD).id == person.id


def test_new_password_needs_the_present_one(site, losses):
    person, elsewhere = sign_up(site), log_in(site)
    assert_error(change(person, current="something else"), 401, "wrong_credentials")
    assert_error(change(person, new="short"), 400, "invalid_input", "new_password")
    assert_error(person.post(PASSWORDS, json={}), 400, "invalid_input", "current_password", "new_password")
    assert lives(elsewhere)
    assert log_in(site).id == person.id
    assert losses == []


def test_password_set_by_the_operator_ends_all_sessions(site, losses):
    person, elsewhere = sign_up(site), log_in(site)
    site.services[AccountServices].credentials.set_password("AYESHA@example.com", NEW_PASSWORD)
    assert not lives(person)
    assert not lives(elsewhere)
    assert log_in(site, password=NEW_PASSWORD).id == person.id
    assert losses == [1]
