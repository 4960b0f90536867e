"""/api/auth/me: export all that is stored about an account, and delete it."""

from __future__ import annotations

from flask import Response, request

from koyjabo.accounts.login.schemas import ProofBody
from koyjabo.personal_data import ui
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CSRF, TOKEN, WITH_PASSWORD, WRONG_PASSWORD, File, describe


@bp.get("/auth/me/export")
@describe(
    "Export all that is stored about you",
    {200: File("one JSON object: your account, and a list for each kind of data"), 429: "too many at once", **TOKEN},
)
def export_me() -> Response:
    """Sessions, memberships, invitations, second factors without their secrets, lines of the audit log, and the visits
    that were made with a login of yours."""
    return ui.export(tokens.require())


@bp.delete("/auth/me")
@describe(
    "Delete your account",
    {
        204: None,
        409: "you are the last admin of the site, or of a community (details has names by id)",
        **WITH_PASSWORD,
        **TOKEN,
        **CSRF,
        **WRONG_PASSWORD,
    },
    body=ProofBody,
)
def delete_me() -> Response:
    """Takes the password and, while an authenticator app is on, a code. All sessions and sockets end at once. Visits
    stay counted, and nothing tells that they were yours. 503 `not_yet_forgotten`: repeat the call to continue."""
    login = tokens.require()
    ui.delete(login, ProofBody.of(request))
    return tokens.without_cookies(Response(status=204, headers={"Cache-Control": "no-store"}))
