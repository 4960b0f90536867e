"""DELETE /api/auth/me."""

from flask import Response

from koyjabo.base.core.identity import Login
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.schemas import ProofBody
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.current import current
from koyjabo.web.http.responses import no_content
from koyjabo.web.login import tokens
from koyjabo.web.openapi.call import BY_LOGIN_WITH_PASSWORD, call
from .personal_data import PersonalData

bp = api_blueprint("personal_data")


@bp.delete("/auth/me")
@call(
    "Delete your account",
    BY_LOGIN_WITH_PASSWORD,
    {204: None, 409: "you are the last admin of the site, or of a community (details maps ids to names)"},
)
def delete_me(login: Login, body: ProofBody) -> Response:
    """Delete your account. Requires the password and, if an authenticator app is on, a code. All sessions and sockets
    end at once. Your visits stay counted, but nothing shows that they were yours. After 503 `not_yet_forgotten`, repeat
    the call to continue.
    """
    authentication.confirm(login, body)
    current()[PersonalData].delete(login.account)
    return tokens.without_cookies(no_content())
