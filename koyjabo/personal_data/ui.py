"""Changes, exports and deletes the account of the current request, for the API and the forms of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from koyjabo.accounts.login import log_in, second_step
from koyjabo.accounts.login.requests import ProfileBody
from koyjabo.accounts.services import AccountServices
from koyjabo.core import credential_rules
from koyjabo.core.errors import InvalidToken
from koyjabo.core.identity import Account, Login
from koyjabo.personal_data.services import PersonalDataServices
from koyjabo.webkit.current import current
from koyjabo.webkit.http.downloads import download
from koyjabo.webkit.http.responses import JSON
from koyjabo.webkit.limits import rate_limits

if TYPE_CHECKING:
    from koyjabo.accounts.login.second_factor_requests import ProofBody


def change(login: Login, body: ProfileBody) -> Account:
    """Takes the password and, for another email while an authenticator app is on, a code: a new password that is mailed
    there may remove the app. This browser stays familiar with another email. Raises WrongCredentials, WrongCode,
    EmailTaken, TooManyRequests, TooBusy, LedgerUnavailable.
    """
    person = log_in.confirm_password(login, body.password)
    if credential_rules.email_key(body.email or person.email) != credential_rules.email_key(person.email):
        current()[AccountServices].second_factors.require_code(login, body.code)
    account = current()[AccountServices].profile.change(person, body.name, body.email)
    if account.email != person.email:
        mark = current()[AccountServices].credentials.browser_mark(account.email)
        rate_limits.remember_login(credential_rules.email_key(account.email), mark)
    return account


def export(login: Login) -> Response:
    """All that is stored about the account, as a file. Raises TooManyRequests, LedgerUnavailable."""
    rate_limits.count_report(login.account.id)
    credentials, session_id = current()[AccountServices].credentials, login.session_id

    def require() -> None:
        if credentials.login_of(session_id) is None:
            raise InvalidToken

    pieces = current()[PersonalDataServices].export.pieces(login.account)
    response = download(pieces, f"koyjabo-account-{current().clock.today()}.json", JSON, require)
    response.headers["Cache-Control"] = "no-store"
    return response


def delete(login: Login, body: ProofBody) -> None:
    """Takes the password and, while an authenticator app is on, a code. Raises InvalidInput, WrongCredentials,
    WrongCode, LastAdmin, NotYetForgotten, TooManyRequests, TooBusy, LedgerUnavailable.
    """
    second_step.confirm(login, body)
    current()[PersonalDataServices].deletion.delete(login.account)
