"""Authenticates API requests by bearer token, API key or cookies, and issues tokens and cookies at login.
`Identities` finds out whether the session is live.
"""

from contextlib import suppress
from datetime import timedelta
from hmac import compare_digest
from typing import NamedTuple

from flask import Flask, Response, current_app, request
from flask_jwt_extended import create_access_token, create_refresh_token, get_csrf_token

from koyjabo.base.core import extensions
from koyjabo.base.core.errors import (
    Forbidden,
    InvalidKey,
    InvalidToken,
    ScopeMissing,
    TokenExpired,
    Unauthenticated,
    WrongCsrfToken,
)
from koyjabo.base.core.identity import KEY_PREFIX, Account, KeyHolder, Login
from koyjabo.base.network import client_address
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.base.network.origins import Origins
from koyjabo.web.current import current
from koyjabo.web.http import cookies
from koyjabo.web.limits import limits
from .claims import ACCESS, ALGORITHM, REFRESH, Claims, Tokens

COOKIES = {ACCESS: "access_token_cookie", REFRESH: "refresh_token_cookie"}
ACCESS_TOKEN_S, REFRESH_TOKEN_S = 15 * 60, 30 * 86400


CSRF_HEADER = "X-CSRF-TOKEN"
CSRF_COOKIES = {ACCESS: "csrf_access_token", REFRESH: "csrf_refresh_token"}
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

NO_ACCOUNT = "This call needs an account on this server, which users of another system do not have."
NOT_FOR_KEYS = "No scope lets an API key make this call. Log in instead."


def init_app(app: Flask) -> None:
    """Set up Flask-JWT-Extended, which issues tokens. `Tokens` reads them with the same secret, also for sockets."""
    app.config.update(
        JWT_ALGORITHM=ALGORITHM,
        JWT_SECRET_KEY=app.config["SECRET_KEY"],
        JWT_ACCESS_TOKEN_EXPIRES=timedelta(seconds=ACCESS_TOKEN_S),
        JWT_REFRESH_TOKEN_EXPIRES=timedelta(seconds=REFRESH_TOKEN_S),
        JWT_ENCODE_NBF=False,
        JWT_TOKEN_LOCATION=["headers", "cookies"],
        JWT_COOKIE_CSRF_PROTECT=True,
    )
    extensions.jwt.init_app(app)


def require() -> Login:
    """The login of the current request. With an API key or another system's token, it has no session. Reads the whole
    body first; otherwise a client could delay the body and use a permission that is revoked in the meantime.

    Raises Unauthenticated, InvalidToken, TokenExpired, WrongCsrfToken, LedgerUnavailable, and TooManyRequests if the
    account changes too much. With a key: InvalidKey, KeyExpired, ScopeMissing, TooManyRequests, and Forbidden if no
    scope allows the call (`describe`).
    """
    request.get_data()
    key = _key()
    if key is not None:
        return _login_of_key(key)
    try:
        login = _login(claims_of(ACCESS))
    except InvalidToken:
        login = _login_of_other_system()
    if request.method not in SAFE_METHODS:
        limits.count_account("changes", login.account.id)
        record_request_place()
    return login


def require_account() -> Login:
    """Like `require`, but for calls about an account on this server. Raises Forbidden for people from
    another system.
    """
    login = require()
    if login.account.by_token is not None:
        raise Forbidden(NO_ACCOUNT)
    return login


def require_site_admin() -> Account:
    """The account of an admin or key of the site, checked as in `require_account`. Raises Forbidden for other accounts.
    Call this before the body is parsed (specification: Errors).
    """
    account = require_account().account
    account.require_site_admin()
    return account


def is_by_cookie() -> bool:
    """Whether the current request, which has a login, is authenticated by a cookie."""
    return _bearer() is None


def record_request_place() -> None:
    """Store the current request's location for the audit log, and its address for the limits on emails. Call this in
    every request that may write an entry or send an email, because the context may still hold the values from the
    connection's previous request.
    """
    client_address.current.set(client_address.limit_key(request.environ))
    client_address.current_place.set(current()[LocationFinder].locate(request.remote_addr))


def optional() -> Login | None:
    """The login of the current request; None without a valid token. Raises LedgerUnavailable. Used for registrations:
    they only count the visit for the user, so a cookie needs no CSRF token.
    """
    environ = request.environ
    if "HTTP_AUTHORIZATION" not in environ and "HTTP_COOKIE" not in environ:
        return None  # as for most visits
    sent = _bearer() or cookie(ACCESS)
    if sent is None:
        return None
    try:
        return _login(current()[Tokens].read(sent.text, ACCESS))
    except InvalidToken:
        with suppress(InvalidToken, TokenExpired):
            return _login_of_other_system()
    except TokenExpired:
        pass
    return None


