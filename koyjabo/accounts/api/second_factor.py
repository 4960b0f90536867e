"""/api/auth/second-factor, totp, recovery-codes and passkeys: the second step of a login, logins with a passkey alone,
and second factors of one's own.
"""

from __future__ import annotations

from flask import Response, request

from koyjabo.accounts.api.auth import empty, enrolled_answer, tokens_answer
from koyjabo.accounts.login import authentication
from koyjabo.accounts.login.schemas import (
    REQUIRED,
    CodeBody,
    CreationAnswer,
    EnrolledAnswer,
    OptionsAnswer,
    OptionsBody,
    PasskeyAnswer,
    PasskeyBody,
    ProofBody,
    RecoveryCodesAnswer,
    SecondFactorBody,
    StateAnswer,
    TokensAnswer,
    TotpAnswer,
)
from koyjabo.accounts.second_factor.services import SecondFactorServices
from koyjabo.core.errors import InvalidInput
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer, list_answer
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import CSRF, TOKEN, WITH_PASSWORD, WRONG_PASSWORD, ListOf, OneOf, describe

EXPIRED = "the code or the passkey is wrong, or the step is over"


@bp.post("/auth/second-factor")
@describe(
    "Make the second step of a login",
    {200: TokensAnswer, 401: EXPIRED, **WITH_PASSWORD},
    body=SecondFactorBody,
    secured=False,
)
def second_factor() -> Response:
    """Answers what the login would have answered without a second factor. Each code is good for 30 s and one step of
    30 s either side, once."""
    body = SecondFactorBody.of(request)
    if body.code is None and body.credential is None:
        raise InvalidInput(details={"code": REQUIRED})
    return tokens_answer(authentication.complete_login(body), 200)


@bp.post("/auth/second-factor/options")
@describe(
    "Ask for a passkey",
    {200: OptionsAnswer, 401: EXPIRED, **WITH_PASSWORD},
    body=OptionsBody,
    secured=False,
)
def second_factor_options() -> Response:
    """WebAuthn's options, for the second step of a login or, without a token, for a login with a passkey alone. Send
    the token back with the credential to POST /api/auth/second-factor."""
    token, options = authentication.passkey_options(OptionsBody.of(request).token)
    return answer(OptionsAnswer(token=token, options=options))


@bp.get("/auth/second-factor")
@describe("Get the state of your second factors", {200: StateAnswer, **TOKEN})
def second_factor_state() -> Response:
    """Which second factors you have."""
    account, factors = tokens.require_account().account, current()[SecondFactorServices]
    state, passkeys = factors.second_factors.state(account), factors.passkeys.all(account)
    has_totp = state.totp_ms is not None
    return answer(StateAnswer(totp=has_totp, passkeys=len(passkeys), recovery_codes=state.recovery_codes))


NONE_THERE = "there is nothing to confirm or to turn off"


@bp.post("/auth/totp")
@describe(
    "Begin to set up an authenticator app",
    {200: TotpAnswer, 409: "one is set up already", **WITH_PASSWORD, **TOKEN, **CSRF, **WRONG_PASSWORD},
    body=ProofBody,
)
def begin_totp() -> Response:
    """The secret counts when it is confirmed. Takes the password or, as bearer, the token of a login that has to
    enrol."""
    token = authentication.enrolment_token()
    if token is not None:
        person = authentication.enrolling(token)
        setup = current()[SecondFactorServices].second_factors.begin_totp(person.id, person.email)
    else:
        login = tokens.require_account()
        authentication.confirm_password(login, ProofBody.of(request).required_password())
        setup = current()[SecondFactorServices].second_factors.begin_totp(login.account.id, login.account.email)
    return answer(TotpAnswer(**setup._asdict()))


