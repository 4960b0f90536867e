"""What `/openapi.json` says of /api/auth is what its calls do."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator
from support.account_calls import PASSWORD, Person, bare, sign_up
from support.app_fixtures import Site
from support.community_calls import found

AUTH = "/api/auth/"
STATUSES = {
    "signup": {200, 201, 400, 409, 413, 415, 429, 503},
    "login": {200, 400, 401, 413, 415, 429, 503},
    "refresh": {200, 401, 403, 429, 503},
    "logout": {204, 401, 403, 503},
    "me get": {200, 401, 503},
    "me patch": {200, 400, 401, 403, 409, 413, 415, 429, 503},
    "me delete": {204, 400, 401, 403, 409, 413, 415, 429, 503},
    "me/export": {200, 401, 429, 503},
    "password": {204, 400, 401, 403, 413, 415, 429, 503},
}
GOOD = {"email": "karim@example.com", "password": PASSWORD}


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    with Site(module_sqlite_database.url, RATE_LIMIT_LOGINS=4, RATE_LIMIT_REPORTS=2) as site:
        yield site


@pytest.fixture(scope="module")
def spec(site):
    return site.client.get("/openapi.json").json


def operation(spec, call: str) -> dict:
    path, _, method = call.partition(" ")
    found = spec["paths"][AUTH + path]
    return found[method] if method else next(iter(found.values()))


def schema_of(spec, call: str) -> Draft202012Validator:
    schema = operation(spec, call)["requestBody"]["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": spec["components"]})


@pytest.mark.parametrize("call", STATUSES)
def test_every_status_is_described(spec, call):
    assert {int(status) for status in operation(spec, call)["responses"]} == STATUSES[call]


def test_what_needs_a_login_says_so(spec):
    secured = {call for call in STATUSES if "security" in operation(spec, call)}
    assert secured == {"refresh", "logout", "me get", "me patch", "me delete", "me/export", "password"}
    named = {name for way in operation(spec, "me get")["security"] for name in way}
    assert named == set(spec["components"]["securitySchemes"]) == {"bearer", "session"}


def calls(site: Site, person: Person):
    """(call, answer) for every status but 503."""
    browser = site.app.test_client()
    far = {"environ_overrides": {"REMOTE_ADDR": "203.0.113.7"}}
    for call in ("signup", "login"):
        yield call, browser.post(AUTH + call, json=GOOD)
        yield from (
            (call, bare(site).post(AUTH + call, json={**GOOD, "password": "wrong one"}, **far)) for _ in range(5)
        )
    new = {"current_password": PASSWORD, "new_password": PASSWORD}
    yield "password", person.post(AUTH + "password", json=new)
    yield "me get", person.get(AUTH + "me")
    for call in ("signup", "login", "password"):
        yield call, person.post(AUTH + call, json={})
        yield call, person.post(AUTH + call, data=b"{}")
        yield call, person.post(AUTH + call, json={"more": "x" * 17_000})
    wrong = {**new, "current_password": "wrong one"}
    yield from (("password", person.post(AUTH + "password", json=wrong)) for _ in range(11))
    for call in ("password", "refresh", "logout"):
        yield call, browser.post(AUTH + call)
    yield "me get", bare(site).get(AUTH + "me")
    yield from own_calls(site, browser)
    yield "refresh", person.renew()
    yield "refresh", person.post(AUTH + "refresh", token="x")
    yield "logout", person.post(AUTH + "logout", token="x")
    yield "logout", person.post(AUTH + "logout")
    with Site(site.database_url, RATE_LIMIT_CHANGES=1) as busy:
        farid = sign_up(busy, "farid")
        yield from (("refresh", farid.renew()) for _ in range(2))
    with Site(site.database_url, REQUIRE_TWO_FACTOR="all") as strict:
        yield "signup", bare(strict).post(AUTH + "signup", json={**GOOD, "email": "rani@example.com"})
        yield "login", bare(strict).post(AUTH + "login", json=GOOD)


def own_calls(site: Site, browser):
    """The same for the calls about one's own account. `browser` is logged in, and sends no token of a form."""
    nila, rima, right = sign_up(site, "nila"), sign_up(site, "rima"), {"password": PASSWORD}
    found(nila)  # whose only admin she is
    for method, call in ((nila.patch, "me patch"), (nila.delete, "me delete")):
        yield call, method(AUTH + "me", json={})
        yield call, method(AUTH + "me", data=b"{}")
        yield call, method(AUTH + "me", json={"more": "x" * 17_000})
        yield call, browser.open(AUTH + "me", method=call.partition(" ")[2].upper(), json=right)
        yield call, method(AUTH + "me", json={"password": "wrong one"})
    yield "me delete", nila.delete(AUTH + "me", json=right)
    yield "me patch", nila.patch(AUTH + "me", json={**right, "name": "Nila", "email": None})
    yield "me patch", nila.patch(AUTH + "me", json={**right, "email": "rima@example.com"})
    for _ in range(11):
        yield "me patch", nila.patch(AUTH + "me", json={"password": "wrong one"})
    yield "me delete", nila.delete(AUTH + "me", json=right)
    yield from (("me/export", nila.get(AUTH + "me/export")) for _ in range(3))
    yield "me delete", rima.delete(AUTH + "me", json=right)
    yield "me/export", rima.get(AUTH + "me/export")


def test_real_answers_are_as_described(site, spec):
    seen: dict[str, set[int]] = {call: set() for call in STATUSES}
    for call, answer in calls(site, sign_up(site)):
        seen[call].add(answer.status_code)
        content = operation(spec, call)["responses"][str(answer.status_code)].get("content")
        if content is None:
            assert answer.data == b""
            continue
        schema = {**content[answer.mimetype]["schema"], "components": spec["components"]}
        Draft202012Validator(schema).validate(answer.json)
    assert seen == {call: statuses - {503} for call, statuses in STATUSES.items()}


@pytest.mark.parametrize("change", [{"email": "karim"}, {"email": 5}, {"password": "1234567"}, {"visitorId": "a b"}])
def test_bodies_that_are_refused_do_not_fit_their_description(spec, change):
    assert schema_of(spec, "signup").is_valid({**GOOD, "visitorId": None, "name": None})
    assert not schema_of(spec, "signup").is_valid({**GOOD, **change})
    assert set(operation(spec, "signup")["requestBody"]["content"]) == {"application/json"}


def test_login_takes_any_text(spec):
    """What a password has to look like is nothing to somebody who guesses."""
    assert schema_of(spec, "login").is_valid({"email": "x", "password": ""})
