"""GET /admin/health: the checks, with advice on failed ones; workers, mails, and the operator's own address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Response, current_app, request
from flask_babel import lazy_gettext as _

from koyjabo.maintenance.admin.health_words import ADVICE, DONE_IN_DATA, LABELS, SENTENCES
from koyjabo.maintenance.health.checks import Check
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.proxy_hops import hops, in_force
from koyjabo.webkit.i18n import clock_time, count, digits, size
from koyjabo.webkit.limits import rate_limits
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import me, page

SOCKETS = {
    "site": _("Site"),
    "communities": _("Communities"),
    "dashboards": _("Dashboards"),
    "panel": _("Panel"),
    "socketio": _("Socket.IO"),
    "streams": _("Streams"),
}

MAILS = {
    "verify": _("Confirm an email"),
    "reset": _("New password"),
    "invitation": _("Invitation"),
    "email_changed": _("Changed email"),
    "email_new": _("Changed email"),
    "sign_in": _("New login"),
    "weekly": _("Weekly report"),
}


class Line(NamedTuple):
    """A check in words. `sentence` and `advice` are translated by the page, with the `values`."""

    name: str
    level: str
    label: object
    sentence: str
    advice: str  # what to do; "" if there is nothing to do
    values: dict[str, object]
    anchor: str  # of the part of Data where it is done; "" if it is done elsewhere


@bp.get("/health")
@for_viewers
def health() -> Response:
    report = current()[MaintenanceServices].health.report(me(), bool(rate_limits.limits().local_proxy.warning))
    installation = report.facts.installation
    return page(
        "maintenance/health",
        report=report,
        lines=[_line(check) for check in report.checks],
        sockets=SOCKETS,
        hops=hops(request.environ),
        in_force=in_force(request.environ, installation.trusted_proxies),
        address=request.remote_addr,
        mail_kinds=MAILS,
    )


def _line(check: Check) -> Line:
    key = f"{check.name}.{check.code}"
    values = {name: WRITTEN.get(name, digits)(value) for name, value in check.values.items()}
    return Line(
        check.name,
        check.level,
        LABELS[check.name],
        SENTENCES[key],
        ADVICE.get(key, ""),
        values,
        DONE_IN_DATA.get(check.name, ""),
    )


def _moment(at_ms: Any) -> object:
    return current_app.jinja_env.filters["moment"](at_ms)


WRITTEN: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(("count", "wanted", "visits", "days", "seconds"), count),
    **dict.fromkeys(("size", "free", "total"), size),
    "schema": lambda schema: count(int(schema)),
    "at": _moment,
    "since": clock_time,
}
"""How the values of checks are written, by their names; all others with the digits of the language."""
