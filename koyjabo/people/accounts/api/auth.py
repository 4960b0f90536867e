"""/api/auth: sign up, log in, refresh, log out, change the password; /api/auth/me: your own account;
/api/auth/sessions: your own sessions; POST /api/invitations: invite a person to the panel. `communities.api` has the
calls that accept and decline invitations.
"""

from flask import Response, after_this_request, request
from pydantic import BaseModel, Field

from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import InvalidToken
from koyjabo.base.core.identity import Login
from koyjabo.people.accounts.grants import Grant
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.invitation_schemas import InvitedResponse, PanelInvitationBody
from koyjabo.people.accounts.login.schemas import (
    EnrolledResponse,
    LoginBody,
    OwnAccountResponse,
    PasswordBody,
    PasswordResetBody,
    ProfileBody,
    SecondFactorResponse,
    SignupBody,
    TokensResponse,
)
from koyjabo.people.accounts.models import LoginSession
from koyjabo.people.accounts.pending_steps import TwoStepDue
from koyjabo.people.accounts.services import account_services
from koyjabo.web.blueprints import api_blueprint
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import list_response, no_content
from koyjabo.web.i18n import language
from koyjabo.web.limits import limits
from koyjabo.web.login import tokens
from koyjabo.web.login.claims import REFRESH
from koyjabo.web.openapi.call import BY_CHANGING_LOGIN, BY_LOGIN, BY_LOGIN_WITH_PASSWORD, call
from koyjabo.web.openapi.describe import describe
from koyjabo.web.openapi.refusals import (
    CSRF_REFUSALS,
    LOGIN_REFUSALS,
    PASSWORD_REFUSALS,
    TOKEN_REFUSALS,
    WRONG_PASSWORD_REFUSALS,
    Caller,
)
from koyjabo.web.openapi.response_specs import ListOf, OneOf
from koyjabo.web.schemas.paging import PAGING_ARGUMENTS, Paging

bp = api_blueprint("auth")

declare(bp, "/api/auth/", PathPolicy.ALLOWED_ORIGINS, tag="accounts")


MOMENT_EXAMPLE = "2025-12-16T04:48:38.412Z"

BY_INVITING_ADMIN = Caller(
    lambda **_: _admin_login(),
    {
        **PASSWORD_REFUSALS,
        **LOGIN_REFUSALS,
        **WRONG_PASSWORD_REFUSALS,
        403: "not a site admin, or X-CSRF-TOKEN is wrong",
    },
)


@bp.post("/auth/signup")
@describe(
    "Sign up",
    {
        200: SecondFactorResponse,
        201: TokensResponse,
        403: "only invited people may sign up",
        409: "this email already has an account",
        **PASSWORD_REFUSALS,
    },
    body=SignupBody,
)
def sign_up() -> Response:
    """Create an account and log in. The response is 200 if this site requires two-step login."""
    return _login_response(authentication.sign_up(SignupBody.of(request)), 201)


@bp.post("/auth/login")
@describe(
    "Log in",
    {200: OneOf(TokensResponse, SecondFactorResponse), 401: "wrong email or password", **PASSWORD_REFUSALS},
    body=LoginBody,
    secured=False,
)
def log_in() -> Response:
    """Start a session. The response to a wrong password does not reveal whether the user exists. With two-step login,
    the response lists the ways to complete the login and contains no tokens or cookies yet.
    """
    return _login_response(authentication.log_in(LoginBody.of(request)), 200)


@bp.post("/auth/refresh")
@describe("Renew the tokens", {200: TokensResponse, 429: "too many changes at once", **TOKEN_REFUSALS, **CSRF_REFUSALS})
def refresh() -> Response:
    """Send the refresh token as a bearer token or cookie. It can be used once. A second use ends the session, because
    the token must have been copied.
    """
    tokens.record_request_place()
    claims, credentials = tokens.claims_of(REFRESH), account_services().credentials
    if credentials.login_of(claims.session_id) is not None:  # otherwise an old token could use up the limit
        limits.count_account("changes", claims.user_id)
    return tokens_response(credentials.refresh(claims), 200)


@bp.post("/auth/logout")
@describe("Log out", {204: None, **TOKEN_REFUSALS, **CSRF_REFUSALS})
def log_out() -> Response:
    """End the session of an access or refresh token, even an expired one, and delete the cookies."""
    try:
        claims = tokens.claims_of_any()
    except InvalidToken:
        after_this_request(tokens.without_cookies)  # deletes the invalid cookies
        raise
    tokens.record_request_place()
    account_services().credentials.log_out(claims.session_id)
    return tokens.without_cookies(no_content())


@bp.get("/auth/me")
@call("Get your own account", BY_LOGIN, {200: OwnAccountResponse})
def me(login: Login) -> Response:
    """The account that the token belongs to."""
    return _response(OwnAccountResponse.model_validate(login.account), 200)


