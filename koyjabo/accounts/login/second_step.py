"""The second step of a login, and the proofs that a change of second factors needs, for the API and the forms of
pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Response, after_this_request, request

from koyjabo.accounts.grants import Grant, browser_mark_of
from koyjabo.accounts.login import log_in
from koyjabo.accounts.queries import Person
from koyjabo.accounts.second_factor.ceremonies import RelyingParty
from koyjabo.accounts.second_factor.remembered import REMEMBERED_S
from koyjabo.accounts.second_factor.second_step import Browser, Completed, Enrolled
from koyjabo.accounts.services import AccountServices
from koyjabo.core import credential_rules
from koyjabo.core.errors import WrongPasskey
from koyjabo.core.identity import Login
from koyjabo.network.services import NetworkServices
from koyjabo.webkit.current import current
from koyjabo.webkit.http import cookies
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.login import tokens

if TYPE_CHECKING:
    from koyjabo.accounts.login.second_factor_requests import ProofBody, SecondFactorBody

REMEMBERED_COOKIE = log_in.REMEMBERED_COOKIE


def complete(body: SecondFactorBody) -> Grant:
    """Raises WrongCode, WrongPasskey, SecondFactorExpired, TooManyRequests, LedgerUnavailable."""
    _begin()
    steps, browser = current()[AccountServices].second_step, _browser()
    if body.credential is not None:
        completed = steps.by_passkey(body.token, body.credential, relying_party(), browser)
    else:
        completed = steps.by_code(body.token, body.code or "", browser)
    if body.remember:
        _remember(completed.cookie)
    return _welcome(completed, body.visitorId)


def options(token: str | None) -> tuple[str, dict[str, Any]]:
    """The token, and WebAuthn's options. Raises SecondFactorExpired, TooManyRequests, LedgerUnavailable."""
    _begin()
    return current()[AccountServices].second_step.options(token, relying_party())


def enrolling(token: str) -> Person:
    """Whose second factor may be set up with this token. Raises SecondFactorExpired, TooManyRequests,
    LedgerUnavailable.
    """
    rate_limits.count_second_step()
    return current()[AccountServices].second_step.enrolling(token)


def enrol(token: str, code: str) -> Enrolled:
    """Raises WrongCode, NoSecondFactor, SecondFactorExpired, TooManyRequests, LedgerUnavailable."""
    _begin()
    enrolled = current()[AccountServices].second_step.enrol(token, code, _browser())
    _welcome(enrolled.completed, None)
    return enrolled


def enrolment_token() -> str | None:
    """The request's bearer token if it is not one of a session: those are JSON Web Tokens, which have points."""
    header = request.authorization
    token = header.token if header is not None and header.type == "bearer" else None
    return token if token and "." not in token else None


def confirm(login: Login, body: ProofBody) -> None:
    """The password and, while an authenticator app is on, a code. Raises InvalidInput, WrongCredentials, WrongCode,
    TooManyRequests, TooBusy, LedgerUnavailable.
    """
    log_in.confirm_password(login, body.required_password())
    current()[AccountServices].second_factors.require_code(login, body.code)


def relying_party() -> RelyingParty:
    """PUBLIC_URL, or else the host of the request. Raises WrongPasskey for a host that is none."""
    origin = current()[NetworkServices].origins.site(request)
    host = urlsplit(origin or "").hostname
    if origin is None or host is None:
        raise WrongPasskey
    return RelyingParty(host, origin)


def _browser() -> Browser:
    return Browser(request.user_agent.string, _is_familiar)


def _is_familiar(person: Person) -> bool:
    return rate_limits.is_familiar(credential_rules.email_key(person.email), lambda: browser_mark_of(person))


def _begin() -> None:
    rate_limits.count_second_step()
    tokens.record_request_place()


def _welcome(completed: Completed, visitor_id: str | None) -> Grant:
    return log_in.welcome(completed.grant, completed.visitor_id or visitor_id)


def _remember(value: str) -> None:
    @after_this_request
    def remember(response: Response) -> Response:
        cookies.put(response, REMEMBERED_COOKIE, value, REMEMBERED_S)
        return response
