"""POST /theme: choose the theme of the pages, in a cookie."""

from __future__ import annotations

from flask import Response, request

from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.http import cookies
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages import redirects
from koyjabo.webkit.pages.themes import THEME_COOKIE, THEME_S, THEMES


@bp.post("/theme")
def choose_theme() -> Response:
    """For our own pages: another site must not change it. Another value ends the choice."""
    page_login.check_own_page()
    response = redirects.back("pages.index")
    chosen = request.form.get("theme", "")
    if chosen in THEMES:
        cookies.put(response, THEME_COOKIE, chosen, THEME_S)
    else:
        cookies.delete(response, THEME_COOKIE)
    return response
