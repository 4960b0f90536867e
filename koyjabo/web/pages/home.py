"""GET /: the stats of the site."""

from __future__ import annotations

from flask import render_template

from koyjabo.web.current import current
from koyjabo.web.pages import bp


@bp.get("/")
def index() -> str:
    """The current stats. The page's script updates them."""
    services = current()
    stats = services.counting.visits.stats().as_object()
    attributions, honours_signals = services.network.places.attributions, services.counting.anonymity.honours_headers
    return render_template("home.html", stats=stats, attributions=attributions, honours_signals=honours_signals)