@bp.post("/auth/totp/confirm")
@describe(
    "Turn an authenticator app on",
    {
        200: OneOf(RecoveryCodesAnswer, EnrolledAnswer),
        409: NONE_THERE,
        **WITH_PASSWORD,
        **TOKEN,
        **CSRF,
        **WRONG_PASSWORD,
    },
    body=CodeBody,
)
def confirm_totp() -> Response:
    """Takes the first code of the app, and ends all other sessions. With the token of a login that had to enrol, the
    answer is also that of the login."""
    token = authentication.enrolment_token()
    if token is not None:
        # Before the body is read: an invalid token gets no hints.
        current()[SecondFactorServices].second_step.enrolling(token)
        enrolled = authentication.enrol(token, CodeBody.of(request).code)
        return enrolled_answer(enrolled.completed.grant, enrolled.recovery_codes)
    login = tokens.require_account()
    codes = current()[SecondFactorServices].second_factors.confirm_totp(login, CodeBody.of(request).code)
    return answer(RecoveryCodesAnswer(recovery_codes=codes))


@bp.delete("/auth/totp")
@describe(
    "Turn the authenticator app off",
    {204: None, 409: NONE_THERE, **WITH_PASSWORD, **TOKEN, **CSRF, **WRONG_PASSWORD},
    body=ProofBody,
)
def remove_totp() -> Response:
    """Takes the password and a code. If it was your last second factor, your recovery codes end as well; and if this
    site demands a second factor, so do all sessions."""
    login = tokens.require_account()
    authentication.confirm(login, ProofBody.of(request))
    current()[SecondFactorServices].second_factors.remove_totp(login)
    return empty()


@bp.post("/auth/recovery-codes")
@describe(
    "Renew your recovery codes",
    {200: RecoveryCodesAnswer, 409: "you have no second factor", **WITH_PASSWORD, **TOKEN, **CSRF, **WRONG_PASSWORD},
    body=ProofBody,
)
def renew_recovery_codes() -> Response:
    """Ten new codes in place of all others. Takes the password and, while an authenticator app is on, a code."""
    login = tokens.require_account()
    authentication.confirm(login, ProofBody.of(request))
    return answer(
        RecoveryCodesAnswer(recovery_codes=current()[SecondFactorServices].second_factors.renew_recovery_codes(login))
    )


@bp.get("/auth/passkeys")
@describe("List your passkeys", {200: ListOf(PasskeyAnswer), **TOKEN})
def list_passkeys() -> Response:
    """The oldest first; at most 20."""
    return list_answer(
        map(PasskeyAnswer.of, current()[SecondFactorServices].passkeys.all(tokens.require_account().account)), []
    )


@bp.post("/auth/passkeys/options")
@describe(
    "Begin to make a passkey",
    {200: CreationAnswer, 409: "your email is not confirmed", **WITH_PASSWORD, **TOKEN, **CSRF, **WRONG_PASSWORD},
    body=ProofBody,
)
def passkey_options() -> Response:
    """WebAuthn's options. Takes the password and, while an authenticator app is on, a code. On a server that sends
    mails, confirm your email before."""
    login = tokens.require_account()
    authentication.confirm(login, ProofBody.of(request))
    return answer(
        CreationAnswer(options=current()[SecondFactorServices].passkeys.options(login, authentication.relying_party()))
    )


@bp.post("/auth/passkeys")
@describe(
    "Add a passkey",
    {
        201: PasskeyAnswer,
        409: "you have 20 passkeys, or your email is not confirmed",
        **WITH_PASSWORD,
        **TOKEN,
        **CSRF,
        **WRONG_PASSWORD,
    },
    body=PasskeyBody,
)
def add_passkey() -> Response:
    """Within 10 minutes after its options. The first second factor ends all other sessions."""
    login = tokens.require_account()
    body, site = PasskeyBody.of(request), authentication.relying_party()
    made = current()[SecondFactorServices].passkeys.register(login, site, body.credential, body.name)
    return answer(PasskeyAnswer.of(*made), 201)


@bp.delete("/auth/passkeys/<string(minlength=8):passkey_id>")  # `options` is another call
@describe(
    "Remove a passkey",
    {204: None, 404: "you have no such passkey", **WITH_PASSWORD, **TOKEN, **CSRF, **WRONG_PASSWORD},
    body=ProofBody,
)
def remove_passkey(passkey_id: str) -> Response:
    """Takes the password and, while an authenticator app is on, a code. The last second factor is turned off as by
    DELETE /api/auth/totp."""
    login = tokens.require_account()
    authentication.confirm(login, ProofBody.of(request))
    current()[SecondFactorServices].passkeys.remove(login, passkey_id)
    return empty()
