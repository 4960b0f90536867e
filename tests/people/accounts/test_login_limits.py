"""Limits on login attempts, on the changes an account makes, and on the reports it reads."""

from dataclasses import dataclass

import pytest
from support.application.site import Site, assert_error, site_fixture
from support.people.accounts import PASSWORD, Person, bare, sign_up, try_login
from support.people.communities import PATH, found
from support.people.page_readers import Reader

from koyjabo.people.accounts.throttle.guess_budget import Plan
from koyjabo.people.accounts.throttle.login_throttle import GUESS_PLANS, LOGIN_GUESS

PHONE, OTHER, GUESSING = "203.0.113.7", "203.0.113.8", "198.51.100.0"
WRONG = {"password": "something else"}


site = site_fixture(RATE_LIMIT_LOGINS=40)

MOST = 10


limited = site_fixture(RATE_LIMIT_CHANGES=MOST, RATE_LIMIT_REPORTS=MOST)


def tries(site, times: int, *names: str, peer: str = PHONE, **fields) -> list[int]:
    environ = {"REMOTE_ADDR": peer}
    return [try_login(site, names[n % len(names)], environ, **fields).status_code for n in range(times)]


def guess(site, network: str, addresses: int = 6) -> None:
    for n in range(addresses):
        tries(site, 5, "ayesha", peer=f"{network}.{n}", **WRONG)


def test_an_account_allows_ten_failed_logins_a_minute_from_one_address(site):
    sign_up(site)
    assert tries(site, 10, "ayesha", **WRONG) == [401] * 10
    refused = try_login(site, "ayesha", {"REMOTE_ADDR": PHONE})  # even with the right password
    assert_error(refused, 429, "rate_limited")
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert tries(site, 1, "ayesha", peer=OTHER) == [200]
    assert tries(site, 1, "karim") == [401]
    assert tries(site, 11, "nobody") == [401] * 10 + [429], "whether there is such an account or not"
    assert tries(site, 12, "nila", "NILA", " Nila") == [401] * 10 + [429] * 2, "capitals make no new account"


def test_an_address_has_a_limit_of_logins_and_half_as_many_signups(site):
    assert tries(site, 41, *(f"user{n}" for n in range(50))) == [401] * 40 + [429]
    assert tries(site, 1, "user1", peer=OTHER) == [401]

    def sign_up_from(peer: str, number: int) -> int:
        body = {"email": f"{number}@example.com", "password": PASSWORD}
        return bare(site).post("/api/auth/signup", json=body, environ_overrides={"REMOTE_ADDR": peer}).status_code

    assert [sign_up_from("203.0.113.9", number) for number in range(21)] == [201] * 20 + [429]
    assert sign_up_from("203.0.113.10", 21) == 201


def test_the_loopback_address_has_no_limit_but_each_account_has(site):
    names = [f"user{n}" for n in range(41)]
    assert set(tries(site, 41, *names, peer="127.0.0.1")) == {401}
    assert tries(site, 10, "user1", peer="127.0.0.1")[-1] == 429


