"""Every route, called with the highest role that is refused (nothing changes) and the lowest that is allowed."""

import io
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from support.application.site import SECRET, Site
from support.clients.forms import answer
from support.people.accounts import Person, bare, bearer, log_in, sign_up
from support.people.admins import last_line, panel
from support.people.communities import Cast, invite
from support.people.page_readers import Reader
from support.people.permissions import (
    ADMIN,
    ANYBODY,
    ASKS,
    BODIES,
    FORMS,
    MEMBER,
    MODERATOR,
    RULES,
    SITE_ADMIN,
    SOCKETS,
    USER,
    VIEWER,
)
from support.people.routes import CHANGING, method_of, path_of, rules, stored
from support.people.two_step import first_step, turn_on
from werkzeug.routing import Rule

from koyjabo.base.core.identity import KEY_PREFIX
from koyjabo.web.http import body_sizes

PARTS = {"user": "outsider"}  # names of cast members that differ from their role
WITHOUT_SESSION = ("disabled", "revoked", "pending")
REFUSED = {  # the highest roles that each rule refuses, in addition to disabled accounts
    USER: (ANYBODY, "revoked", "pending"),
    VIEWER: ("admin",),
    MEMBER: ("user", "invited"),
    MODERATOR: ("viewer", "member"),
    ADMIN: ("viewer", "moderator"),
    SITE_ADMIN: ("viewer", "admin"),
}
LET_IN = {least: (least,) for least in (ANYBODY, USER, VIEWER, MEMBER, MODERATOR, SITE_ADMIN)}
LET_IN[ADMIN] = (ADMIN, SITE_ADMIN)
"""The lowest role that each rule allows. Site admins have the rights of a community's admin without being members."""


class Caller:
    def __init__(self, site: Site, role: str) -> None:
        self.role = role
        self.headers: dict[str, str] = {}
        self.reader = Reader(site)
        if role == ANYBODY:
            return
        if role == "pending":
            self._begin_login(site)
            return
        name = PARTS.get(role, role)
        self.headers = bearer(log_in(site, name).access)
        self.reader.log_in(name)

    def _begin_login(self, site: Site) -> None:
        """Use the token of an unfinished two-step login in place of a session token."""
        token = first_step(site, "pending").token
        self.headers = bearer(token)
        for cookie in ("access_token_cookie", "refresh_token_cookie"):
            self.reader.client.set_cookie(cookie, token)

    def call(self, site: Site, rule: Rule, path: str, method: str, body: bytes | None = None) -> Any:
        """Call a route, and confirm if it asks. `body` replaces the valid API body."""
        if rule.endpoint.startswith(("pages_", "panel_")):
            fields = {"csrf_token": self.reader.csrf, **FORMS.get(rule.endpoint, {})}
            done = self._open(path, method, fields)
            is_asked = rule.endpoint in ASKS and done.status_code == 200
            return self._open(path, method, answer(done.text).fields) if is_asked else done
        request = {"json": BODIES.get(rule.endpoint, {})} if method in CHANGING else {}
        if body is not None:
            request = {"data": body, "content_type": "application/json"}
        return bare(site).open(path, method=method, headers=self.headers, **request)

    def _open(self, path: str, method: str, fields: dict[str, Any]) -> Any:
        request = {"data": fields} if method in CHANGING else {}
        return self.reader.client.open(path, method=method, headers=self.reader.headers, **request)


@pytest.fixture(scope="module")
def callers(site: Site, cast: Cast) -> dict[str, Caller]:
    """One caller per role. Those without a valid session have lost it."""
    site.register("ayesha"), site.register("babul")
    for name in ("disabled", "revoked", "invited", "viewer"):
        sign_up(site, name)
    invite(cast["admin"], cast.kept_community(), "invited@example.com", "admin")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'viewer@example.com'")
    turn_on(sign_up(site, "pending"))
    roles = {role for roles in (*REFUSED.values(), *LET_IN.values()) for role in roles}
    made = {role: Caller(site, role) for role in sorted({*roles, *WITHOUT_SESSION})}
    of = "email IN ('disabled@example.com', 'revoked@example.com', 'pending@example.com')"
    site.rows(f"UPDATE users SET is_admin = true WHERE {of}")
    site.rows("UPDATE users SET disabled_ms = 1 WHERE email = 'disabled@example.com'")
    site.rows(
        "UPDATE sessions SET revoked_ms = 1 WHERE user_id = (SELECT id FROM users WHERE email = 'revoked@example.com')"
    )
    return made


def endpoints(least: str) -> list[str]:
    return sorted({endpoint for endpoint, role in RULES.items() if role == least} - SOCKETS)


def is_sent_away(answer: Any, role: str) -> bool:
    if role not in (ANYBODY, *WITHOUT_SESSION):
        return answer.status_code == 403
    location = answer.headers.get("Location", "")
    return answer.status_code == 401 or (answer.status_code == 303 and location.startswith("/login"))


