"""Pages for people."""

from __future__ import annotations

from flask import Blueprint, render_template

from koyjabo.web.current import current

bp = Blueprint("pages", __name__)


@bp.get("/")
def index() -> str:
    """The numbers as they are now; the script of the page keeps them so."""
    services = current()
    stats = services.visits.stats().as_object()
    return render_template("index.html", stats=stats, attributions=services.places.attributions)
