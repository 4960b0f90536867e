"""The parts of the page Server about the server's health: the warnings, running jobs, and the reader's address."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from flask import request, url_for
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.installation import own_command
from koyjabo.base.jobs.running_jobs import JOB_LABELS
from koyjabo.base.observability.health_warning import FEATURE_WARNINGS, WARNING, HealthWarning
from koyjabo.base.settings.schema import Settings
from koyjabo.web.current import current
from koyjabo.web.http.proxy_hops import hops, in_force
from koyjabo.web.i18n import age, clock_time, count, digits, moment, reason_in_words, size, translated
from koyjabo.web.limits import limits
from koyjabo.web.pages.page_parts import PagePart
from koyjabo.web.panel.navigation import SERVER
from koyjabo.web.panel.pages import me
from .causes import CAUSE_SENTENCES, cause_of_silence
from .health import Health
from .health_warnings import warnings

WARNING_LINK = Markup('<a href="{}">{}</a>')


VALUE_FORMATS: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(("count", "wanted", "seconds", "counted", "restored"), count),
    **dict.fromkeys(("free", "total"), size),
    **dict.fromkeys(("at", "failed_at"), moment),
    "ago": age,
    "error": reason_in_words,
    "address": str,
    "since": clock_time,
}
"""Functions that format values, by the value's name. Other values are formatted as numbers."""


def _warnings() -> dict[str, Any]:
    """The warnings, worst first, with their values."""
    facts = current()[Health].facts(me(), limits.limits().local_proxy.address)
    current_warnings = warnings(facts)
    if facts.ready["database"].ok:
        with suppress(LedgerUnavailable):
            current_warnings += [warning for warn in FEATURE_WARNINGS.values() if (warning := warn())]
    return {"warnings": [(warning, words(warning, me().is_admin)) for warning in by_harm(current_warnings)]}


def by_harm(unsorted: list[HealthWarning]) -> list[HealthWarning]:
    """The warnings, worst first."""
    return sorted(unsorted, key=lambda warning: (warning.level == WARNING, warning.rank))


def _jobs() -> dict[str, Any]:
    jobs = current()[Health].jobs(me())
    return {"jobs": jobs, "labels": {job.kind: translated(JOB_LABELS[job.kind]) for job in jobs}}


def _own_address() -> dict[str, Any]:
    return {
        "hops": hops(request.environ),
        "in_force": in_force(request.environ, current()[Settings].trusted_proxies),
        "address": request.remote_addr,
    }


HEALTH_PARTS = {
    "health/warnings.html": PagePart("server", _warnings),
    "health/jobs.html": PagePart("server", _jobs, rank=2),
    "health/own_address.html": PagePart("server_more", _own_address),
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

    links = {
        name: link(translated(to.label), SERVER, to.row, **({"edit": to.row} if to.edits else {}))
        for name, to in warning.links.items()
    }
    recount_page = current()[Health].recount_page
    shown = {name: value for name, value in warning.values.items() if is_admin or name != "error"}
    return {
        "command": own_command(),
        "receipt": link(_("Recount"), *recount_page) if recount_page else _("Recount"),
        "error": "",
        **links,
        **{name: VALUE_FORMATS.get(name, digits)(value) for name, value in shown.items()},
    }
