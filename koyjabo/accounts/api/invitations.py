"""POST /api/invitations: invite a person to the panel. Invitations of all kinds are accepted and declined in
`communities.api`.
"""

from __future__ import annotations

from flask import Response, request

from koyjabo.accounts.login import authentication
from koyjabo.accounts.login.invitations import InvitedResponse, PanelInvitationBody
from koyjabo.accounts.services import AccountServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import json_response
from koyjabo.webkit.i18n import language
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import LOGGED_IN, WITH_PASSWORD, WRONG_PASSWORD, describe


@bp.post("/invitations")
@describe(
    "Invite a person to the panel",
    {
        202: InvitedResponse,
        **WITH_PASSWORD,
        **LOGGED_IN,
        **WRONG_PASSWORD,
        403: "not a site admin, or X-CSRF-TOKEN is wrong",
    },
    body=PanelInvitationBody,
)
def invite_to_panel() -> Response:
    """Only site admins can do this. It requires their own password and, while an authenticator app is on, a code. The
    response is the same for every email address. The person gets the role when they accept, through the emailed link
    or their list of invitations. The link is valid for a week and can be used once. Inviting the same address again
    revokes the earlier link.
    """
    login = tokens.require_account()
    account = login.account
    account.require_site_admin()
    body = PanelInvitationBody.of(request)
    authentication.confirm(login, body)
    limits.count_action(account.id)
    made = current()[AccountServices].panel_invitations.invite(account, body.email, body.role, language())
    return json_response(InvitedResponse.of(made), 202)
