"""Passkeys for two-step login or for the whole login: creating, using, counting and removing them. tests/browser tests
the browser's part.
"""

from concurrent.futures import ThreadPoolExecutor

from support.application.site import Site, assert_error
from support.people.accounts import PASSWORD, Person, bare, disable, log_in, sign_up, try_login
from support.people.authenticator import Authenticator, encode
from support.people.second_factor import SECOND, first_step, second_step, turn_on

from koyjabo.people.accounts.errors import TooManyPasskeys
from koyjabo.people.accounts.second_factor import enrolment

PASSKEYS, OPTIONS, ASK = "/api/auth/passkeys", "/api/auth/passkeys/options", "/api/auth/second-factor/options"


def add(person: Person, key: Authenticator, code: str | None = None, name: str = "Phone"):
    options = person.post(OPTIONS, json={"password": PASSWORD, "code": code})
    assert options.status_code == 200, options.text
    return person.post(PASSKEYS, json={"credential": key.create(options.json["options"]), "name": name})


def ask(site: Site, token: str | None = None):
    answer = bare(site).post(ASK, json={"token": token})
    assert answer.status_code == 200, answer.text
    return answer.json["token"], answer.json["options"]


def prove(site: Site, token: str, credential: dict):
    return bare(site).post(SECOND, json={"token": token, "credential": credential})


def test_first_passkey_brings_recovery_codes_and_ends_other_sessions(site, ayesha):
    other, key = log_in(site), Authenticator()
    answer = add(ayesha, key)
    assert (answer.status_code, answer.json["name"], len(answer.json["recovery_codes"])) == (201, "Phone", 10)
    assert (ayesha.get("/api/auth/me").status_code, other.get("/api/auth/me").status_code) == (200, 401)
    assert first_step(site).methods == ["recovery", "passkey"]
    site.time.pass_(seconds=1)
    second = add(ayesha, Authenticator(), name="Key")
    assert "recovery_codes" not in second.json
    names = [(passkey["name"], passkey["used_at"]) for passkey in ayesha.get(PASSKEYS).json]
    assert names == [("Phone", None), ("Key", None)]
    details = site.rows("SELECT details FROM audit_log WHERE action = 'second_factor.add' ORDER BY id LIMIT 1")
    assert details == [('{"method": "passkey", "name": "Phone"}',)]


def test_passkey_completes_a_two_step_login(database):
    with Site(database.url) as site:
        key = Authenticator(verifies=False)
        add(sign_up(site), key)
        token, options = ask(site, first_step(site).token)
        assert [option["id"] for option in options["allowCredentials"]] == [key.get(options)["id"]]
        answer = prove(site, token, key.get(options))
        assert (answer.status_code, list(answer.json)) == (200, ["access_token", "refresh_token", "user"])
        assert site.rows("SELECT sign_count, used_ms FROM passkeys") == [(key.counter, site.time.ms)]


def test_passkey_replaces_the_password_if_the_device_verifies_its_owner(site, ayesha):
    key = Authenticator()
    add(ayesha, key)
    token, options = ask(site)
    assert (options["userVerification"], options["allowCredentials"]) == ("required", [])
    answer = prove(site, token, key.get(options))
    assert answer.json["user"]["id"] == ayesha.id
    key.verifies = False
    token, options = ask(site)
    assert_error(prove(site, token, key.get(options)), 401, "wrong_passkey")


def test_proof_is_good_once_on_two_servers_at_once(site, ayesha):
    key = Authenticator()
    add(ayesha, key)
    token, options = ask(site, first_step(site).token)
    proof = key.get(options)
    with Site(site.database_url, site.time) as other, ThreadPoolExecutor(4) as threads:
        statuses = list(threads.map(lambda server: prove(server, token, proof).status_code, [site, other, site, other]))
    assert sorted(statuses) == [200, 401, 401, 401]


def test_session_begins_a_passkey_on_two_servers_at_once(database):
    """Happens with a double click: the later request replaces the earlier one."""
    with Site(database.url) as site, Site(database.url, site.time) as other, ThreadPoolExecutor(2) as threads:
        here = sign_up(site)
        there = Person(other, here.id, here.email, here.access, here.refresh)
        for _ in range(5):
            site.rows("DELETE FROM pending_steps")
            begun = threads.map(
                lambda person: person.post(OPTIONS, json={"password": PASSWORD}).status_code, (here, there)
            )
            assert list(begun) == [200, 200]
            assert site.rows("SELECT count(*) FROM pending_steps") == [(1,)]


def test_proof_for_another_challenge_origin_host_or_person_is_refused_and_counted(site, ayesha):
    key, karims = Authenticator(), Authenticator()
    codes = add(ayesha, key).json["recovery_codes"]
    add(sign_up(site, "karim"), karims)
    token = first_step(site).token
    _, older = ask(site, token)
    _, options = ask(site, token)
    bad = [
        key.get(older),
        key.get(options, origin="https://evil.example"),
        key.get({**options, "rpId": "evil.example"}),
        karims.get(options),
    ]
    assert [prove(site, token, proof).json["code"] for proof in bad] == ["wrong_passkey"] * 4
    assert prove(site, token, key.get(options)).status_code == 200
    token, options = ask(site, first_step(site).token)
    tries = [prove(site, token, {"id": "x"}).json["code"] for _ in range(5)]
    assert tries == ["wrong_passkey"] * 4 + ["second_factor_expired"]
    assert prove(site, token, key.get(options)).status_code == 401
    assert second_step(site, first_step(site).token, "123456").status_code == 401
    assert second_step(site, first_step(site).token, codes[0]).status_code == 200, "for who has lost the passkey"
    disable(site, ayesha.email)
    token, options = ask(site)
    assert_error(prove(site, token, key.get(options)), 401, "wrong_passkey")