@bp.patch("/auth/me")
@call(
    "Change your account",
    BY_LOGIN_WITH_PASSWORD,
    {200: OwnAccountResponse, 409: "this email already has an account"},
)
def change_me(login: Login, body: ProfileBody) -> Response:
    """Requires the password, except to change only `appear_offline`. Changing the email while an authenticator app is
    on also requires a code. A new email has to be confirmed.
    """
    return _response(OwnAccountResponse.model_validate(authentication.change_profile(login, body)), 200)


@bp.post("/auth/password")
@call("Change your password", BY_CHANGING_LOGIN, {**PASSWORD_REFUSALS, **TOKEN_REFUSALS})
def change_password(login: Login, body: PasswordBody) -> None:
    """Requires the current password. Ends all other sessions."""
    authentication.change_password(login, body)


@bp.post("/auth/password-reset")
@describe(
    "Request a password reset",
    {202: None, 501: "this server does not send emails", **PASSWORD_REFUSALS},
    body=PasswordResetBody,
    secured=False,
)
def request_password_reset() -> Response:
    """Email a link to a page where the user can choose a new password. It is valid for 30 minutes and can be used once.
    The response and its timing are the same for every email address.
    """
    body = PasswordResetBody.of(request)
    limits.count_address("resets")
    tokens.record_request_place()
    account_services().email_links.request_reset(body.email, language())
    return Response(status=202, headers={"Cache-Control": "no-store"})


def tokens_response(grant: Grant, status: int = 200, recovery_codes: list[str] | None = None) -> Response:
    """The tokens of a login and, if it has just set up two-step login, the recovery codes."""
    pair = tokens.tokens_for(grant.login, grant.refresh_id)
    values = {**pair._asdict(), "user": grant.login.account, "recovery_codes": recovery_codes}
    body = TokensResponse if recovery_codes is None else EnrolledResponse
    response = _response(body.model_validate(values), status)
    tokens.set_cookies(response, pair)
    return response


def _login_response(outcome: Grant | TwoStepDue, status: int) -> Response:
    if isinstance(outcome, Grant):
        return tokens_response(outcome, status)
    return _response(SecondFactorResponse.of(outcome), 200)


def _response(body: OwnAccountResponse | TokensResponse | SecondFactorResponse, status: int) -> Response:
    text = body.model_dump_json(exclude_none=True)
    return Response(text, status, {"Cache-Control": "no-store"}, mimetype="application/json")


class SessionResponse(BaseModel):
    """A login session, with the device it was started on."""

    id: str
    created_at: str = Field(examples=[MOMENT_EXAMPLE])
    renewed_at: str = Field(examples=[MOMENT_EXAMPLE], description="when its tokens were last issued")
    browser: str = Field(examples=["Chrome"], description='at login; "" if unknown')
    system: str = Field(examples=["Android"])
    place: str = Field(examples=["Dhaka, BD"], description="at login")
    current: bool = Field(description="true for the session of this request")

    @classmethod
    def of(cls, session: LoginSession, current_id: str) -> "SessionResponse":
        return cls(
            id=session.id,
            created_at=iso(session.created_ms),
            renewed_at=iso(session.used_ms),
            browser=session.browser.name,
            system=session.browser.system,
            place=session.place or "",
            current=session.id == current_id,
        )


@bp.get("/auth/sessions")
@call(
    "List your sessions",
    BY_LOGIN,
    {200: ListOf(SessionResponse), 400: "no such page"},
    query=PAGING_ARGUMENTS,
)
def list_sessions(login: Login) -> Response:
    """Your active sessions, most recently used first."""
    paging = Paging.of(request)
    page = account_services().sessions.page(login, paging.start, paging.per_page)
    return list_response(
        (SessionResponse.of(session, login.session_id) for session in page.items), paging.headers(page.total)
    )


@bp.delete("/auth/sessions")
@call("Log out everywhere else", BY_CHANGING_LOGIN)
def end_other_sessions(login: Login) -> None:
    """End all your other sessions, with their tokens and sockets."""
    account_services().sessions.end_others(login)


@bp.delete("/auth/sessions/<session_id>")
@call("End a session", BY_CHANGING_LOGIN, {404: "no such session"})
def end_session(login: Login, session_id: str) -> None:
    """End one of your sessions, with its tokens and sockets."""
    account_services().sessions.end(login, session_id)


@bp.post("/invitations")
@call("Invite a person to the panel", BY_INVITING_ADMIN, status=202)
def invite_to_panel(login: Login, body: PanelInvitationBody) -> InvitedResponse:
    """Only site admins can do this. It requires their own password and, while an authenticator app is on, a code. The
    response is the same for every email address. The person gets the role when they accept, through the emailed link
    or their list of invitations. The link is valid for a week and can be used once. Inviting the same address again
    revokes the earlier link.
    """
    account = login.account
    authentication.confirm(login, body)
    limits.count_account("actions", account.id)
    return InvitedResponse.of(account_services().panel_invitations.invite(account, body.email, body.role, language()))


def _admin_login() -> Login:
    login = tokens.require_account()
    login.account.require_site_admin()
    return login
