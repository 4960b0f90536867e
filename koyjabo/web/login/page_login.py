"""Authenticates requests for pages by the session's cookies.

Pages cannot renew an access token without JavaScript, so an expired one is accepted together with the refresh token of
the same session. Every request looks up the session, so revoked sessions and replaced tokens are refused
(specification: Credentials).
"""

import logging
from base64 import b64decode, urlsafe_b64encode
from contextlib import suppress
from functools import cache
from hmac import compare_digest
from re import Pattern
from secrets import token_bytes
from typing import Any, NamedTuple

from flask import Flask, current_app, g, request

from koyjabo.base.core.errors import (
    InvalidToken,
    LedgerUnavailable,
    TokenExpired,
    Unauthenticated,
    WrongCsrfToken,
)
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.network.origins import Origins
from koyjabo.web.current import current
from koyjabo.web.http import cookies
from koyjabo.web.http.paths import PathPolicy, matching
from koyjabo.web.limits import limits
from . import tokens
from .claims import ACCESS, REFRESH, Claims, Tokens
from .remembered_logins import RememberedLogins

log = logging.getLogger(__name__)

CSRF_FIELD = "csrf_token"
RELOAD_FORM = N_("This form is out of date. Go back, reload the page, and try again.")
FOREIGN_FORM = N_("This form was sent from another site. Open it here and try again.")
INSECURE_FORM = N_("Browsers keep a login only on https: pages. Open this page with https: and try again.")


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(login=login_if_known, csrf_token=masked_csrf, in_panel=in_panel)


def login() -> Login | None:
    """The login of the current request, looked up once. Raises LedgerUnavailable."""
    if "login_unknown" in g:
        raise g.login_unknown
    if "login" not in g:
        try:
            g.login = _look_up()
        except LedgerUnavailable as error:
            g.login_unknown = error
            raise
    known: Login | None = g.login
    return known


def remembered() -> bool:
    """Use the remembered login of this session while logins cannot be looked up. Returns whether there is one."""
    session = _session_tokens()
    if session is None:
        return False
    known = current()[RememberedLogins].of_session(session.claims.session_id)
    if known is None or known.account.id != session.claims.user_id:
        return False
    g.login = known
    g.pop("login_unknown", None)
    return True


def login_if_known() -> Login | None:
    """The login to show in a page's header; None while the database is unavailable."""
    try:
        return login()
    except LedgerUnavailable:
        return None


def in_panel() -> bool:
    """Whether the page has the panel's navigation."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    known = login_if_known()
    return bool(known and known.account.sees_panel and _panel(app).match(request.path))


@cache
def _panel(app: Flask) -> Pattern[str]:
    return matching(app, PathPolicy.PANEL)


def require() -> Account:
    """The account of the current request. Raises the same errors as `require_login`."""
    return require_login().account


def require_login() -> Login:
    """The login of the current request. Reads the whole body first; otherwise a client could delay the body and use a
    permission that is revoked in the meantime.

    Raises Unauthenticated, LedgerUnavailable. For forms, also WrongCsrfToken, and TooManyRequests if the account
    changes too much.
    """
    request.get_data()
    known = login()
    if known is None:
        raise Unauthenticated
    if request.method not in tokens.SAFE_METHODS:
        if not _has_csrf_token():
            raise WrongCsrfToken(RELOAD_FORM)
        limits.count_account("changes", known.account.id)
        tokens.record_request_place()
    return known


def require_panel() -> Account:
    """The account of an admin or viewer of the site. Raises the same errors as `require`, and Forbidden."""
    account = require()
    account.require_site_viewer()
    return account


def check_origin(logs_in: bool = True) -> None:
    """Check the origin of a form that needs no login, so that another site cannot log its visitors in, and that a form
    that `logs_in` does not lose the login. Raises WrongCsrfToken.
    """
    if not current()[Origins].trusts(request):
        raise WrongCsrfToken(FOREIGN_FORM)
    if logs_in and cookies.are_lost():
        raise WrongCsrfToken(INSECURE_FORM)


def check_own_page() -> None:
    """Like `check_origin`, but for forms on pages without a referrer, where browsers send `Origin: null`."""
    site = request.headers.get("Sec-Fetch-Site")
    is_null = request.headers.get("Origin") == "null"
    if not (site == "same-origin" if site else is_null) and not current()[Origins].trusts(request):
        raise WrongCsrfToken(FOREIGN_FORM)


def csrf() -> str:
    """The session's CSRF token; "" without a login."""
    session = _session_tokens()
    return session.claims.csrf if session else ""


def masked_csrf() -> str:
    """The CSRF token for a page's forms, masked for this response; "" without a login."""
    if "masked_csrf" not in g:
        g.masked_csrf = mask(csrf())
    masked: str = g.masked_csrf
    return masked


def may_be_sent_again() -> bool:
    """Whether a page may offer the current request's form again, with a valid token. It may not if another site sent
    the form with a session's cookies. The origin of forms that need no login has already been checked.
    """
    return not csrf() or _has_csrf_token()


def _has_csrf_token() -> bool:
    """Whether the CSRF token is valid. Scripts send the token from the cookie, without a mask."""
    sent: Any = request.form.get(CSRF_FIELD) or request.headers.get(tokens.CSRF_HEADER, "")
    expected = csrf().encode()
    is_sent = compare_digest(sent.encode(), expected) or compare_digest(unmask(sent), expected)
    return bool(expected) and is_sent


def _look_up() -> Login | None:
    session = _session_tokens()
    if session is None:
        return None
    live = current().identities.login_of(session.claims.session_id, session.refresh_id)
    return live if live and live.account.id == session.claims.user_id else None


class _SessionTokens(NamedTuple):
    claims: Claims  # of the access token
    refresh_id: str | None  # the id of the refresh token, if the access token has expired


def _session_tokens() -> _SessionTokens | None:
    """The valid tokens in the cookies. Does not check whether the session is live."""
    if "session_tokens" not in g:
        g.session_tokens = None
        with suppress(InvalidToken, TokenExpired):
            g.session_tokens = _read(tokens.cookie(ACCESS), tokens.cookie(REFRESH))
    session: _SessionTokens | None = g.session_tokens
    return session


def _read(access: tokens.SentToken | None, refresh: tokens.SentToken | None) -> _SessionTokens | None:
    """Read the tokens. Raises InvalidToken, TokenExpired."""
    reader = current()[Tokens]
    claims = reader.read_any(access.text) if access else None
    if claims is None or claims.kind != ACCESS:
        return None
    if not claims.has_expired:
        return _SessionTokens(claims, None)
    renewable = reader.read(refresh.text, REFRESH) if refresh else None
    if renewable is None or renewable.session_id != claims.session_id:
        return None
    return _SessionTokens(claims, renewable.token_id)


def mask(token: str) -> str:
    """A random pad and the token XORed with it, in base64; "" for no token. Each response has a different pad, so that
    the length of a compressed response reveals nothing about the token (BREACH). Django masks its tokens in the same
    way.
    """
    plain = token.encode()
    pad = token_bytes(len(plain))
    return urlsafe_b64encode(pad + _xor(pad, plain)).decode()


def unmask(masked: str) -> bytes:
    """The token without its mask; b"" for a text that is not base64."""
    try:
        both = b64decode(masked.encode(), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    half = len(both) // 2
    return _xor(both[:half], both[half:])


def _xor(pad: bytes, text: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(pad, text, strict=False))
