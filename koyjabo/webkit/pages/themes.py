"""The theme of pages: the visitor's choice, otherwise the system's."""

from __future__ import annotations

from flask import Flask

from koyjabo.webkit.http import cookies

THEMES = ("light", "dark")
THEME_COOKIE, THEME_S = "theme", 365 * 86400


def init_app(app: Flask) -> None:
    app.jinja_env.globals["theme"] = theme


def theme() -> str:
    """The chosen theme of the current request; "" for that of the system."""
    chosen = cookies.get(THEME_COOKIE)
    return chosen if chosen in THEMES else ""
