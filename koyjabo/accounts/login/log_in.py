"""Signs up, logs in and changes passwords, for the API and the forms of pages."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from flask import request

from koyjabo.accounts.grants import Grant
from koyjabo.accounts.login.requests import LoginBody, PasswordBody, SignupBody
from koyjabo.accounts.login_throttle import FAMILIAR, LOGIN, PASSWORD, Attempt
from koyjabo.accounts.queries import Person
from koyjabo.accounts.second_factor.pending import SecondFactorDue
from koyjabo.accounts.services import AccountServices
from koyjabo.core import credential_rules
from koyjabo.core.errors import TooManyRequests
from koyjabo.core.identity import Login
from koyjabo.network.services import NetworkServices
from koyjabo.webkit.current import current
from koyjabo.webkit.http import cookies
from koyjabo.webkit.i18n import language
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.login import tokens

REMEMBERED_COOKIE = "remembered_browser"
"""Proves a second step in this browser within the last 30 days."""


def sign_up(body: SignupBody) -> Grant | SecondFactorDue:
    """Create an account and log it in. Raises EmailTaken, TooManyRequests, TooBusy, LedgerUnavailable."""
    rate_limits.count_signup()
    tokens.record_request_place()
    accounts, client = current()[AccountServices].credentials, rate_limits.client()
    origin = request.user_agent.string, client, body.visitorId, language()
    found = accounts.sign_up(body.email, body.password, body.name, *origin)
    return welcome(found, body.visitorId) if isinstance(found, Grant) else found


def log_in(body: LoginBody) -> Grant | SecondFactorDue:
    """Begin a session if no second step is due. Raises WrongCredentials, TooManyRequests, TooBusy,
    LedgerUnavailable.
    """
    key = credential_rules.email_key(body.email)
    tokens.record_request_place()
    attempt = _familiar_attempt(key, body.email)
    if attempt is not None:
        return _log_in(attempt, key, body)
    with rate_limits.counted_login(key, current()[AccountServices].login_failures.unlocked_ms):
        return _log_in(_attempt(key, LOGIN), key, body)


def change_password(login: Login, body: PasswordBody) -> None:
    """Also ends all other sessions. Raises WrongCredentials, TooManyRequests, TooBusy, LedgerUnavailable."""
    key, accounts = credential_rules.email_key(login.account.email), current()[AccountServices]
    client = rate_limits.client(is_familiar=True)
    with (
        rate_limits.counted_login(key, accounts.login_failures.unlocked_ms),
        _attempt(key, PASSWORD),  # also on a familiar browser, which may be stolen, with its session
    ):
        mark = accounts.credentials.change_password(login, body.current_password, body.new_password, client)
    rate_limits.remember_login(key, mark)


def _familiar_attempt(key: str, email: str) -> Attempt | None:
    """An attempt from a familiar browser, which others' attempts do not limit, not even those from its address. None
    if the browser is not familiar, or has used up what it is allowed: then it is treated like a new one.
    """
    browser_mark = partial(current()[AccountServices].credentials.browser_mark, email)
    if not rate_limits.is_familiar(key, browser_mark) or not rate_limits.count_familiar(key):
        return None
    with suppress(TooManyRequests):
        return _attempt(key, FAMILIAR)
    return None


def _attempt(key: str, purpose: str) -> Attempt:
    """Raises TooManyRequests, TooBusy, LedgerUnavailable."""
    accounts, client = current()[AccountServices], rate_limits.client(is_familiar=purpose != LOGIN)
    accounts.credentials.require_room(client)  # first, since it costs nothing
    return accounts.login_failures.begin(key, rate_limits.guess_key(), purpose)


def _log_in(attempt: Attempt, key: str, body: LoginBody) -> Grant | SecondFactorDue:
    accounts, client = current()[AccountServices], rate_limits.client(attempt.purpose == FAMILIAR)
    user_agent, cookie = request.user_agent.string, _remembered_cookie()
    with attempt:
        found = accounts.credentials.log_in(body.email, body.password, user_agent, client, cookie, body.visitorId)
    return welcome(found, body.visitorId) if isinstance(found, Grant) else found


def confirm_password(login: Login, password: str) -> Person:
    """Before a change that a stolen session must not make. Raises as `change_password` does."""
    key, accounts = credential_rules.email_key(login.account.email), current()[AccountServices]
    with rate_limits.counted_login(key, accounts.login_failures.unlocked_ms), _attempt(key, PASSWORD):
        return accounts.credentials.verify_password(login, password, rate_limits.client(is_familiar=True))


def welcome(grant: Grant, visitor_id: str | None) -> Grant:
    """After the last step of a login."""
    rate_limits.remember_login(credential_rules.email_key(grant.login.account.email), grant.browser_mark)
    if visitor_id is not None:
        account_id = grant.login.account.id
        current().signals.visitor_identified.send(account_id, visitor_id=visitor_id, environ=request.environ)
    return grant


def _remembered_cookie() -> str:
    return cookies.get(REMEMBERED_COOKIE) if current()[NetworkServices].origins.trusts(request) else ""
