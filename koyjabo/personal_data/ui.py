"""Exports and deletes the account of the current request, for the API and the forms of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response

from koyjabo.accounts.login import authentication
from koyjabo.accounts.services import AccountServices
from koyjabo.core.errors import InvalidToken
from koyjabo.core.identity import Login
from koyjabo.personal_data.services import PersonalDataServices
from koyjabo.webkit.current import current
from koyjabo.webkit.http.downloads import download
from koyjabo.webkit.http.responses import JSON
from koyjabo.webkit.limits import rate_limits

if TYPE_CHECKING:
    from koyjabo.accounts.login.schemas import ProofBody


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
    authentication.confirm(login, body)
    current()[PersonalDataServices].deletion.delete(login.account)