def familiar(answer) -> str:
    (cookie,) = [cookie for cookie in answer.headers.getlist("Set-Cookie") if cookie.startswith("familiar_browser=")]
    assert [name in cookie for name in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/")] == [True] * 4
    return cookie.partition("=")[2].partition(";")[0]


@dataclass
class Attack:
    """An account that many addresses have guessed at until all were refused, and its owner's browser."""

    site: Site
    owner: Person
    cookies: dict[str, str]

    def log_in(self, password: str = PASSWORD, peer: str = GUESSING, **cookies: str) -> int:
        """Log in with these cookies from `peer`, by default an address used for guessing."""
        client = self.site.app.test_client()
        for name, value in cookies.items():
            client.set_cookie(name, value)
        body = {"email": "ayesha@example.com", "password": password}
        return client.post("/api/auth/login", json=body, environ_overrides={"REMOTE_ADDR": peer}).status_code


@pytest.fixture
def attack(site, monkeypatch):
    monkeypatch.setitem(GUESS_PLANS, LOGIN_GUESS, Plan(30, 60_000, 380, 90_000, reserve=121))
    owner = sign_up(site)
    answer = try_login(site, "ayesha", {"REMOTE_ADDR": PHONE})
    guess(site, "198.51.100")
    assert tries(site, 1, "ayesha", peer=GUESSING, **WRONG) == [429]
    return Attack(site, owner, {"familiar_browser": familiar(answer)})


def test_failures_at_the_same_address_do_not_lock_out_a_familiar_browser(attack):
    """Failed logins to this account and to other accounts."""
    assert tries(attack.site, 41, *(f"user{n}" for n in range(20)), peer=OTHER)[-1] == 429
    assert tries(attack.site, 11, "ayesha", peer=PHONE, **WRONG)[-1] == 429
    assert attack.log_in(peer=OTHER, **attack.cookies) == 200
    assert attack.log_in(peer=PHONE, **attack.cookies) == 200


def test_a_familiar_cookie_of_another_account_or_a_forged_one_is_not_accepted(attack):
    sign_up(attack.site, "karim")
    answer = try_login(attack.site, "karim", {"REMOTE_ADDR": PHONE})
    mark, _, signature = attack.cookies["familiar_browser"].partition(".")
    assert (len(mark), len(signature)) == (16, 64)
    forged = ["x", "é", "0" * 64, ".", f".{'0' * 64}", f"{'0' * 16}.{'0' * 64}", f"{mark[::-1]}.{signature}"]
    for shown in (familiar(answer), *forged):
        assert attack.log_in(familiar_browser=shown) == 429, shown
    assert attack.log_in(**attack.cookies) == 200


def test_the_limits_on_logins_are_divided_among_the_workers(sqlite_database):
    workers = {"WEB_CONCURRENCY": 2, "REDIS_URL": "redis://localhost", "RATE_LIMIT_LOGINS": 40}
    with Site(sqlite_database.url, **workers) as site:
        assert tries(site, 6, "ayesha") == [401] * 5 + [429]
        assert tries(site, 21, *(f"user{n}" for n in range(30)), peer=OTHER) == [401] * 20 + [429]


def test_a_browser_is_no_longer_familiar_after_the_password_changed_elsewhere(attack):
    """A stolen cookie also becomes worthless."""
    body = {"current_password": PASSWORD, "new_password": "something new"}
    answer = attack.owner.post("/api/auth/password", json=body)
    assert answer.status_code == 204, "who is logged in may change it during the attack"
    assert attack.log_in(**attack.cookies, password="something new") == 429
    shown = familiar(answer)
    assert attack.log_in(familiar_browser=shown, password="something new") == 200, "the one that changed it still is"


def test_the_limit_on_changes_counts_changes_of_all_kinds_together(limited):
    ayesha, babul = sign_up(limited, "ayesha"), sign_up(limited, "babul")
    at = f"{PATH}/{found(ayesha)['id']}"  # founding it also counts as a change
    changes = [
        lambda: ayesha.patch(at, json={"description": "there"}),
        lambda: ayesha.put(f"{at}/members/{babul.id}", json={"role": "member"}),
        lambda: ayesha.delete(f"{at}/members/{babul.id}"),
        lambda: ayesha.post(f"{at}/join"),
        lambda: ayesha.post(f"{at}/leave"),  # refused for the last admin, but counted
        lambda: ayesha.delete("/api/auth/sessions"),
        lambda: ayesha.post(f"{at}/members", json={"email": "nobody@example.com", "role": "member"}),
        lambda: ayesha.patch(at, json={"description": "again"}),
        lambda: ayesha.renew(),
    ]
    assert 429 not in {change().status_code for change in changes}
    before = limited.rows("SELECT count(*) FROM audit_log")
    for change in changes:
        refused = change()
        assert_error(refused, 429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 61
    assert limited.rows("SELECT count(*) FROM audit_log") == before, "what was refused is not in the log"
    assert ayesha.get(at).status_code == 200
    assert babul.post(f"{at}/join").status_code == 201, "another account is free"
    assert ayesha.post("/api/auth/logout").status_code == 204, "and leaving is always possible"


def test_a_form_counts_as_a_change_and_a_page_of_reports_as_a_report(limited):
    reader, stranger = Reader(limited).sign_up("fatima"), Reader(limited)
    reader.send("/communities/new", name="Uttara", open="1")
    path = reader.location.partition("?")[0]
    for number in range(MOST - 2):
        reader.send(f"{path}/settings", name=f"Uttara {number}")
    reader.send("/language", language="bn")
    reader.send(f"{path}/settings", 429, name="One more")
    reader.send("/language", 429, language="en")
    assert limited.rows("SELECT communities.name, language FROM communities, users") == [(f"Uttara {MOST - 3}", "bn")]
    for _ in range(MOST + 1):
        stranger.send("/language", language="bn")  # stored only in the browser
    for _ in range(MOST):
        reader.get(path)
    reader.get(path, 429)


def test_the_limit_on_reports_counts_all_reports_of_an_account_together(limited):
    ayesha, babul = sign_up(limited, "ayesha"), sign_up(limited, "babul")
    community = found(ayesha)["id"]
    babul.post(f"{PATH}/{community}/join")
    parts = ("", "/today", "/weekly", "/monthly", "/growth", "/trends", "/online")
    paths = [f"{PATH}/{community}/visitors{path}" for path in parts]
    assert [ayesha.get(paths[number % len(paths)]).status_code for number in range(MOST)] == [200] * MOST
    for path in paths:
        assert_error(ayesha.get(path), 429, "rate_limited")
    assert babul.get(paths[0]).status_code == 200
    assert ayesha.get(f"{PATH}/{community}/stats").status_code == 200
