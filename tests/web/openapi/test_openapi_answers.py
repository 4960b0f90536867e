"""Calls return exactly the statuses and bodies that `/openapi.json` documents."""

from itertools import chain

import pytest
from support.application.site import Site
from support.assertions.openapi import assert_described
from support.people.accounts import PASSWORD, bare, bearer, sign_up
from support.people.two_step import App, first_step

AUTH = "/api/auth/"
REGISTER, HEARTBEAT, EVENTS, FORGET = (
    "/api/visitor/register",
    "/api/visitor/heartbeat",
    "/api/events",
    "/api/visitor/forget",
)


@pytest.fixture(scope="module")
def site(module_sqlite_database):
    limits = {"LOGINS": 4, "REPORTS": 2, "REGISTRATIONS": 1}
    with Site(module_sqlite_database.url, **{f"RATE_LIMIT_{name}": limits[name] for name in limits}) as site:
        yield site


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