MAY_LEAVE = {("disabled", "api_auth.log_out"), ("revoked", "api_auth.log_out")}  # a logged out user may log out again


def test_every_route_has_a_permission_rule_and_every_rule_has_a_route(site):
    assert set(rules(site)) == set(RULES)


SAID_BY_BODY = {("admin", "api_shares.create_share")}
"""The permission depends on the body: a moderator may share their community, but not the site."""


def broken(site: Site, rule: Rule) -> bytes:
    """An unparsable body of the largest size that the route accepts."""
    return b"[" * body_sizes.body_sizes_of(site.app).largest_at(rule.rule.replace("<", "").replace(">", ""))


@pytest.mark.parametrize("least", REFUSED)
def test_a_caller_without_the_permission_is_refused_and_changes_no_row(site, cast, callers, least):
    """Permissions are checked first, even if the body cannot be parsed."""
    before, wrong = stored(site), {}
    for endpoint in endpoints(least):
        rule = rules(site)[endpoint]
        path = path_of(site, cast, rule, cast.kept_community())
        for role in {"disabled", *REFUSED[least]}:
            responses = [callers[role].call(site, rule, path, method_of(rule))]
            if endpoint.startswith("api_") and method_of(rule) in CHANGING and (role, endpoint) not in SAID_BY_BODY:
                responses.append(callers[role].call(site, rule, path, method_of(rule), broken(site, rule)))
            for response in responses:
                if not is_sent_away(response, role) and (role, endpoint) not in MAY_LEAVE:
                    wrong[role, endpoint] = response.status
    assert wrong == {}
    assert stored(site) == before


def invalid_credentials(site: Site, person: Person) -> dict[str, str]:
    """Invalid bearer tokens."""
    claims = jwt.decode(person.access, options={"verify_signature": False})
    return {
        "forged": jwt.encode(claims, "another secret of the same length as ours", "HS256"),
        "expired": jwt.encode({**claims, "exp": 1_765_860_000}, SECRET, "HS256"),
        "refresh": person.refresh,
        "mistyped": f"{KEY_PREFIX}0123456789",
    }


def test_invalid_credentials_are_refused_on_every_route_that_uses_credentials(site, cast):
    """This holds even where a community's numbers are public (specification: Public numbers)."""
    public, wrong = cast.kept_community(public_count=True), {}
    for endpoint, least in RULES.items():
        if not endpoint.startswith("api_") or least == ANYBODY or endpoint in ENDS_SESSIONS:
            continue
        rule = rules(site)[endpoint]
        for kind, token in invalid_credentials(site, cast["member"]).items():
            path, method = path_of(site, cast, rule, public), method_of(rule)
            request = {"json": BODIES.get(endpoint, {})} if method in CHANGING else {}
            response = bare(site).open(path, method=method, headers=bearer(token), **request)
            if response.status_code != 401:
                wrong[endpoint, kind] = response.status
    assert wrong == {}


ENDS_SESSIONS = (
    "api_auth.log_out",
    "pages_login.log_out",
    "api_auth.refresh",
    "api_auth.end_other_sessions",
    "pages_account.end_other_sessions",
)


NOT_LET_IN = (401, 403, 405, 500, 502)
"""Statuses of calls that were refused or failed. Calls that lack an object or a field get others."""


@pytest.mark.parametrize("least", LET_IN)
def test_a_caller_with_the_permission_is_admitted(site, cast, callers, least):
    wrong = {}
    for endpoint in endpoints(least):
        if endpoint in ENDS_SESSIONS:
            continue
        rule = rules(site)[endpoint]
        changes = method_of(rule) in CHANGING and "community_id" in rule.arguments
        for role in LET_IN[least]:
            path = path_of(site, cast, rule, cast.community() if changes else cast.kept_community())
            answer = callers[role].call(site, rule, path, method_of(rule))
            if is_sent_away(answer, ANYBODY) or answer.status_code in NOT_LET_IN:
                wrong[role, endpoint] = answer.status
    assert wrong == {}


class HeldBack(io.BytesIO):
    """A request body that arrives only after `do` has run."""

    def __init__(self, fields, do):
        super().__init__(urlencode(fields).encode())
        self._do = do

    def read(self, *size):
        self._do()
        return super().read(*size)

    def readinto(self, buffer):
        self._do()
        return super().readinto(buffer)


def test_a_permission_revoked_while_a_form_is_being_sent_is_not_used(site):
    reader: Reader = panel(site, "slow")
    before = last_line(site)
    lose = "UPDATE users SET is_admin = false WHERE email = 'slow@example.com'"
    body = HeldBack({"csrf_token": reader.csrf, "total": "5000", "reason": "Too late"}, lambda: site.rows(lose))
    kind = "application/x-www-form-urlencoded"
    request = {"input_stream": body, "content_length": len(body.getvalue()), "content_type": kind}
    answer = reader.client.post("/admin/receipt/total", headers=reader.headers, **request)
    assert (answer.status_code, last_line(site)) == (403, before)
