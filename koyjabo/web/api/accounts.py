"""/api/auth: make an account, log in, stay so, and leave."""

from __future__ import annotations

from flask import Response, after_this_request, request

from koyjabo import credentials
from koyjabo.accounts import Grant
from koyjabo.errors import InvalidToken
from koyjabo.tokens import REFRESH
from koyjabo.web import auth, rate_limits
from koyjabo.web.api import bp
from koyjabo.web.api.account_bodies import LoginBody, PasswordBody, SignupBody, TokensAnswer, UserAnswer
from koyjabo.web.api.answers import JSON
from koyjabo.web.api.conversions import convert
from koyjabo.web.current import current
from koyjabo.web.openapi import Answer, describe

WITH_BODY: dict[int, Answer] = {
    400: "a field cannot be used; see details",
    413: "over 16 KB",
    415: "not application/json",
    429: "too many attempts; see Retry-After",
    503: "too many people at once, or the database is away; see Retry-After",
}
TOKEN: dict[int, Answer] = {
    401: "not logged in: no token, one that is not good, or one that has expired",
    503: "the database is away; see Retry-After",
}
CSRF: dict[int, Answer] = {403: "by cookie, and X-CSRF-TOKEN is missing or wrong"}


@bp.post("/auth/signup")
@describe("Make an account", {201: TokensAnswer, 409: "the email has an account", **WITH_BODY}, body=SignupBody)
def sign_up() -> Response:
    """Make an account and log it in."""
    body = SignupBody.of(request)
    rate_limits.count_signup()
    grant = current().accounts.sign_up(body.email, body.password, body.name)
    rate_limits.remember_login(credentials.email_key(body.email))
    return _welcome(grant, body.visitorId, 201)


@bp.post("/auth/login")
@describe(
    "Log in",
    {200: TokensAnswer, 401: "email and password do not belong together", **WITH_BODY},
    body=LoginBody,
    secured=False,
)
def log_in() -> Response:
    """Begin a session. Whether there is such a user is not told."""
    body = LoginBody.of(request)
    key = credentials.email_key(body.email)
    rate_limits.count_login(key)
    grant = current().accounts.log_in(body.email, body.password)
    rate_limits.remember_login(key)
    return _welcome(grant, body.visitorId, 200)


@bp.post("/auth/refresh")
@describe("Get a new pair of tokens", {200: TokensAnswer, **TOKEN, **CSRF})
def refresh() -> Response:
    """Takes the refresh token, as bearer or cookie. It is good for one call: shown again, it ends its session, for
    then two have it."""
    return _tokens_answer(current().accounts.refresh(auth.claims_of(REFRESH)), 200)


@bp.post("/auth/logout")
@describe("Log out", {204: None, **TOKEN, **CSRF})
def log_out() -> Response:
    """End the session of a token, of either kind, expired or not, and take the cookies away."""
    try:
        claims = auth.claims_of_any()
    except InvalidToken:
        after_this_request(auth.without_cookies)  # they are good for nothing
        raise
    current().accounts.log_out(claims.session_id)
    return auth.without_cookies(_empty())


@bp.get("/auth/me")
@describe("Who am I", {200: UserAnswer, **TOKEN})
def me() -> Response:
    """The account that is logged in."""
    return _answer(UserAnswer.of(auth.require().account), 200)


@bp.post("/auth/password")
@describe("Change the password", {204: None, **WITH_BODY, **TOKEN, **CSRF}, body=PasswordBody)
def change_password() -> Response:
    """Takes the present password, too. All other sessions end; this one goes on."""
    login = auth.require()
    body = PasswordBody.of(request)
    rate_limits.count_password(credentials.email_key(login.account.email))
    current().accounts.change_password(login, body.current_password, body.new_password)
    return _empty()


def _welcome(grant: Grant, visitor_id: str | None, status: int) -> Response:
    if visitor_id is not None:
        convert(grant.login.account.id, visitor_id)
    return _tokens_answer(grant, status)


def _tokens_answer(grant: Grant, status: int) -> Response:
    pair = auth.tokens_for(grant)
    user = UserAnswer.of(grant.login.account)
    response = _answer(TokensAnswer(**pair._asdict(), user=user), status)
    auth.set_cookies(response, pair)
    return response


def _answer(body: UserAnswer | TokensAnswer, status: int) -> Response:
    return Response(body.model_dump_json(), status, {"Cache-Control": "no-store"}, content_type=JSON)


def _empty() -> Response:
    return Response(status=204, headers={"Cache-Control": "no-store"})
