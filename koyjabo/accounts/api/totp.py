"""/api/auth/totp: set up an authenticator app, and turn it off; /api/auth/recovery-codes."""

from __future__ import annotations

from flask import Response, request

from koyjabo.accounts.api.auth import WITH_BODY, WRONG, empty, enrolled_answer
from koyjabo.accounts.login import log_in, second_step
from koyjabo.accounts.login.second_factor_requests import (
    CodeBody,
    EnrolledAnswer,
    ProofBody,
    RecoveryCodesAnswer,
    TotpAnswer,
)
from koyjabo.accounts.services import AccountServices
from koyjabo.webkit.blueprints import api as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.responses import answer
from koyjabo.webkit.login import tokens
from koyjabo.webkit.openapi.describe import OneOf, describe
from koyjabo.webkit.openapi.refusals import CSRF, TOKEN

NONE_THERE = "there is nothing to confirm or to turn off"


@bp.post("/auth/totp")
@describe(
    "Begin to set up an authenticator app",
    {200: TotpAnswer, 409: "one is set up already", **WITH_BODY, **TOKEN, **CSRF, **WRONG},
    body=ProofBody,
)
def begin_totp() -> Response:
    """The secret counts when it is confirmed. Takes the password or, as bearer, the token of a login that has to
    enrol."""
    token = second_step.enrolment_token()
    if token is not None:
        person = second_step.enrolling(token)
        setup = current()[AccountServices].second_factors.begin_totp(person.id, person.email)
    else:
        login = tokens.require()
        log_in.confirm_password(login, ProofBody.of(request).required_password())
        setup = current()[AccountServices].second_factors.begin_totp(login.account.id, login.account.email)
    return answer(TotpAnswer(**setup._asdict()))


@bp.post("/auth/totp/confirm")
@describe(
    "Turn an authenticator app on",
    {200: OneOf(RecoveryCodesAnswer, EnrolledAnswer), 409: NONE_THERE, **WITH_BODY, **TOKEN, **CSRF, **WRONG},
    body=CodeBody,
)
def confirm_totp() -> Response:
    """Takes the first code of the app, and ends all other sessions. With the token of a login that had to enrol, the
    answer is also that of the login."""
    token = second_step.enrolment_token()
    if token is not None:
        current()[AccountServices].second_step.enrolling(
            token
        )  # before the body: a token that is not good gets no hints
        enrolled = second_step.enrol(token, CodeBody.of(request).code)
        return enrolled_answer(enrolled.completed.grant, enrolled.recovery_codes)
    login = tokens.require()
    codes = current()[AccountServices].second_factors.confirm_totp(login, CodeBody.of(request).code)
    return answer(RecoveryCodesAnswer(recovery_codes=codes))


@bp.delete("/auth/totp")
@describe(
    "Turn the authenticator app off",
    {204: None, 409: NONE_THERE, **WITH_BODY, **TOKEN, **CSRF, **WRONG},
    body=ProofBody,
)
def remove_totp() -> Response:
    """Takes the password and a code. If it was your last second factor, your recovery codes end as well; and if this
    site demands a second factor, so do all sessions."""
    login = tokens.require()
    second_step.confirm(login, ProofBody.of(request))
    current()[AccountServices].second_factors.remove_totp(login)
    return empty()


@bp.post("/auth/recovery-codes")
@describe(
    "Renew your recovery codes",
    {200: RecoveryCodesAnswer, 409: "you have no second factor", **WITH_BODY, **TOKEN, **CSRF, **WRONG},
    body=ProofBody,
)
def renew_recovery_codes() -> Response:
    """Ten new codes in place of all others. Takes the password and, while an authenticator app is on, a code."""
    login = tokens.require()
    second_step.confirm(login, ProofBody.of(request))
    return answer(
        RecoveryCodesAnswer(recovery_codes=current()[AccountServices].second_factors.renew_recovery_codes(login))
    )
