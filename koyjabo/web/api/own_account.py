"""/api/auth/me: read, change, export and delete your own account."""

from __future__ import annotations

from flask import Response, request

from koyjabo.web.api import bp
from koyjabo.web.api.account_requests import ProfileBody, UserAnswer
from koyjabo.web.api.auth import CSRF, TOKEN, WITH_BODY, empty
from koyjabo.web.api.community_responses import answer
from koyjabo.web.api.second_factor.totp import WRONG
from koyjabo.web.api.second_factor_requests import ProofBody
from koyjabo.web.operations.openapi import File, describe
from koyjabo.web.security import own_account, tokens


@bp.get("/auth/me")
@describe("Get your own account", {200: UserAnswer, **TOKEN})
def me() -> Response:
    """The account of the token."""
    return answer(UserAnswer.of(tokens.require().account))


@bp.patch("/auth/me")
@describe(
    "Change your name or email",
    {200: UserAnswer, 409: "an account with this email exists", **WITH_BODY, **TOKEN, **CSRF, **WRONG},
    body=ProfileBody,
)
def change_me() -> Response:
    """Takes the password. Another email has to be confirmed again."""
    login = tokens.require()
    return answer(UserAnswer.of(own_account.change(login, ProfileBody.of(request))))


@bp.get("/auth/me/export")
@describe(
    "Export all that is stored about you",
    {200: File("one JSON object: your account, and a list for each kind of data"), 429: "too many at once", **TOKEN},
)
def export_me() -> Response:
    """Sessions, memberships, invitations, second factors without their secrets, lines of the audit log, and the visits
    that were made with a login of yours."""
    return own_account.export(tokens.require())


@bp.delete("/auth/me")
@describe(
    "Delete your account",
    {
        204: None,
        409: "you are the last admin of the site, or of a community (details has names by id)",
        **WITH_BODY,
        **TOKEN,
        **CSRF,
        **WRONG,
    },
    body=ProofBody,
)
def delete_me() -> Response:
    """Takes the password and, while an authenticator app is on, a code. All sessions and sockets end at once. Visits
    stay counted, and nothing tells that they were yours. 503 `not_yet_forgotten`: repeat the call to continue."""
    login = tokens.require()
    own_account.delete(login, ProofBody.of(request))
    return tokens.without_cookies(empty())
