"""/api/auth/second-factor: the second step of a login, and logins with a passkey alone."""

from __future__ import annotations

from flask import Response, request

from koyjabo.accounts.api.auth import WITH_BODY, tokens_answer
from koyjabo.accounts.login import second_step
from koyjabo.accounts.login.requests import TokensAnswer
from koyjabo.accounts.login.second_factor_requests import (
    REQUIRED,
    OptionsAnswer,
    OptionsBody,
    SecondFactorBody,
    StateAnswer,
)
from koyjabo.accounts.services import AccountServices
from koyjabo.core.errors import InvalidInput
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import describe
from koyjabo.webkit.openapi.refusals import TOKEN

EXPIRED = "the code or the passkey is wrong, or the step is over"


@bp.post("/auth/second-factor")
@describe(
    "Make the second step of a login",
    {200: TokensAnswer, 401: EXPIRED, **WITH_BODY},
    body=SecondFactorBody,
    secured=False,
)
def second_factor() -> Response:
    """Answers what the login would have answered without a second factor. Each code is good for 30 s and one step of
    30 s either side, once."""
    body = SecondFactorBody.of(request)
    if body.code is None and body.credential is None:
        raise InvalidInput(details={"code": REQUIRED})
    return tokens_answer(second_step.complete(body), 200)


@bp.post("/auth/second-factor/options")
@describe(
    "Ask for a passkey",
    {200: OptionsAnswer, 401: EXPIRED, **WITH_BODY},
    body=OptionsBody,
    secured=False,
)
def second_factor_options() -> Response:
    """WebAuthn's options, for the second step of a login or, without a token, for a login with a passkey alone. Send
    the token back with the credential to POST /api/auth/second-factor."""
    token, options = second_step.options(OptionsBody.of(request).token)
    return answer(OptionsAnswer(token=token, options=options))


@bp.get("/auth/second-factor")
@describe("Get the state of your second factors", {200: StateAnswer, **TOKEN})
def second_factor_state() -> Response:
    """Which second factors you have."""
    account, accounts = tokens.require().account, current()[AccountServices]
    state, passkeys = accounts.second_factors.state(account), accounts.passkeys.all(account)
    has_totp = state.totp_ms is not None
    return answer(StateAnswer(totp=has_totp, passkeys=len(passkeys), recovery_codes=state.recovery_codes))
