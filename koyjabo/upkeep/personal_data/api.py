"""/api/auth/me: export everything stored about an account, and delete the account."""

from flask import Response, request

from koyjabo.base.core.errors import InvalidToken
from koyjabo.base.core.identity import Login
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.schemas import ProofBody
from koyjabo.people.accounts.services import AccountServices
from koyjabo.web.current import api as bp, current
from koyjabo.web.http.responses import JSON, download
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import CSRF, TOKEN, WITH_PASSWORD, WRONG_PASSWORD, File, describe
from .personal_data import PersonalData


@bp.get("/auth/me/export")
@describe(
    "Export everything stored about you",
    {200: File("one JSON object: your account, and a list for each kind of data"), 429: "too many at once", **TOKEN},
)
def export_me() -> Response:
    """Export your data: sessions, memberships, invitations, two-step login without its secrets, audit log entries, and
    visits you made while logged in.
    """
    return export(tokens.require_account())


@bp.delete("/auth/me")
@describe(
    "Delete your account",
    {
        204: None,
        409: "you are the last admin of the site, or of a community (details maps ids to names)",
        **WITH_PASSWORD,
        **TOKEN,
        **CSRF,
        **WRONG_PASSWORD,
    },
    body=ProofBody,
)
def delete_me() -> Response:
    """Delete your account. Requires the password and, if an authenticator app is on, a code. All sessions and sockets
    end at once. Your visits stay counted, but nothing shows that they were yours. After 503 `not_yet_forgotten`, repeat
    the call to continue.
    """
    login = tokens.require_account()
    authentication.confirm(login, ProofBody.of(request))
    current()[PersonalData].delete(login.account)
    return tokens.without_cookies(Response(status=204, headers={"Cache-Control": "no-store"}))


def export(login: Login) -> Response:
    """Everything stored about the account, as a file. Raises TooManyRequests, LedgerUnavailable."""
    limits.count_report(login.account.id)
    credentials, session_id = current()[AccountServices].credentials, login.session_id

    def require() -> None:
        if credentials.login_of(session_id) is None:
            raise InvalidToken

    pieces = current()[PersonalData].export(login.account)
    response = download(pieces, f"koyjabo-account-{current().clock.today()}.json", JSON, require)
    response.headers["Cache-Control"] = "no-store"
    return response
