"""Any request to a call in `/openapi.json` gets a documented response, and never a server error."""

from __future__ import annotations

import json
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jwt
import odd_values
import pytest
from hypothesis import given, strategies as st
from support.application.site import Site, assert_error, site_fixture
from support.people.accounts import Person, bare, bearer, log_in
from support.people.communities import Cast, invite
from support.runs.fuzz_effort import TIMES, effort

from koyjabo.columns.dimensions.dimensions import DIMENSION_NAMES

if TYPE_CHECKING:
    from schemathesis import APIOperation, Case

UNLIMITED = {f"RATE_LIMIT_{what}": "0" for what in ("REGISTRATIONS", "VISITOR", "LOGINS", "CHANGES", "TABS")}
NO_MAILBOX = {"SMTP_URL": "smtp://127.0.0.1:9?from=a@example.com&tls=off", "PUBLIC_URL": "https://live.example.com"}
"""No email can be sent, but the calls must not fail."""

EXAMPLES = 8  # examples per operation
EVERY = 1 if TIMES else 8  # of this many operations, one is tried
ONE_IN = {0: 127, 1: 5}.get(TIMES, 1)
"""One in this many combinations of an odd value and a place is tried. The number is prime, so that every value and
place is tried in turn.
"""

FILTERED = "/api/reports/summary"  # represents all reports, which parse filters the same way
STREAM = "/stream"  # paths with this ending need the real server; a test client gets an error
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "x")


