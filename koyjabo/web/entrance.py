"""Logging in, signing up and another password, whichever way it is asked for: by the API or by the forms of pages."""

from __future__ import annotations

from flask import request

from koyjabo import credentials
from koyjabo.accounts import Grant, Login
from koyjabo.web import auth, rate_limits
from koyjabo.web.api.account_bodies import LoginBody, PasswordBody, SignupBody
from koyjabo.web.api.conversions import convert
from koyjabo.web.current import current


def sign_up(body: SignupBody) -> Grant:
    """Make an account and log it in. Raises EmailTaken, TooManyRequests, TooBusy, LedgerUnavailable."""
    rate_limits.count_signup()
    auth.note_whence()
    grant = current().accounts.sign_up(body.email, body.password, body.name, request.user_agent.string)
    return _welcome(grant, credentials.email_key(body.email), body.visitorId)


def log_in(body: LoginBody) -> Grant:
    """Begin a session. Raises WrongCredentials, TooManyRequests, TooBusy, LedgerUnavailable."""
    key = credentials.email_key(body.email)
    rate_limits.count_login(key)
    auth.note_whence()
    is_familiar, failures = rate_limits.is_familiar(key), current().login_failures
    if not is_familiar:  # others who are guessing do not count against the owner
        failures.count(key)
    grant = current().accounts.log_in(body.email, body.password, request.user_agent.string)
    if not is_familiar:
        failures.forgive(key)
    return _welcome(grant, key, body.visitorId)


def change_password(login: Login, body: PasswordBody) -> None:
    """All other sessions end. Raises WrongCredentials, TooManyRequests, TooBusy, LedgerUnavailable."""
    rate_limits.count_login(credentials.email_key(login.account.email))
    current().accounts.change_password(login, body.current_password, body.new_password)


def _welcome(grant: Grant, email_key: str, visitor_id: str | None) -> Grant:
    rate_limits.remember_login(email_key)
    if visitor_id is not None:
        convert(grant.login.account.id, visitor_id)
    return grant
