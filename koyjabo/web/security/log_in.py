"""Signs up, logs in and changes passwords, for the API and the forms of pages."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

from flask import request

from koyjabo.accounts import credential_rules
from koyjabo.accounts.accounts import Grant
from koyjabo.accounts.login_throttle import PASSWORD
from koyjabo.identity import Login
from koyjabo.web.api.account_requests import LoginBody, PasswordBody, SignupBody
from koyjabo.web.api.conversions import convert
from koyjabo.web.current import current
from koyjabo.web.security import rate_limits, tokens


def sign_up(body: SignupBody) -> Grant:
    """Create an account and log it in. Raises EmailTaken, TooManyRequests, TooBusy, LedgerUnavailable."""
    rate_limits.count_signup()
    tokens.record_request_place()
    grant = current().accounts.credentials.sign_up(body.email, body.password, body.name, request.user_agent.string)
    return _welcome(grant, credential_rules.email_key(body.email), body.visitorId)


def log_in(body: LoginBody) -> Grant:
    """Begin a session. Raises WrongCredentials, TooManyRequests, TooBusy, LedgerUnavailable."""
    key = credential_rules.email_key(body.email)
    rate_limits.count_login(key)
    tokens.record_request_place()
    accounts, failures = current().accounts.credentials, current().accounts.login_failures
    is_familiar = rate_limits.is_familiar(key, partial(accounts.password_mark, body.email))
    with nullcontext() if is_familiar else failures.attempt(key):  # others' guesses must not lock the owner out
        grant = accounts.log_in(body.email, body.password, request.user_agent.string)
    return _welcome(grant, key, body.visitorId)


def change_password(login: Login, body: PasswordBody) -> None:
    """Also ends all other sessions. Raises WrongCredentials, TooManyRequests, TooBusy, LedgerUnavailable."""
    key, failures = credential_rules.email_key(login.account.email), current().accounts.login_failures
    rate_limits.count_login(key)
    with failures.attempt(key, PASSWORD):  # also on a familiar browser, which may be stolen, with its session
        mark = current().accounts.credentials.change_password(login, body.current_password, body.new_password)
    rate_limits.remember_login(key, mark)


def _welcome(grant: Grant, email_key: str, visitor_id: str | None) -> Grant:
    rate_limits.remember_login(email_key, grant.password_mark)
    if visitor_id is not None:
        convert(grant.login.account.id, visitor_id)
    return grant
