"""GET /admin/health: the checks, the worst first, with what to do; workers, mails, and the operator's own address.

POST /admin/health/rollback: an admin has seen that the database went back.

GET /admin/state: the state of the server in the header of every page of the panel, for pages that are open.
"""

from __future__ import annotations

from flask import Response, request
from flask_babel import lazy_gettext as _

from koyjabo.counting.stats import encode
from koyjabo.maintenance.admin.health_lines import in_words
from koyjabo.maintenance.admin.health_words import CAUSES, LEVELS, MAILS, SOCKETS
from koyjabo.maintenance.health.checks import DANGER
from koyjabo.maintenance.services import MaintenanceServices
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.http.proxy_hops import hops, in_force
from koyjabo.webkit.i18n import clock_time, translated
from koyjabo.webkit.limits import limits
from koyjabo.webkit.pages.flash import done
from koyjabo.webkit.panel import for_viewers, without_database
from koyjabo.webkit.panel.pages import me, page


@bp.get("/health")
@without_database
def health() -> Response:
    report = current()[MaintenanceServices].health.report(me(), bool(limits.limits().local_proxy.warning))
    return page(
        "maintenance/health",
        report=report,
        lines=[in_words(check, me().is_admin) for check in report.checks],
        sockets=SOCKETS,
        hops=hops(request.environ),
        in_force=in_force(request.environ, report.facts.installation.trusted_proxies),
        address=request.remote_addr,
        mail_kinds=MAILS,
    )


@bp.post("/health/rollback")
def mark_rollback_seen() -> Response:
    at_ms = request.form.get("at", 0, type=int)
    current()[MaintenanceServices].health.mark_rollback_seen(me(), at_ms)
    return done("rollback_seen", "admin.health")


@bp.get("/state")
@for_viewers
def state() -> Response:
    """At most 300 bytes: open pages ask once a minute, every few seconds while something is not saved, and when their
    line says that it has changed. While the database does not answer, the account is not looked up; /readyz says as
    much to everyone.
    """
    level = health_level()
    refuses = level == DANGER and current()[MaintenanceServices].readiness.refuses_old_primary
    words = translated(CAUSES["old_primary"]) if refuses else str(LEVELS[level])
    body = encode({"unsaved": unsaved(), "health": level, "words": words})
    return Response(body, mimetype="application/json")


def health_level() -> str:
    return current()[MaintenanceServices].health.level(bool(limits.limits().local_proxy.warning))


def unsaved() -> str:
    """Since when visits are not saved, and why; "" while they are."""
    system = current()[MaintenanceServices].system
    found = system.unsaved()
    if found is None:
        return "" if system.reads_ledger else translated(CAUSES["away"])
    sentence = str(_("Visits have not been saved since %(time)s.", time=clock_time(found.since_ms)))
    return " ".join((sentence, translated(CAUSES[found.cause]))) if found.cause else sentence


@bp.context_processor
def _header() -> dict[str, object]:
    return {"unsaved": unsaved, "health_level": health_level, "health_words": LEVELS.__getitem__}
