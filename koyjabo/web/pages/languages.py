"""POST /language: choose the language of the pages, in a cookie."""

from __future__ import annotations

from flask import Response, request

from koyjabo.web.pages import bp
from koyjabo.web.security import cookies
from koyjabo.web.ui import redirects
from koyjabo.web.ui.languages import LANGUAGE_COOKIE, LANGUAGE_S, LANGUAGES


@bp.post("/language")
def choose_language() -> Response:
    """Needs no CSRF token: another site can change nothing but the language."""
    response = redirects.back("pages.index")
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        cookies.put(response, LANGUAGE_COOKIE, chosen, LANGUAGE_S)
    return response
