"""/status: the promises as sentences, with their measurements, for everybody (specification: Status)."""

from __future__ import annotations

from flask import Flask, abort, render_template, url_for

from koyjabo.core.i18n import N_
from koyjabo.status.services import StatusServices
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current

VERDICTS = {True: ("good", N_("Kept")), False: ("danger", N_("Not kept")), None: ("", N_("Not measured"))}
"""The kind of a status and its word, by `ok`."""

MEASURED = {
    "gaps_and_repeats": N_("Errors in the last recount: %(value)s"),
    "commit_to_page_p99": N_("99 of 100 within %(value)s ms"),
    "retries_absorbed": N_("Retries recognised: %(value)s"),
    "minutes_without_ledger": N_("Minutes in which nothing could be saved: %(value)s"),
    "members_freed": N_("Members taken offline after a crash: %(value)s"),
    "last_proven_backup": N_("The last one: %(value)s"),
    "rollbacks": N_("It happened %(value)s times."),
}


def init_app(app: Flask) -> None:
    app.jinja_env.globals["status_page"] = _address


def _address() -> str:
    """Of the page; "" where it is off."""
    return url_for("pages.status") if current()[StatusServices].is_shown else ""


@bp.get("/status")
def status() -> str:
    services = current()[StatusServices]
    if not services.is_shown:
        abort(404)
    return render_template("status/status.html", state=services.status.now(), verdicts=VERDICTS, measured=MEASURED)
