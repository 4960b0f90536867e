"""Who looks at a page: by the session's cookies alone, as long as the session lives.

A page cannot renew its access token without scripts, so one that has expired is good here next to the refresh token
of its session, which browsers have as well; that the session was revoked, or that token was renewed, is noticed since
each request looks it up (specification: Credentials).
"""

from __future__ import annotations

from contextlib import suppress
from hmac import compare_digest
from typing import Any, NamedTuple

from flask import Flask, g, request

from koyjabo.accounts.tokens import ACCESS, REFRESH, Claims
from koyjabo.errors import Forbidden, InvalidToken, LedgerUnavailable, TokenExpired, Unauthenticated, WrongCsrfToken
from koyjabo.identity import Account, Login
from koyjabo.text import N_
from koyjabo.web.current import current
from koyjabo.web.security import tokens as auth

CSRF_FIELD = "csrf_token"
RELOAD = N_("This form is out of date. Go back, reload the page, and try again.")
FOREIGN = N_("This form was sent from another site. Open it here and try again.")


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(login=seen, csrf_token=csrf)


def login() -> Login | None:
    """Raises LedgerUnavailable: whether a session lives must not be guessed. It is asked for once a request."""
    if "login_unknown" in g:
        raise g.login_unknown
    if "login" not in g:
        try:
            g.login = _look_up()
        except LedgerUnavailable as error:
            g.login_unknown = error
            raise
    found: Login | None = g.login
    return found


def seen() -> Login | None:
    """The same for what a page shows beside its matter: nobody, while the database is away."""
    try:
        return login()
    except LedgerUnavailable:
        return None


def require() -> Account:
    """Who is logged in. Raises what `require_login` does."""
    return require_login().account


def require_login() -> Login:
    """The same with the session, when all of the request has come: a right must not be lost while a form is held back.

    Raises Unauthenticated, LedgerUnavailable; for what is sent with a form, WrongCsrfToken.
    """
    request.get_data()
    found = login()
    if found is None:
        raise Unauthenticated
    if request.method not in auth.SAFE_METHODS:
        _check_csrf()
        auth.record_request_place()
    return found


def require_site_admin() -> Account:
    """Raises what `require` does, and Forbidden."""
    account = require()
    if not account.is_admin:
        raise Forbidden(N_("Only site admins may see this."))
    return account


def check_origin() -> None:
    """For forms of those who are not logged in yet: nobody may be logged in by a page of another site."""
    if not current().network.origins.trusts(request):
        raise WrongCsrfToken(FOREIGN)


def csrf() -> str:
    """What every form has to carry."""
    shown = _shown()
    return shown.claims.csrf if shown else ""


def _check_csrf() -> None:
    said: Any = request.form.get(CSRF_FIELD) or request.headers.get(auth.CSRF_HEADER, "")
    wanted = csrf()
    if not wanted or not compare_digest(said.encode(), wanted.encode()):
        raise WrongCsrfToken(RELOAD)


def _look_up() -> Login | None:
    shown = _shown()
    if shown is None:
        return None
    found = current().accounts.credentials.login_of(shown.claims.session_id, shown.refresh_id)
    return found if found and found.account.id == shown.claims.user_id else None


class _Shown(NamedTuple):
    claims: Claims  # of the access token
    refresh_id: str | None  # of the refresh token beside it, where it has expired


def _shown() -> _Shown | None:
    """What the cookies say, if they can be used; whether the session lives is not asked."""
    if "shown" not in g:
        g.shown = None
        with suppress(InvalidToken, TokenExpired):
            g.shown = _read(auth.cookie(ACCESS), auth.cookie(REFRESH))
    shown: _Shown | None = g.shown
    return shown


def _read(access: auth.Shown | None, refresh: auth.Shown | None) -> _Shown | None:
    """Raises InvalidToken, TokenExpired."""
    tokens = current().accounts.tokens
    claims = tokens.read_any(access.text) if access else None
    if claims is None or claims.kind != ACCESS:
        return None
    if not claims.has_expired:
        return _Shown(claims, None)
    beside = tokens.read(refresh.text, REFRESH) if refresh else None
    return _Shown(claims, beside.token_id) if beside and beside.session_id == claims.session_id else None
