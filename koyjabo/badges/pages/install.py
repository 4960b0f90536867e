"""GET /install: what to copy into a page so that its visits count and a number is displayed."""

from __future__ import annotations

from flask import render_template

from koyjabo.badges.values import LABELS
from koyjabo.counting.services import CountingServices
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import language
from koyjabo.webkit.pages.links import sample_site


@bp.get("/install")
def install() -> str:
    """With the address of this server in it. The page's script says when a visit is counted."""
    stats = current()[CountingServices].visits.stats().as_object()
    site = sample_site()
    known = {"site": site, "socket_site": site.replace("http", "ws", 1), "label": LABELS[language()]["total"]}
    return render_template("badges/install.html", stats=stats, **known)
