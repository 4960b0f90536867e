"""DELETE /api/auth/me."""

from flask import Response, request

from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.schemas import ProofBody
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.login import tokens
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.refusals import CSRF_REFUSALS, PASSWORD_REFUSALS, TOKEN_REFUSALS, WRONG_PASSWORD_REFUSALS
from .personal_data import PersonalData

bp = api_blueprint("personal_data")


@bp.delete("/auth/me")
@describe(
    "Delete your account",
    {
        204: None,
        409: "you are the last admin of the site, or of a community (details maps ids to names)",
        **PASSWORD_REFUSALS,
        **TOKEN_REFUSALS,
        **CSRF_REFUSALS,
        **WRONG_PASSWORD_REFUSALS,
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
