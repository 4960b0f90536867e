"""Every route there is, for everybody there is: who is let in, and that who is not changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from support.account_calls import bare, bearer, log_in, sign_up
from support.app_fixtures import Site
from support.community_calls import Cast, invite
from support.forms import answer
from support.page_calls import Reader
from support.permissions import ANYBODY, ASKS, BODIES, FORMS, ROLES, RULES, SOCKETS, may
from support.routes import CHANGING, method_of, path_of, rules, stored
from support.second_factor import first_step, turn_on
from werkzeug.routing import Rule

PARTS = {"user": "outsider", "member": "member", "moderator": "moderator", "admin": "admin", "site_admin": "site_admin"}
"""Of the cast, by role."""


class Caller:
    """Somebody in a role, who calls the API with a token and pages with cookies."""

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
        """The token of the second step, wherever a token of a session is good."""
        token = first_step(site, "pending").token
        self.headers = bearer(token)
        for cookie in ("access_token_cookie", "refresh_token_cookie"):
            self.reader.client.set_cookie(cookie, token)

    def call(self, site: Site, rule: Rule, path: str, method: str) -> Any:
        """A question is confirmed."""
        if rule.endpoint.startswith(("pages.", "admin.")):
            fields = {"csrf_token": self.reader.csrf, **FORMS.get(rule.endpoint, {})}
            done = self._open(path, method, fields)
            is_asked = rule.endpoint in ASKS and done.status_code == 200
            return self._open(path, method, answer(done.text).fields) if is_asked else done
        said = {"json": BODIES.get(rule.endpoint, {})} if method in CHANGING else {}
        return bare(site).open(path, method=method, headers=self.headers, **said)

    def _open(self, path: str, method: str, fields: dict[str, Any]) -> Any:
        said = {"data": fields} if method in CHANGING else {}
        return self.reader.client.open(path, method=method, headers=self.reader.headers, **said)


@pytest.fixture(scope="module")
def callers(site: Site, cast: Cast) -> dict[str, Caller]:
    """One in each role; those without a session that lives have lost it."""
    site.register("ayesha")
    for name in ("disabled", "revoked", "invited", "viewer"):
        sign_up(site, name)
    invite(cast["admin"], cast.kept_community(), "invited@example.com", "admin")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'viewer@example.com'")
    turn_on(sign_up(site, "pending"))
    made = {role: Caller(site, role) for role in ROLES}
    site.rows("UPDATE users SET disabled_ms = 1 WHERE email = 'disabled@example.com'")
    site.rows(
        "UPDATE sessions SET revoked_ms = 1 WHERE user_id = (SELECT id FROM users WHERE email = 'revoked@example.com')"
    )
    return made


def is_refused(answer: Any) -> bool:
    """Who asks is sent away, whatever for: not merely told that what they sent is wrong or not there."""
    leads_to_login = answer.status_code == 303 and answer.headers["Location"].startswith("/login")
    said = answer.json if answer.is_json else None
    code = said.get("code") if isinstance(said, dict) else None
    return leads_to_login or answer.status_code in (401, 403) or code in ("unknown_community", "unknown_user")


NO_MEMBER = {("site_admin", "api.leave_community"), ("site_admin", "pages.leave_community")}
"""They may do everything here, but belong to nothing that they could leave."""

NO_ERROR = {("disabled", "api.log_out"), ("revoked", "api.log_out")}
"""Whoever has left already may leave."""


def test_every_route_has_a_rule_and_every_rule_a_route(site):
    assert set(rules(site)) == set(RULES)


@pytest.mark.parametrize("endpoint", sorted(set(RULES) - SOCKETS))
def test_who_may_not_is_sent_away_and_changes_nothing(site, cast, callers, endpoint):
    rule = rules(site)[endpoint]
    path, method, before = path_of(site, cast, rule, cast.kept_community()), method_of(rule), stored(site)
    for role in ROLES:
        if not may(role, endpoint) and (role, endpoint) not in NO_ERROR:
            answer = callers[role].call(site, rule, path, method)
            assert is_refused(answer), f"{method} {path} as {role}: {answer.status}"
            lives = ROLES.index(role) >= ROLES.index("user")
            expected = {403} if lives else {401, 303}
            assert answer.status_code in expected, f"{method} {path} as {role}: {answer.status}"
    assert stored(site) == before


ENDS_SESSIONS = {"api.log_out", "pages.log_out", "api.refresh", "api.end_other_sessions", "pages.end_other_sessions"}


@pytest.mark.parametrize("endpoint", sorted(ENDS_SESSIONS))
def test_everybody_ends_their_own_sessions(site, callers, endpoint):
    name = endpoint.replace("_", "-")
    person = sign_up(site, name)
    caller = Caller(site, name)
    if endpoint == "api.refresh":
        caller.headers = bearer(person.refresh)
    rule = rules(site)[endpoint]
    answer = caller.call(site, rule, rule.rule, method_of(rule))
    assert not is_refused(answer), answer.text
    assert answer.status_code < 400


@pytest.mark.parametrize("endpoint", sorted(set(RULES) - SOCKETS - ENDS_SESSIONS))
def test_who_may_is_let_in(site, cast, callers, endpoint):
    rule = rules(site)[endpoint]
    for role in ROLES:
        if may(role, endpoint) and (role, endpoint) not in NO_MEMBER:
            community = cast.community() if method_of(rule) in CHANGING and "community_id" in rule.arguments else ""
            path = path_of(site, cast, rule, community or cast.kept_community())
            answer = callers[role].call(site, rule, path, method_of(rule))
            assert not is_refused(answer), f"{rule} as {role}: {answer.status} {answer.text[:200]}"
            assert answer.status_code < 500 or answer.status_code == 501  # this site sends no mails
