"""What `/openapi.json` says of second factors is what their calls answer when they succeed."""

from __future__ import annotations

from jsonschema import Draft202012Validator
from support.account_calls import PASSWORD, bare, bearer, sign_up
from support.app_fixtures import Site
from support.authenticator import Authenticator
from support.second_factor import App, first_step

AUTH = "/api/auth/"


def flow(site: Site):
    """(path, method, answer) of each call, on the way of a user who turns on all there is."""
    ayesha, key = sign_up(site), Authenticator()
    setup = ayesha.post(AUTH + "totp", json={"password": PASSWORD})
    app = App(site, setup.json["secret"])
    yield "totp", "post", setup
    yield "totp/confirm", "post", ayesha.post(AUTH + "totp/confirm", json={"code": app.code()})

    def proof() -> dict[str, str]:
        return {"password": PASSWORD, "code": app.next_code()}

    codes = ayesha.post(AUTH + "recovery-codes", json=proof())
    yield "recovery-codes", "post", codes
    options = ayesha.post(AUTH + "passkeys/options", json=proof())
    yield "passkeys/options", "post", options
    made = ayesha.post(AUTH + "passkeys", json={"credential": key.create(options.json["options"])})
    yield "passkeys", "post", made
    yield "passkeys", "get", ayesha.get(AUTH + "passkeys")
    yield "second-factor", "get", ayesha.get(AUTH + "second-factor")
    asked = bare(site).post(AUTH + "second-factor/options", json={"token": first_step(site).token})
    yield "second-factor/options", "post", asked
    proved = {"token": asked.json["token"], "credential": key.get(asked.json["options"])}
    yield "second-factor", "post", bare(site).post(AUTH + "second-factor", json=proved)
    yield "passkeys/{passkey_id}", "delete", ayesha.delete(f"{AUTH}passkeys/{made.json['id']}", json=proof())
    yield "totp", "delete", ayesha.delete(AUTH + "totp", json=proof())


def enrolment(site: Site):
    signed_up = bare(site).post(AUTH + "signup", json={"email": "karim@example.com", "password": PASSWORD})
    headers = bearer(signed_up.json["second_factor"]["token"])
    setup = bare(site).post(AUTH + "totp", headers=headers)
    yield "totp", "post", setup
    code = App(site, setup.json["secret"]).code()
    yield "totp/confirm", "post", bare(site).post(AUTH + "totp/confirm", json={"code": code}, headers=headers)


def test_answers_are_as_described(sqlite_database):
    with Site(sqlite_database.url, RATE_LIMIT_LOGINS="0") as site:
        spec = site.client.get("/openapi.json").json
        answers = list(flow(site))
    with Site(sqlite_database.url, REQUIRE_TWO_FACTOR="all") as site:
        answers += list(enrolment(site))
    for path, method, answer in answers:
        assert answer.status_code < 300, (path, method, answer.text)
        described = spec["paths"][AUTH + path][method]["responses"][str(answer.status_code)].get("content")
        if described is None:
            assert answer.data == b""
            continue
        schema = {**described[answer.mimetype]["schema"], "components": spec["components"]}
        Draft202012Validator(schema).validate(answer.json)
    paths = {path.removeprefix(AUTH) for path in spec["paths"] if "totp" in path or "passkey" in path}
    assert paths <= {path for path, _, _ in answers}