class World:
    """A site with an admin, who has every permission. Communities and logins that a call has ended are restored."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cast = Cast(site)
        import schemathesis  # slow to import

        self.schema = schemathesis.openapi.from_wsgi("/openapi.json", site.app)
        self.operations: list[APIOperation] = [operation.ok() for operation in self.schema.get_all_operations()]
        self._logins = count()
        self._is_logged_out = False
        self._community: str | None = None
        self._accounts = site.rows("SELECT email, email_key, password, id FROM users")

    def fields(self, operation: APIOperation) -> list[str]:
        body = operation.definition.raw.get("requestBody")
        if body is None:
            return []
        name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        return list(self.schema.raw_schema["components"]["schemas"][name]["properties"])

    def names(self) -> dict[str, str]:
        """Path arguments of existing objects."""
        session = jwt.decode(self._logged_in().access, options={"verify_signature": False})["sid"]
        if self._community is None:
            self._community = self.cast.community()
        return {
            "community_id": self._community,
            "user_id": self.cast["other"].id,
            "session_id": session,
            "share_id": session,
            "key_id": session,
            "ref": "dhaka",
            "user_ref": "4711",
            "token": invite(self.cast["site_admin"], self._community, "karim@example.com"),
        }

    def ask(self, case: Case) -> None:
        # compressed responses are not decoded here
        response = case.call(headers={"Accept-Encoding": "identity", **bearer(self._logged_in().access)})
        checks = _checks()
        if response.status_code == 501 and case.operation.path.endswith(STREAM):
            assert response.json()["code"] == "streams_unavailable"
            checks = checks[1:]
        case.validate_response(response, checks=checks)
        if case.operation.path.startswith("/api/auth/"):
            self._is_logged_out = True  # perhaps
        elif case.method == "DELETE":
            self._community = None

    def _logged_in(self) -> Person:
        person = self.cast["site_admin"]
        if self._is_logged_out and person.get("/api/auth/me").status_code != 200:
            self.site.rows("DELETE FROM login_failures")
            for email, key, password, id in self._accounts:  # a call may have changed them
                change = "UPDATE users SET email = :email, email_key = :key, password = :password WHERE id = :id"
                self.site.rows(change, email=email, key=key, password=password, id=id)
            number = next(self._logins)  # another address each time, because attempts per address are limited
            address = {"REMOTE_ADDR": f"198.18.{number >> 8 & 255}.{number & 255}"}
            self.cast.people["site_admin"] = person = log_in(self.site, "site_admin", environ=address)
        self._is_logged_out = False
        return person


@cache
def _checks() -> list[Any]:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    return [
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]


@pytest.fixture(scope="module")
def world(site: Site) -> World:
    return World(site)


site = site_fixture(is_shared=True, **UNLIMITED, **NO_MAILBOX)


@pytest.mark.parametrize("module_database_kind", ["sqlite"], indirect=True)
def test_every_response_to_random_requests_matches_its_description(world: World):
    for operation in world.operations[::EVERY]:
        _fuzz(world, operation)


def _fuzz(world: World, operation: APIOperation) -> None:
    @effort(EXAMPLES)
    @given(case=_cases(operation), leads_somewhere=st.booleans())
    def ask(case: Case, leads_somewhere: bool) -> None:
        if leads_somewhere:
            known = world.names()
            case.path_parameters = {name: known[name] for name in case.path_parameters or {}}
        world.ask(case)

    ask()


def _cases(operation: APIOperation) -> st.SearchStrategy[Case]:
    from schemathesis import GenerationMode

    right, wrong = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    can_be_wrong = operation.definition.raw.keys() & {"requestBody", "security"}
    return right | wrong if can_be_wrong else right


def test_an_odd_value_is_accepted_or_refused_as_described(world: World):
    turn = count()
    for operation in world.operations:
        for odd in odd_values.ODD_VALUES:
            for place in _places(operation, world.fields(operation), odd):
                if next(turn) % ONE_IN == 0:
                    world.ask(_with_odd(operation, place, world, odd))


def _places(operation: APIOperation, fields: list[str], odd: Any) -> list[tuple[str, str]]:
    """Places for an odd value in a call: path, query or body, each with the name of the parameter or field."""
    asked = [(parameter["in"], parameter["name"]) for parameter in operation.definition.raw.get("parameters", ())]
    texts = [place for place in asked if _takes_text(operation, *place)] if odd and isinstance(odd, str) else []
    return texts + [("body", name) for name in fields]


def _takes_text(operation: APIOperation, where: str, name: str) -> bool:
    """Whether text is allowed there. Filters are tried only with one report, because all have the same parameters."""
    return where == "path" or (where == "query" and (name not in DIMENSION_NAMES or operation.path == FILTERED))


def _with_odd(operation: APIOperation, place: tuple[str, str], world: World, odd: Any) -> Case:
    """A call with one odd value. Everything else is valid."""
    (where, name), names = place, world.names()
    asked = operation.definition.raw.get("parameters", ())
    path = {parameter["name"]: names[parameter["name"]] for parameter in asked if parameter["in"] == "path"}
    if where == "path":
        return operation.Case(path_parameters={**path, name: quote(odd, "", errors="surrogatepass")})
    if where == "query":
        return operation.Case(path_parameters=path, query={name: odd.encode("utf-8", "surrogatepass")})
    fields = world.fields(operation)
    good = {field: value for field, value in odd_values.GOOD.items() if field in fields}
    body = json.dumps({**good, name: odd}).encode()
    return operation.Case(path_parameters=path, body=body, media_type="application/json")


ALSO = {"/api/communities/online": "/api/communities/{community_id}"}
"""A path that also matches another one, with its methods."""


def test_a_method_that_is_not_described_is_refused(world: World):
    described: dict[str, set[str]] = {}
    for operation in world.operations:
        described.setdefault(operation.path, set()).add(operation.method.upper())
    for path, methods in described.items():
        for method in set(METHODS) - methods - described.get(ALSO.get(path, ""), set()):
            answer = bare(world.site).open(path, method=method)
            assert_error(answer, 405, "method_not_allowed")
            others = described.get(ALSO.get(path, ""), set())
            assert methods <= set(answer.headers["Allow"].split(", ")) <= {*methods, *others, "HEAD", "OPTIONS"}
