"""/api/auth: sign up, log in, refresh, log out, change the password."""

from __future__ import annotations

from flask import Response, after_this_request, request

from koyjabo.accounts.grants import Grant
from koyjabo.accounts.second_factor.pending import SecondFactorDue
from koyjabo.accounts.tokens import REFRESH
from koyjabo.errors import InvalidToken
from koyjabo.web.api import bp
from koyjabo.web.api.account_requests import (
    LoginBody,
    PasswordBody,
    PasswordResetBody,
    SignupBody,
    TokensAnswer,
    UserAnswer,
)
from koyjabo.web.api.second_factor_requests import EnrolledAnswer, SecondFactorAnswer
from koyjabo.web.api.visit_responses import JSON
from koyjabo.web.current import current
from koyjabo.web.operations.openapi import Answer, OneOf, describe
from koyjabo.web.security import log_in as entrance
from koyjabo.web.security import rate_limits, tokens
from koyjabo.web.ui.languages import language

WITH_BODY: dict[int, Answer] = {
    400: "a field cannot be used; see details",
    413: "over 16 KB",
    415: "not application/json",
    429: "too many attempts; see Retry-After",
    503: "too many people at once, or the database is not available; see Retry-After",
}
TOKEN: dict[int, Answer] = {
    401: "not logged in: the token is missing, invalid or expired",
    503: "the database is not available; see Retry-After",
}
CSRF: dict[int, Answer] = {403: "with cookies: X-CSRF-TOKEN is missing or wrong"}


@bp.post("/auth/signup")
@describe(
    "Sign up",
    {200: SecondFactorAnswer, 201: TokensAnswer, 409: "an account with this email exists", **WITH_BODY},
    body=SignupBody,
)
def sign_up() -> Response:
    """Create an account and log in. The answer is 200 if this site demands a second factor."""
    return _login_answer(entrance.sign_up(SignupBody.of(request)), 201)


@bp.post("/auth/login")
@describe(
    "Log in",
    {200: OneOf(TokensAnswer, SecondFactorAnswer), 401: "wrong email or password", **WITH_BODY},
    body=LoginBody,
    secured=False,
)
def log_in() -> Response:
    """Start a session. The answer to a wrong password does not reveal whether the user exists. If a second factor is
    due, the answer says how to go on, and there are no tokens and no cookies yet."""
    return _login_answer(entrance.log_in(LoginBody.of(request)), 200)


@bp.post("/auth/refresh")
@describe("Renew the tokens", {200: TokensAnswer, 429: "too many changes at once", **TOKEN, **CSRF})
def refresh() -> Response:
    """Takes the refresh token, as bearer or cookie. It is valid once: a second use ends the session, because then the
    token has been copied."""
    tokens.record_request_place()
    claims, credentials = tokens.claims_of(REFRESH), current().accounts.credentials
    if credentials.login_of(claims.session_id) is not None:  # else who has an old token could use up the changes
        rate_limits.count_change(claims.user_id)
    return tokens_answer(credentials.refresh(claims), 200)


@bp.post("/auth/logout")
@describe("Log out", {204: None, **TOKEN, **CSRF})
def log_out() -> Response:
    """End the session of an access or refresh token, even an expired one, and delete the cookies."""
    try:
        claims = tokens.claims_of_any()
    except InvalidToken:
        after_this_request(tokens.without_cookies)  # deletes the invalid cookies
        raise
    tokens.record_request_place()
    current().accounts.credentials.log_out(claims.session_id)
    return tokens.without_cookies(empty())


@bp.post("/auth/password")
@describe("Change your password", {204: None, **WITH_BODY, **TOKEN, **CSRF}, body=PasswordBody)
def change_password() -> Response:
    """Also takes the current password. All other sessions end."""
    login = tokens.require()
    entrance.change_password(login, PasswordBody.of(request))
    return empty()


@bp.post("/auth/password-reset")
@describe(
    "Ask for a new password",
    {202: None, 501: "this server sends no mails", **WITH_BODY},
    body=PasswordResetBody,
    secured=False,
)
def request_password_reset() -> Response:
    """Mail a link, good for 30 minutes and once, on whose page the user chooses a new password. The answer and its time
    are the same for every email."""
    body = PasswordResetBody.of(request)
    rate_limits.count_reset()
    current().accounts.email_links.request_reset(body.email, language())
    return Response(status=202, headers={"Cache-Control": "no-store"})


def tokens_answer(grant: Grant, status: int) -> Response:
    pair, user = tokens.tokens_for(grant), UserAnswer.of(grant.login.account)
    return _with_cookies(TokensAnswer(**pair._asdict(), user=user), status, pair)


def enrolled_answer(grant: Grant, recovery_codes: list[str]) -> Response:
    pair, user = tokens.tokens_for(grant), UserAnswer.of(grant.login.account)
    return _with_cookies(EnrolledAnswer(**pair._asdict(), user=user, recovery_codes=recovery_codes), 200, pair)


def _login_answer(found: Grant | SecondFactorDue, status: int) -> Response:
    return tokens_answer(found, status) if isinstance(found, Grant) else _answer(SecondFactorAnswer.of(found), 200)


def _with_cookies(body: TokensAnswer, status: int, pair: tokens.Pair) -> Response:
    response = _answer(body, status)
    tokens.set_cookies(response, pair)
    return response


def _answer(body: TokensAnswer | SecondFactorAnswer, status: int) -> Response:
    return Response(body.model_dump_json(exclude_none=True), status, {"Cache-Control": "no-store"}, content_type=JSON)


def empty() -> Response:
    return Response(status=204, headers={"Cache-Control": "no-store"})
