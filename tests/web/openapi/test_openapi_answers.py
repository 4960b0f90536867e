"""Calls return exactly the statuses and bodies that `/openapi.json` documents."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import chain

import pytest
from support.application.site import Site
from support.assertions.openapi import assert_described
from support.people.accounts import PASSWORD, Person, bare, bearer, sign_up
from support.people.communities import found
from support.people.second_factor import App, first_step

AUTH = "/api/auth/"
REGISTER, HEARTBEAT, EVENTS, FORGET = (
    "/api/visitor/register",
    "/api/visitor/heartbeat",
    "/api/events",
    "/api/visitor/forget",
)
GOOD = {"email": "karim@example.com", "password": PASSWORD}
TOO_LARGE = {"more": "x" * 17_000}


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    limits = {"LOGINS": 4, "REPORTS": 2, "REGISTRATIONS": 1}
    with Site(module_sqlite_database.url, **{f"RATE_LIMIT_{name}": limits[name] for name in limits}) as site:
        yield site


def assert_all_described(site: Site, answers, calls: int) -> None:
    """Assert that each response is documented, and that every documented one occurred, except an unavailable
    database.
    """
    seen = defaultdict(set)
    for answer in answers:
        assert_described(site, answer)
        seen[answer.request.path, answer.request.method.lower()].add(answer.status_code)
    paths = site.client.get("/openapi.json").json["paths"]
    assert seen == {(path, method): {*map(int, paths[path][method]["responses"])} - {503} for path, method in seen}
    assert len(seen) == calls


def public_calls(site: Site):
    happened = [{"id": "1", "name": "search"}]
    good = {"visitorId": "ayesha", "visitId": "1", "page": "/", "timestamp": 5, "events": happened}
    elsewhere = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
    for path in (REGISTER, HEARTBEAT, EVENTS, FORGET):
        for body in (good, {}, {"visitorId": "nobody", "communityId": "nothing"}, {**good, **TOO_LARGE}):
            yield site.post(path, json=body)
        yield site.post(path, data=b"{", content_type="application/json")
        yield site.post(path, data=b"{}")
    yield from (site.post(path, json=good, **elsewhere) for path in (REGISTER, HEARTBEAT, EVENTS) for _ in range(6))
    yield from (site.post(FORGET, json=good, **elsewhere) for _ in range(31))
    yield site.client.get("/api/stats")
    yield site.client.get("/api/stats", headers={"If-None-Match": "*"})


def own_calls(site: Site, person: Person):
    browser = site.app.test_client()
    far = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
    for call in ("signup", "login"):
        yield browser.post(AUTH + call, json=GOOD)
        yield from (bare(site).post(AUTH + call, json={**GOOD, "password": "wrong one"}, **far) for _ in range(5))
    new = {"current_password": PASSWORD, "new_password": PASSWORD}
    yield person.post(AUTH + "password", json=new)
    yield person.get(AUTH + "me")
    for call in ("signup", "login", "password"):
        yield from unusable(partial(person.post, AUTH + call))
    wrong = {**new, "current_password": "wrong one"}
    yield from (person.post(AUTH + "password", json=wrong) for _ in range(11))
    yield from (browser.post(AUTH + call) for call in ("password", "refresh", "logout"))
    yield bare(site).get(AUTH + "me")
    yield from details_and_deletion(site, browser)
    yield person.renew()
    yield from (person.post(AUTH + call, token="x") for call in ("refresh", "logout"))
    yield person.post(AUTH + "logout")
    with Site(site.database_url, RATE_LIMIT_CHANGES=1) as busy:
        farid = sign_up(busy, "farid")
        yield from (farid.renew() for _ in range(2))
    with Site(site.database_url, REQUIRE_TWO_FACTOR="all") as strict:
        yield bare(strict).post(AUTH + "signup", json={**GOOD, "email": "rani@example.com"})
        yield bare(strict).post(AUTH + "login", json=GOOD)
    with Site(site.database_url, SIGN_UP="invited") as closed:
        yield bare(closed).post(AUTH + "signup", json=GOOD)


def unusable(send: Callable):
    yield send(json={})
    yield send(data=b"{}")
    yield send(json=TOO_LARGE)


def details_and_deletion(site: Site, browser):
    """`browser` is logged in, and sends no CSRF token."""
    nila, rima, right = sign_up(site, "nila"), sign_up(site, "rima"), {"password": PASSWORD}
    found(nila)  # a community with her as its only admin
    for method in ("PATCH", "DELETE"):
        yield from unusable(partial(nila.call, method, AUTH + "me"))
        yield browser.open(AUTH + "me", method=method, json=right)
        yield nila.call(method, AUTH + "me", json={"password": "wrong one"})
    yield nila.delete(AUTH + "me", json=right)
    yield nila.patch(AUTH + "me", json={**right, "name": "Nila", "email": None})
    yield nila.patch(AUTH + "me", json={**right, "email": "rima@example.com"})
    yield from (nila.patch(AUTH + "me", json={"password": "wrong one"}) for _ in range(11))
    yield nila.delete(AUTH + "me", json=right)
    yield rima.delete(AUTH + "me", json=right)


def test_answers_to_visitors_are_as_described(site):
    assert_all_described(site, public_calls(site), 5)
    for path in ("/healthz", "/readyz"):
        assert_described(site, site.client.get(path))


def test_answers_about_accounts_are_as_described(site):
    assert_all_described(site, own_calls(site, sign_up(site)), 8)


def two_steps(site: Site):
    """Every call made by a user who turns on two-step login."""
    ayesha = sign_up(site)
    setup = ayesha.post(AUTH + "totp", json={"password": PASSWORD})
    app = App(site, setup.json["secret"])
    yield setup
    yield ayesha.post(AUTH + "totp/confirm", json={"code": app.code()})

    def proof() -> dict[str, str]:
        return {"password": PASSWORD, "code": app.next_code()}

    yield ayesha.post(AUTH + "recovery-codes", json=proof())
    yield ayesha.get(AUTH + "second-factor")
    yield bare(site).post(AUTH + "second-factor", json={"token": first_step(site).token, "code": app.next_code()})
    yield ayesha.delete(AUTH + "totp", json=proof())


def enrolment(site: Site):
    signed_up = bare(site).post(AUTH + "signup", json={"email": "karim@example.com", "password": PASSWORD})
    headers = bearer(signed_up.json["second_factor"]["token"])
    setup = bare(site).post(AUTH + "totp", headers=headers)
    yield setup
    code = App(site, setup.json["secret"]).code()
    yield bare(site).post(AUTH + "totp/confirm", json={"code": code}, headers=headers)


def test_responses_about_two_step_login_are_as_described(sqlite_database):
    with (
        Site(sqlite_database.url, RATE_LIMIT_LOGINS="0") as site,
        Site(sqlite_database.url, REQUIRE_TWO_FACTOR="all") as strict,
    ):
        answers = list(chain(two_steps(site), enrolment(strict)))
        for answer in answers:
            assert answer.status_code < 300, (answer.request.path, answer.text)
            assert_described(site, answer)
        paths = {path for path in site.client.get("/openapi.json").json["paths"] if "totp" in path}
    assert {path for path in paths if "{" not in path} <= {answer.request.path for answer in answers}