def test_removed_passkey_forgets_browsers(site, ayesha):
    """One of these browsers may be on the lost device."""
    app = turn_on(ayesha)
    add(ayesha, Authenticator(), app.next_code())
    browser, login = site.app.test_client(), {"email": ayesha.email, "password": PASSWORD}
    assert second_step(site, first_step(site).token, app.next_code(), browser, remember=True).status_code == 200
    assert "access_token" in browser.post("/api/auth/login", json=login).json
    (passkey,) = ayesha.get(PASSKEYS).json
    proof = {"password": PASSWORD, "code": app.next_code()}
    assert ayesha.delete(f"{PASSKEYS}/{passkey['id']}", json=proof).status_code == 204
    assert "second_factor" in browser.post("/api/auth/login", json=login).json


def test_passkey_of_another_user_is_refused(site, ayesha):
    """A passkey used without a password must name its user (WebAuthn, 7.2)."""
    key = Authenticator()
    add(ayesha, key)
    own, karims = key.owner, encode(sign_up(site, "karim").id.encode())
    for owner, alone, statuses in ((own, 200, 200), (None, 401, 200), (karims, 401, 401), ("!", 401, 401)):
        key.owner = owner if owner != "!" else encode(b"\xff")
        for begun, status in ((None, alone), (first_step(site).token, statuses)):
            token, options = ask(site, begun)
            assert (owner, prove(site, token, key.get(options)).status_code) == (owner, status)


def test_credential_ids_have_16_to_1023_bytes(database):
    with Site(database.url) as site:
        ayesha = sign_up(site)
        statuses = {size: add(ayesha, Authenticator(id_bytes=size)).status_code for size in (1, 15, 16, 1023, 1024)}
        assert statuses == {1: 401, 15: 401, 16: 201, 1023: 201, 1024: 401}


def test_copied_passkey_is_noticed(site, ayesha):
    key = Authenticator()
    add(ayesha, key)
    key.counter = 10
    token, options = ask(site, first_step(site).token)
    assert prove(site, token, key.get(options)).status_code == 200
    key.counter = 5
    token, options = ask(site, first_step(site).token)
    assert_error(prove(site, token, key.get(options)), 401, "wrong_passkey")


def test_passkey_is_registered_once_and_for_its_session(site, ayesha):
    key, karim = Authenticator(), sign_up(site, "karim")
    options = ayesha.post(OPTIONS, json={"password": PASSWORD}).json["options"]
    made = {"credential": key.create(options)}
    assert_error(karim.post(PASSKEYS, json=made), 401, "second_factor_expired")
    karim.post(OPTIONS, json={"password": PASSWORD})
    assert_error(karim.post(PASSKEYS, json=made), 401, "wrong_passkey")
    assert ayesha.post(PASSKEYS, json=made).status_code == 201
    assert_error(ayesha.post(PASSKEYS, json=made), 401, "second_factor_expired")
    assert add(ayesha, key).status_code == 401, "a known credential"


def test_account_has_a_maximum_number_of_passkeys(site, ayesha, monkeypatch):
    assert str(enrolment.MAX_PASSKEYS) in TooManyPasskeys.sentence
    monkeypatch.setattr(enrolment, "MAX_PASSKEYS", 2)
    assert [add(ayesha, Authenticator()).status_code for _ in range(3)] == [201, 201, 409]


def test_passkeys_belong_to_public_url(sqlite_database):
    with Site(sqlite_database.url, PUBLIC_URL="https://live.example.com/") as site:
        ayesha, key = sign_up(site), Authenticator()
        options = ayesha.post(OPTIONS, json={"password": PASSWORD}).json["options"]
        assert options["rp"]["id"] == "live.example.com"
        made = key.create(options, origin="https://live.example.com")
        assert ayesha.post(PASSKEYS, json={"credential": made}).status_code == 201


def test_changing_passkeys_requires_a_code_while_an_authenticator_app_is_on(site, ayesha):
    app, proof = turn_on(ayesha), {"password": PASSWORD}
    assert_error(ayesha.post(OPTIONS, json=proof), 401, "wrong_code")
    path = f"{PASSKEYS}/{add(ayesha, Authenticator(), app.next_code()).json['id']}"
    assert_error(ayesha.delete(path, json=proof), 401, "wrong_code")
    assert ayesha.delete(path, json={**proof, "code": app.next_code()}).status_code == 204
    assert first_step(site).methods == ["totp", "recovery"]
    assert ayesha.delete("/api/auth/totp", json={**proof, "code": app.recovery_codes[0]}).status_code == 204
    path = f"{PASSKEYS}/{add(ayesha, Authenticator()).json['id']}"
    assert_error(ayesha.delete(path, json={"password": "wrong one"}), 401, "wrong_credentials")
    assert ayesha.delete(path, json=proof).status_code == 204
    assert_error(ayesha.delete(path, json=proof), 404, "unknown_passkey")
    assert "access_token" in try_login(site).json
