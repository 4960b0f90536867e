"""GET /admin/state: the state of the server in the header of every page of the panel, for pages that are open."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from koyjabo.core.i18n import N_
from koyjabo.counting.stats import encode
from koyjabo.maintenance.health.checks import DANGER, GOOD, WARNING
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import clock_time
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.panel import for_viewers

LEVELS = {
    GOOD: N_("All is well"),
    WARNING: N_("Something needs attention"),
    DANGER: N_("Something is wrong"),
}
"""The meaning of the colour of Health, for people who do not see it."""


@bp.get("/state")
@for_viewers
def state() -> Response:
    """At most 300 bytes: open pages ask once a minute, and when their line says that it has changed. While the database
    does not answer, the account is not looked up; /readyz says as much to everyone.
    """
    level = health_level()
    body = encode({"unsaved": unsaved(), "health": level, "words": _(LEVELS[level])})
    return Response(body, mimetype="application/json")


def health_level() -> str:
    return current()[MaintenanceServices].health.level(bool(rate_limits.limits().local_proxy.warning))


def unsaved() -> str:
    """A sentence while visits are not saved, else ""."""
    since_ms = current()[MaintenanceServices].system.unsaved_ms()
    return "" if since_ms is None else str(_("Visits have not been saved since %(time)s.", time=clock_time(since_ms)))


@bp.context_processor
def _header() -> dict[str, object]:
    return {"unsaved": unsaved, "health_level": health_level, "health_words": lambda level: _(LEVELS[level])}
