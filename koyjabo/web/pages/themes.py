"""POST /theme: choose the theme of the pages, in a cookie."""

from __future__ import annotations

from flask import Response, request

from koyjabo.web.pages import bp
from koyjabo.web.security import cookies
from koyjabo.web.ui import redirects
from koyjabo.web.ui.themes import THEME_COOKIE, THEME_S, THEMES


@bp.post("/theme")
def choose_theme() -> Response:
    """Needs no CSRF token: another site can change nothing but the theme. Another value ends the choice."""
    response = redirects.back("pages.index")
    chosen = request.form.get("theme", "")
    if chosen in THEMES:
        cookies.put(response, THEME_COOKIE, chosen, THEME_S)
    else:
        cookies.delete(response, THEME_COOKIE)
    return response
