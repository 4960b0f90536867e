"""GET /: the stats of the site, and how lively it is. GET /offline: in place of pages, where there is no network."""

from __future__ import annotations

from flask import render_template

from koyjabo.web.current import current
from koyjabo.web.pages import bp
from koyjabo.web.ui.home.view import home_view


@bp.get("/")
def index() -> str:
    """The page with the present values. Its scripts update them."""
    services = current()
    attributions, honours_signals = services.network.places.attributions, services.counting.anonymity.honours_headers
    return render_template("home.html", view=home_view(), attributions=attributions, honours_signals=honours_signals)


@bp.get("/offline")
def offline() -> str:
    return render_template("offline.html")
