"""GET /admin/system: version, storage, latencies, workers, and the operator's address as the server sees it."""

from __future__ import annotations

from flask import Response, request
from flask_babel import lazy_gettext as _

from koyjabo.web.admin import bp
from koyjabo.web.admin.form_fields import TotalBody
from koyjabo.web.admin.pages import me, page
from koyjabo.web.admin.proxy_hops import hops, in_force
from koyjabo.web.current import current
from koyjabo.web.security import rate_limits
from koyjabo.web.ui.forms import Form

SOCKETS = {
    "site": _("Site"),
    "communities": _("Communities"),
    "dashboards": _("Dashboards"),
    "socketio": _("Socket.IO"),
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


@bp.get("/system")
def system() -> Response:
    return show()


def show(status: int = 200, form: Form[TotalBody] | None = None) -> Response:
    """The page, with the errors of the form for the total if there are any."""
    facts = current().maintenance.system.status(me())
    return page(
        "system",
        status,
        facts=facts,
        has_countries=current().network.places.has_countries,
        total=current().counting.visits.stats().total,
        form=form or Form(TotalBody),
        sockets=SOCKETS,
        hops=hops(request.environ),
        in_force=in_force(request.environ, int(str(facts.settings["TRUSTED_PROXIES"]))),
        address=request.remote_addr,
        local_proxy=rate_limits.limits().local_proxy.warning,
        mail=current().mail.status(),
        mail_kinds=MAILS,
    )
