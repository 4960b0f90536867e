"""Signs up, logs in and changes passwords, for the API and the forms of pages."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from flask import request

from koyjabo.accounts import credential_rules
from koyjabo.accounts.accounts import Grant
from koyjabo.accounts.login_throttle import FAMILIAR, LOGIN, PASSWORD, Attempt
from koyjabo.errors import TooManyRequests
from koyjabo.identity import Login
from koyjabo.web.api.account_requests import LoginBody, PasswordBody, SignupBody
from koyjabo.web.api.conversions import convert
from koyjabo.web.current import current
from koyjabo.web.security import rate_limits, tokens
from koyjabo.web.ui.languages import language


def sign_up(body: SignupBody) -> Grant:
    """Create an account and log it in. Raises EmailTaken, TooManyRequests, TooBusy, LedgerUnavailable."""
    rate_limits.count_signup()
    tokens.record_request_place()
    user_agent, client = request.user_agent.string, rate_limits.client()
    origin = user_agent, client, language()
    grant = current().accounts.credentials.sign_up(body.email, body.password, body.name, *origin)
    return _welcome(grant, credential_rules.email_key(body.email), body.visitorId)


def log_in(body: LoginBody) -> Grant:
    """Begin a session. Raises WrongCredentials, TooManyRequests, TooBusy, LedgerUnavailable."""
    key = credential_rules.email_key(body.email)
    tokens.record_request_place()
    attempt = _familiar_attempt(key, body.email)
    if attempt is not None:
        return _log_in(attempt, key, body)
    with rate_limits.counted_login(key, current().accounts.login_failures.unlocked_ms):
        return _log_in(_attempt(key, LOGIN), key, body)


def change_password(login: Login, body: PasswordBody) -> None:
    """Also ends all other sessions. Raises WrongCredentials, TooManyRequests, TooBusy, LedgerUnavailable."""
    key, accounts = credential_rules.email_key(login.account.email), current().accounts
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
    browser_mark = partial(current().accounts.credentials.browser_mark, email)
    if not rate_limits.is_familiar(key, browser_mark) or not rate_limits.count_familiar(key):
        return None
    with suppress(TooManyRequests):
        return _attempt(key, FAMILIAR)
    return None


def _attempt(key: str, purpose: str) -> Attempt:
    """Raises TooManyRequests, TooBusy, LedgerUnavailable."""
    accounts, client = current().accounts, rate_limits.client(is_familiar=purpose != LOGIN)
    accounts.credentials.require_room(client)  # first, since it costs nothing
    return accounts.login_failures.begin(key, client.address, purpose)


def _log_in(attempt: Attempt, key: str, body: LoginBody) -> Grant:
    accounts, client = current().accounts, rate_limits.client(attempt.purpose == FAMILIAR)
    with attempt:
        grant = accounts.credentials.log_in(body.email, body.password, request.user_agent.string, client)
    return _welcome(grant, key, body.visitorId)


def _welcome(grant: Grant, email_key: str, visitor_id: str | None) -> Grant:
    rate_limits.remember_login(email_key, grant.browser_mark)
    if visitor_id is not None:
        convert(grant.login.account.id, visitor_id)
    return grant
