"""/api/auth/passkeys: list, make and remove passkeys."""

from __future__ import annotations

from flask import Response, request

from koyjabo.accounts.api.auth import WITH_BODY, WRONG, empty
from koyjabo.accounts.login import second_step
from koyjabo.accounts.login.second_factor_requests import CreationAnswer, PasskeyAnswer, PasskeyBody, ProofBody
from koyjabo.accounts.services import AccountServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer, list_answer
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import ListOf, describe
from koyjabo.webkit.openapi.refusals import CSRF, TOKEN


@bp.get("/auth/passkeys")
@describe("List your passkeys", {200: ListOf(PasskeyAnswer), **TOKEN})
def list_passkeys() -> Response:
    """The oldest first; at most 20."""
    return list_answer(map(PasskeyAnswer.of, current()[AccountServices].passkeys.all(tokens.require().account)), [])


@bp.post("/auth/passkeys/options")
@describe(
    "Begin to make a passkey",
    {200: CreationAnswer, 409: "your email is not confirmed", **WITH_BODY, **TOKEN, **CSRF, **WRONG},
    body=ProofBody,
)
def passkey_options() -> Response:
    """WebAuthn's options. Takes the password and, while an authenticator app is on, a code. On a server that sends
    mails, confirm your email before."""
    login = tokens.require()
    second_step.confirm(login, ProofBody.of(request))
    return answer(
        CreationAnswer(options=current()[AccountServices].passkeys.options(login, second_step.relying_party()))
    )


@bp.post("/auth/passkeys")
@describe(
    "Add a passkey",
    {
        201: PasskeyAnswer,
        409: "you have 20 passkeys, or your email is not confirmed",
        **WITH_BODY,
        **TOKEN,
        **CSRF,
        **WRONG,
    },
    body=PasskeyBody,
)
def add_passkey() -> Response:
    """Within 10 minutes after its options. The first second factor ends all other sessions."""
    login = tokens.require()
    body, site = PasskeyBody.of(request), second_step.relying_party()
    made = current()[AccountServices].passkeys.register(login, site, body.credential, body.name)
    return answer(PasskeyAnswer.of(*made), 201)


@bp.delete("/auth/passkeys/<string(minlength=8):passkey_id>")  # `options` is another call
@describe(
    "Remove a passkey",
    {204: None, 404: "you have no such passkey", **WITH_BODY, **TOKEN, **CSRF, **WRONG},
    body=ProofBody,
)
def remove_passkey(passkey_id: str) -> Response:
    """Takes the password and, while an authenticator app is on, a code. The last second factor is turned off as by
    DELETE /api/auth/totp."""
    login = tokens.require()
    second_step.confirm(login, ProofBody.of(request))
    current()[AccountServices].passkeys.remove(login, passkey_id)
    return empty()
