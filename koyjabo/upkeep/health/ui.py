"""The parts of the page Server about the server's health: the warnings, emails, and the reader's address."""

from collections.abc import Callable
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from koyjabo.base.core.installation import own_command
from koyjabo.base.settings.schema import Settings
from koyjabo.people.mail import kinds
from koyjabo.upkeep.backups.ui import reason
from koyjabo.web.current import current
from koyjabo.web.http.proxy_hops import hops, in_force
from koyjabo.web.i18n import age, clock_time, count, digits, moment, size, translated
from koyjabo.web.limits import limits
from koyjabo.web.panel.pages import me
from .causes import CAUSE_SENTENCES, cause_of_silence
from .health import Health
from .health_warnings import HealthWarning, warnings

MAIL_LABELS = {
    "verify": _("Confirm an email"),
    "reset": _("New password"),
    "invitation": _("Invitation"),
    "panel_invitation": _("Invitation"),
    "settings": _("Settings changed"),
    "email_changed": _("Changed email"),
    "email_new": _("Changed email"),
    "sign_in": _("New login"),
    "backup_failed": _("Failed backup"),
    "test": _("Test"),
}

WARNING_LINK = Markup('<a href="{}">{}</a>')


VALUE_FORMATS: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(("count", "wanted", "seconds", "counted", "restored"), count),
    **dict.fromkeys(("free", "total"), size),
    **dict.fromkeys(("at", "failed_at"), moment),
    "ago": age,
    "error": reason,
    "address": str,
    "since": clock_time,
}
"""Functions that format values, by the value's name. Other values are formatted as numbers."""


def report() -> dict[str, Any]:
    """Values for templates/health/health.html: the warnings, worst first; emails, and the reader's address.
    `is_read`: whether the database can be read.
    """
    facts = current()[Health].facts(me(), limits.limits().local_proxy.address)
    return {
        "is_read": facts.ready["database"].ok,
        "warnings": [(warning, words(warning, me().is_admin)) for warning in warnings(facts)],
        "mail_status": facts.stored.mail,
        "hops": hops(request.environ),
        "in_force": in_force(request.environ, current()[Settings].trusted_proxies),
        "address": request.remote_addr,
        "mail_kinds": MAIL_LABELS | {kind: _(label) for kind, label in kinds.KIND_LABELS.items()},
    }


def unsaved() -> str:
    """When visits stopped being saved, and why; "" while saving works."""
    health = current()[Health]
    outage = health.unsaved()
    if outage is None:
        return "" if health.reads_ledger else translated(cause_of_silence().sentence)
    sentence = str(_("Visits have not been saved since %(time)s.", time=clock_time(outage.since_ms)))
    return " ".join((sentence, translated(CAUSE_SENTENCES[outage.cause].sentence))) if outage.cause else sentence


def words(warning: HealthWarning, is_admin: bool) -> dict[str, object]:
    """Values to fill into a warning's sentences: formatted numbers and times, and pages, with links for admins. Viewers
    do not see backup errors, which may contain a path.
    """

    def link(label: object, endpoint: str, anchor: str, **values: Any) -> object:
        return WARNING_LINK.format(url_for(endpoint, _anchor=anchor, **values), label) if is_admin else label

    recount_page = current()[Health].recount_page
    shown = {name: value for name, value in warning.values.items() if is_admin or name != "error"}
    return {
        "command": own_command(),
        "backups": link(_("Backups"), "panel_server.server", "backups"),
        "receipt": link(_("Recount"), *recount_page) if recount_page else _("Recount"),
        "turn_on": link(_("Turn on nightly backups"), "panel_server.server", "backups", edit="backups"),
        "mail": link(_("mail server"), "panel_server.server", "mail", edit="mail"),
        "error": "",
        **{name: VALUE_FORMATS.get(name, digits)(value) for name, value in shown.items()},
    }