def claims_of(kind: str) -> Claims:
    """The claims of the request's token of this kind. Raises the same errors as `require`. Does not check whether the
    session is live.
    """
    _refuse_key()
    sent = _bearer() or cookie(kind)
    if sent is None:
        raise Unauthenticated
    try:
        claims = current()[Tokens].read(sent.text, kind)
    except InvalidToken:
        if kind == REFRESH:
            _refuse_other_system()
        raise
    _check_csrf(sent, claims)
    return claims


def claims_of_any() -> Claims:
    """The claims of the request's first readable token, of either kind, even if expired. Used for logging out. Raises
    Unauthenticated, InvalidToken, WrongCsrfToken.
    """
    _refuse_key()
    sent = [token for token in (_bearer(), cookie(ACCESS), cookie(REFRESH)) if token is not None]
    if not sent:
        raise Unauthenticated
    for token in sent:
        with suppress(InvalidToken):
            claims = current()[Tokens].read_any(token.text)
            _check_csrf(token, claims)
            return claims
    _refuse_other_system()
    raise InvalidToken


def _key() -> str | None:
    """The API key of the current request. Raises InvalidKey if it is sent in the wrong place."""
    sent = _bearer()
    if sent is not None:
        return sent.text if sent.text.startswith(KEY_PREFIX) else None
    elsewhere = (request.args.get("token", ""), *(cookies.get(name) or "" for name in COOKIES.values()))
    if any(text.startswith(KEY_PREFIX) for text in elsewhere):
        raise InvalidKey(InvalidKey.misplaced)
    return None


def _login_of_key(key: str) -> Login:
    holder, needed = _holder(key), _scope()
    if not needed:
        raise Forbidden(NOT_FOR_KEYS)
    if needed not in holder.scopes:
        raise ScopeMissing(needed)
    record_request_place()
    return Login(holder.account, "")


def _refuse_key() -> None:
    """Refuse API keys for calls about a session's tokens. Raises Forbidden, and the same errors as `_holder`."""
    key = _key()
    if key is not None:
        _holder(key)
        raise Forbidden(NOT_FOR_KEYS)


def _holder(key: str) -> KeyHolder:
    holder = current().identities.key_holder_of(key)
    limits.count_account("keys", holder.account.id)
    return holder


def _scope() -> str:
    """The scope that allows keys to make the current call; "" if none does."""
    operation = getattr(current_app.view_functions[request.endpoint or ""], "operation", None)
    return operation.scope if operation is not None else ""


def _login_of_other_system() -> Login:
    """The login of a bearer token that is not ours. Raises the same errors as `Identities.token_login_of`."""
    sent = _bearer()
    if sent is None:
        raise InvalidToken
    return current().identities.token_login_of(sent.text)


def _refuse_other_system() -> None:
    """Refuse another system's tokens for calls about a session's tokens. Raises Forbidden."""
    with suppress(InvalidToken, TokenExpired):
        _login_of_other_system()
        raise Forbidden(NO_ACCOUNT)


def _login(claims: Claims) -> Login:
    login = current().identities.login_of(claims.session_id, None)
    if login is None or login.account.id != claims.user_id:
        raise InvalidToken
    return login


class SentToken(NamedTuple):
    """A token of the current request."""

    text: str
    is_cookie: bool


def _bearer() -> SentToken | None:
    header = request.authorization
    return SentToken(header.token or "", False) if header is not None and header.type == "bearer" else None


def cookie(kind: str) -> SentToken | None:
    text = cookies.get(COOKIES[kind])
    return SentToken(text, True) if text and current()[Origins].trusts(request) else None


def _check_csrf(sent: SentToken, claims: Claims) -> None:
    if not sent.is_cookie or request.method in SAFE_METHODS:
        return
    header = request.headers.get(CSRF_HEADER, "")
    if not claims.csrf or not compare_digest(header.encode(), claims.csrf.encode()):
        raise WrongCsrfToken


class Pair(NamedTuple):
    access_token: str
    refresh_token: str


def tokens_for(login: Login, refresh_id: str) -> Pair:
    """Issue tokens for a login. `refresh_id` is the id of the session's only valid refresh token."""
    account, session_id = login
    session = {"sid": session_id}
    return Pair(
        create_access_token(account.id, additional_claims=session),
        create_refresh_token(account.id, additional_claims={**session, "jti": refresh_id}),
    )


def set_cookies(response: Response, pair: Pair) -> None:
    """Set both tokens as cookies, and their CSRF values for scripts. They last as long as the session, because pages
    accept an expired access token (`page_login`).
    """
    for kind, token in ((ACCESS, pair.access_token), (REFRESH, pair.refresh_token)):
        cookies.put(response, COOKIES[kind], token, REFRESH_TOKEN_S)
        cookies.put(response, CSRF_COOKIES[kind], get_csrf_token(token), REFRESH_TOKEN_S, httponly=False)


def without_cookies(response: Response) -> Response:
    for kind in (ACCESS, REFRESH):
        cookies.delete(response, COOKIES[kind])
        cookies.delete(response, CSRF_COOKIES[kind], httponly=False)
    return response
