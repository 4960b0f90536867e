"""GET /: the stats of the site, and how lively it is. GET /offline: in place of pages, where there is no network."""

from __future__ import annotations

from flask import render_template

from koyjabo.counting.services import CountingServices
from koyjabo.home.view import home_view
from koyjabo.network.services import NetworkServices
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current


@bp.get("/")
def index() -> str:
    """The page with the present values. Its scripts update them."""
    services = current()
    return render_template(
        "home/home.html",
        view=home_view(),
        attributions=services[NetworkServices].places.attributions,
        honours_signals=services[CountingServices].anonymity.honours_headers,
    )


@bp.get("/offline")
def offline() -> str:
    return render_template("home/offline.html")
