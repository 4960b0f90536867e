"""/api/auth/second-factor, totp and recovery-codes: complete a two-step login, and manage your own."""

from flask import Response, request

from koyjabo.base.core.identity import Login
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.schemas import (
    CodeBody,
    EnrolledResponse,
    ProofBody,
    RecoveryCodesResponse,
    SecondFactorBody,
    StateResponse,
    TokensResponse,
    TotpResponse,
)
from koyjabo.people.accounts.services import account_services
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.http.responses import json_response
from koyjabo.web.login import tokens
from koyjabo.web.openapi.call import BY_LOGIN, BY_LOGIN_WITH_PASSWORD, call
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.refusals import PASSWORD_REFUSALS
from koyjabo.web.openapi.response_specs import OneOf
from .auth import tokens_response

bp = api_blueprint("second_factor")

LOGIN_EXPIRED = "the code is wrong, or the login has expired"


NO_APP = "there is nothing to confirm or turn off"


@bp.post("/auth/second-factor", endpoint="second_factor")
@describe(
    "Complete a two-step login",
    {200: TokensResponse, 401: LOGIN_EXPIRED, **PASSWORD_REFUSALS},
    body=SecondFactorBody,
    secured=False,
)
def complete_login() -> Response:
    """Complete a two-step login. The response is the same as for a login without two-step login. A code can be used
    once, during its own 30 s and the 30 s before and after.
    """
    return tokens_response(authentication.complete_login(SecondFactorBody.of(request)))


@bp.get("/auth/second-factor", endpoint="second_factor_state")
@call("Get the state of your two-step login", BY_LOGIN)
def state_of_two_step_login(login: Login) -> StateResponse:
    """The state of your two-step login."""
    state = account_services().enrolment.state(login.account)
    return StateResponse(totp=state.totp_ms is not None, recovery_codes=state.recovery_codes)


@bp.post("/auth/totp")
@describe(
    "Start setting up an authenticator app",
    {200: TotpResponse, 409: "one is already set up", **BY_LOGIN_WITH_PASSWORD.refusals},
    body=ProofBody,
)
def begin_totp() -> Response:
    """Begin setting up an authenticator app. The secret takes effect once it is confirmed. Requires the password or, as
    a bearer token, the token of a login that has to set up two-step login.
    """
    token = authentication.enrolment_token()
    if token is not None:
        user = authentication.enrolling(token)
        setup = account_services().enrolment.begin_totp(user.id, user.email)
    else:
        login = tokens.require_account()
        authentication.confirm_password(login, ProofBody.of(request).required_password())
        setup = account_services().enrolment.begin_totp(login.account.id, login.account.email)
    return json_response(TotpResponse(**setup._asdict()))


@bp.post("/auth/totp/confirm")
@describe(
    "Turn on an authenticator app",
    {
        200: OneOf(RecoveryCodesResponse, EnrolledResponse),
        409: NO_APP,
        **BY_LOGIN_WITH_PASSWORD.refusals,
    },
    body=CodeBody,
)
def confirm_totp() -> Response:
    """Requires the app's first code. Ends all other sessions. With the token of a login that had to set up two-step
    login, the response also completes that login.
    """
    token = authentication.enrolment_token()
    if token is not None:
        # Check the token before reading the body, so that an invalid token gets no hints.
        account_services().login_completion.enrolling(token)
        grant, codes = authentication.enrol(token, CodeBody.of(request).code)
        return tokens_response(grant, recovery_codes=codes)
    login = tokens.require_account()
    codes = account_services().enrolment.confirm_totp(login, CodeBody.of(request).code)
    return json_response(RecoveryCodesResponse(recovery_codes=codes))


@bp.delete("/auth/totp")
@call("Turn off the authenticator app", BY_LOGIN_WITH_PASSWORD, {409: NO_APP})
def remove_totp(login: Login, body: ProofBody) -> None:
    """Requires the password and a code. Turns two-step login off and deletes your recovery codes. If this site requires
    two-step login, it also ends all your sessions.
    """
    authentication.confirm(login, body)
    account_services().enrolment.remove_totp(login)


@bp.post("/auth/recovery-codes")
@call("Renew your recovery codes", BY_LOGIN_WITH_PASSWORD, {409: "two-step login is off"})
def renew_recovery_codes(login: Login, body: ProofBody) -> RecoveryCodesResponse:
    """Replace your recovery codes with ten new ones. Requires the password and, while an authenticator app is on, a
    code.
    """
    authentication.confirm(login, body)
    return RecoveryCodesResponse(recovery_codes=account_services().enrolment.renew_recovery_codes(login))
