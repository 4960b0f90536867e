"""Who sends a request, by its token or by its session's cookies; and the tokens and cookies of a new login."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from hmac import compare_digest
from typing import NamedTuple

from flask import Flask, Response, request
from flask_jwt_extended import (
    create_access_token,
    create_refresh_token,
    set_access_cookies,
    set_refresh_cookies,
    unset_jwt_cookies,
)

from koyjabo.accounts.accounts import Grant
from koyjabo.accounts.tokens import ACCESS, ACCESS_S, ALGORITHM, COOKIES, REFRESH, REFRESH_S, Claims
from koyjabo.audit import log
from koyjabo.errors import InvalidToken, TokenExpired, Unauthenticated, WrongCsrfToken
from koyjabo.extensions import jwt
from koyjabo.identity import Login
from koyjabo.web.current import current

CSRF_HEADER = "X-CSRF-TOKEN"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def init_app(app: Flask, secure: bool) -> None:
    """Tokens are made by Flask-JWT-Extended and read by `koyjabo.tokens`, as sockets do; both have the same secret."""
    app.config.update(
        JWT_ALGORITHM=ALGORITHM,
        JWT_SECRET_KEY=app.config["SECRET_KEY"],
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=ACCESS_S),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=REFRESH_S),
        JWT_ENCODE_NBF=False,
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_ACCESS_COOKIE_NAME=COOKIES[ACCESS],
        JWT_REFRESH_COOKIE_NAME=COOKIES[REFRESH],
        JWT_COOKIE_SECURE=secure,
        JWT_COOKIE_SAMESITE="Lax",
        JWT_COOKIE_CSRF_PROTECT=True,
    )
    jwt.init_app(app)


def require() -> Login:
    """Who sends the present request. Raises Unauthenticated, InvalidToken, TokenExpired, WrongCsrfToken.

    When all of it has come: a right must not be lost while a body is held back.
    """
    request.get_data()
    if request.method not in SAFE_METHODS:
        record_request_place()
    return _login(claims_of(ACCESS))


def record_request_place() -> None:
    """Where the present request comes from, for the audit log; to be said of each that may leave a line there, since
    the next request of a connection may be somebody else's.
    """
    log.request_place.set(current().network.places.locate(request.remote_addr))


def optional() -> Login | None:
    """Who sends the present request, if they say so in a way that can be used, for what is done either way.

    Nothing is done in their name but to count them, so a cookie needs no second word here. Raises LedgerUnavailable:
    whether a session lives must not be guessed.
    """
    environ = request.environ
    if "HTTP_AUTHORIZATION" not in environ and "HTTP_COOKIE" not in environ:
        return None  # as most visits are
    shown = _bearer() or cookie(ACCESS)
    try:
        return _login(current().accounts.tokens.read(shown.text, ACCESS)) if shown else None
    except (InvalidToken, TokenExpired):
        return None


def claims_of(kind: str) -> Claims:
    """What the request's token of this kind says. Raises as `require` does; whether its session lives is not asked."""
    shown = _bearer() or cookie(kind)
    if shown is None:
        raise Unauthenticated
    claims = current().accounts.tokens.read(shown.text, kind)
    _check_csrf(shown, claims)
    return claims


def claims_of_any() -> Claims:
    """For leaving: what the first readable token of the request says, of either kind, expired or not."""
    shown = [each for each in (_bearer(), cookie(ACCESS), cookie(REFRESH)) if each is not None]
    if not shown:
        raise Unauthenticated
    for each in shown:
        with suppress(InvalidToken):
            claims = current().accounts.tokens.read_any(each.text)
            _check_csrf(each, claims)
            return claims
    raise InvalidToken


def _login(claims: Claims) -> Login:
    login = current().accounts.credentials.login_of(claims.session_id)
    if login is None or login.account.id != claims.user_id:
        raise InvalidToken
    return login


class Shown(NamedTuple):
    """A token of the present request, and whether the browser added it by itself."""

    text: str
    by_browser: bool


def _bearer() -> Shown | None:
    said = request.authorization
    return Shown(said.token or "", False) if said is not None and said.type == "bearer" else None


def cookie(kind: str) -> Shown | None:
    text = request.cookies.get(COOKIES[kind])
    return Shown(text, True) if text and current().network.origins.trusts(request) else None


def _check_csrf(shown: Shown, claims: Claims) -> None:
    if not shown.by_browser or request.method in SAFE_METHODS:
        return
    said = request.headers.get(CSRF_HEADER, "")
    if not claims.csrf or not compare_digest(said.encode(), claims.csrf.encode()):
        raise WrongCsrfToken


class Pair(NamedTuple):
    access_token: str
    refresh_token: str


def tokens_for(grant: Grant) -> Pair:
    account, session_id = grant.login
    session = {"sid": session_id}
    return Pair(
        create_access_token(account.id, additional_claims=session),
        create_refresh_token(account.id, additional_claims={**session, "jti": grant.refresh_id}),
    )


def set_cookies(response: Response, pair: Pair) -> None:
    """Both for as long as the session: an access token that has run out says more than none."""
    set_access_cookies(response, pair.access_token, max_age=REFRESH_S)
    set_refresh_cookies(response, pair.refresh_token, max_age=REFRESH_S)


def without_cookies(response: Response) -> Response:
    unset_jwt_cookies(response)
    return response
