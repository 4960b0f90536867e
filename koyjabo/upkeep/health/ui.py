"""The parts of the page Server about the server's health: the checks with advice, workers, and emails."""

from collections.abc import Callable
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from koyjabo.base.core.installation import own_command
from koyjabo.upkeep.backups.ui import reason
from koyjabo.web.current import current
from koyjabo.web.http.proxy_hops import hops, in_force
from koyjabo.web.i18n import age, clock_time, count, digits, moment, size, translated
from koyjabo.web.limits import limits
from koyjabo.web.panel.pages import me
from .findings import CAUSES, DANGER, GOOD, WARNING, HealthCheck
from .health import Health
from .system import System

LEVEL_WORDS = {
    GOOD: _("Everything works"),
    WARNING: _("Needs attention"),
    DANGER: _("Something is wrong"),
}
"""Meanings of the overall colour, for people who cannot see it."""

SOCKETS = {
    "site": _("Site"),
    "communities": _("Communities"),
    "dashboards": _("Dashboards"),
    "panel": _("Panel"),
    "shares": _("Share links"),
    "socketio": _("Socket.IO"),
    "streams": _("Streams"),
}

MAILS = {
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
    "weekly": _("Weekly report"),
}

DROPPED = {
    "attended_time": _("Attended times"),
    "inputs": _("Inputs"),
}
"""What may be dropped."""

LINK = Markup('<a href="{}">{}</a>')


def report() -> dict[str, Any]:
    """Values for templates/health/health.html: the checks, worst first; workers, emails, and the reader's address."""
    report = current()[Health].report(me(), bool(limits.limits().local_proxy.warning))
    return {
        "report": report,
        "words": {check.name: words(check, me().is_admin) for check in report.checks},
        "sockets": SOCKETS,
        "hops": hops(request.environ),
        "in_force": in_force(request.environ, report.facts.installation.trusted_proxies),
        "address": request.remote_addr,
        "mail_kinds": MAILS,
    }


def health_level() -> str:
    return current()[Health].level(bool(limits.limits().local_proxy.warning))


def unsaved() -> str:
    """When visits stopped being saved, and why; "" while saving works."""
    system = current()[System]
    outage = system.unsaved()
    if outage is None:
        return "" if system.reads_ledger else translated(CAUSES["away"].sentence)
    sentence = str(_("Visits have not been saved since %(time)s.", time=clock_time(outage.since_ms)))
    return " ".join((sentence, translated(CAUSES[outage.cause].sentence))) if outage.cause else sentence


def words(check: HealthCheck, is_admin: bool) -> dict[str, object]:
    """Values to fill into a check's sentences: formatted numbers and times, and pages, with links for admins. Viewers
    do not see backup errors, which may contain a path.
    """

    def link(label: object, endpoint: str, anchor: str, **values: Any) -> object:
        return LINK.format(url_for(endpoint, _anchor=anchor, **values), label) if is_admin else label

    shown = {name: value for name, value in check.values.items() if is_admin or name != "error"}
    return {
        "command": own_command(),
        "data": link(_("Data"), "admin.data", "backups-label"),
        "receipt": link(_("Recount"), "pages.receipt", "recount-label"),
        "turn_on": link(_("Turn on nightly backups"), "admin.server", "backups", edit="backups"),
        "mail": link(_("mail server"), "admin.server", "mail", edit="mail"),
        "error": "",
        **{name: WRITTEN.get(name, digits)(value) for name, value in shown.items()},
    }


def _list_dropped(numbers: dict[str, int]) -> str:
    return ", ".join(f"{DROPPED.get(kind, kind)} ({count(number)})" for kind, number in numbers.items())


WRITTEN: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(("count", "wanted", "visits", "days", "seconds", "counted", "restored", "refused"), count),
    **dict.fromkeys(("size", "free", "total"), size),
    "schema": lambda schema: count(int(schema)),
    **dict.fromkeys(("at", "failed_at"), moment),
    "ago": age,
    "error": reason,
    "host": str,
    "since": clock_time,
    "dropped": _list_dropped,
}
"""Functions that format values, by the value's name. Other values are formatted as numbers."""
