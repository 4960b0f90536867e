"""POST /language and POST /theme: choose the language and theme of pages, which are stored in cookies."""

from contextlib import suppress

from flask import Flask, Response, request

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.http import cookies
from koyjabo.web.i18n import LANGUAGE_COOKIE, LANGUAGE_S
from koyjabo.web.limits import limits
from koyjabo.web.login import page_login
from . import redirects

bp = pages_blueprint("preferences")

THEME_NAMES = ("light", "dark")
THEME_COOKIE, THEME_S = "theme", 365 * 86400


def init_app(app: Flask) -> None:
    app.jinja_env.globals["theme"] = theme


def theme() -> str:
    """The theme chosen in this browser; "" for the system's theme."""
    chosen = cookies.get(THEME_COOKIE)
    return chosen if chosen in THEME_NAMES else ""


@bp.post("/language")
def choose_language() -> Response:
    """Choose the language of pages and of emails to a logged-in user. Only our own pages may do this, so that other
    sites cannot change it.
    """
    page_login.check_own_page()
    response = redirects.back("pages_home.index")
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        _remember(chosen)
        cookies.put(response, LANGUAGE_COOKIE, chosen, LANGUAGE_S)
    return response


def _remember(chosen: str) -> None:
    """Store the language for the logged-in user. Raises TooManyRequests if the account changes too much."""
    login = page_login.login_if_known()
    if login is not None:
        limits.count_account("changes", login.account.id)
        with suppress(LedgerUnavailable):
            current().signals.language_chosen.send(login.account, language=chosen)


@bp.post("/theme")
def choose_theme() -> Response:
    """Choose the theme. Only our own pages may do this. An unknown value removes the choice."""
    page_login.check_own_page()
    response = redirects.back("pages_home.index")
    chosen = request.form.get("theme", "")
    if chosen in THEME_NAMES:
        cookies.put(response, THEME_COOKIE, chosen, THEME_S)
    else:
        cookies.delete(response, THEME_COOKIE)
    return response
