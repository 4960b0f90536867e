"""The first page's visit and the first day, for Overview; what the server lacks, for the page Server; and hiding these
steps.
"""

from typing import Any

from flask import Response, g, request, url_for

from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN
from koyjabo.counting.days_by_hour import DaysByHour
from koyjabo.counting.pulse import PulseSample
from koyjabo.counting.visits import Visits
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.mail.outbox import PLACEHOLDER_EMAIL
from koyjabo.reports.visits.attended_times import LiveTimes
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList
from koyjabo.web.current import current
from koyjabo.web.pages import redirects
from koyjabo.web.pages.flash import Undo, done
from koyjabo.web.pages.page_parts import PagePart
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me, page
from koyjabo.web.panel.server_page import FirstStep, ServerRow
from .getting_started import BROWSER_STEP, PAGE_STEP, GettingStarted

bp = panel_blueprint("getting_started")

MAX_NEWEST_VISITS = 10
"""Number of visits on the first day."""


def missing() -> tuple[str, ...]:
    """Names of what the server lacks. Empty while the database is down, because a warning says so."""
    try:
        return current()[GettingStarted].missing(me())
    except LedgerUnavailable:
        return ()


@bp.get("/getting-started/page")
def first_page() -> Response:
    """The part of Overview about the first visit from another host: 204 before that visit, and empty once the step is
    over. Overview requests it when its panel starts over.
    """
    first = current()[GettingStarted].first_page(me(), current()[Visits].stats().total)
    if first is None:
        return Response()
    return page("getting_started/first_page", first=first) if first.host else Response(status=204)


@bp.post("/getting-started/<step>")
def change_step(step: str) -> Response:
    """Hide the step if `state` is "hidden", otherwise show it again."""
    shown_on, is_hidden = (
        "panel_overview.overview" if step == PAGE_STEP else "panel_server.server",
        request.form.get("state") == "hidden",
    )
    current()[GettingStarted].hide(me(), step, is_hidden)
    if step == BROWSER_STEP and "not_counted" in request.form:
        text = N_(
            "This browser is not counted on this site. For your other pages, see "
            "docs/evidence.md#leave-out-your-own-visits."
        )
        return done(text, shown_on)
    undo = Undo(url_for("panel_getting_started.change_step", step=step), {"state": "shown"})
    return done(N_("Done, for all admins."), shown_on, undo=undo) if is_hidden else redirects.to(shown_on)


def _instead_of_reports(moment: PulseSample, stats: dict[str, Any]) -> Response | None:
    """The page to show instead of the reports, before the first visit and on the first day."""
    services, steps = current(), current()[GettingStarted]
    first = g.first_page = steps.first_page(me(), stats["totalVisits"])
    if first and not stats["uniqueVisitors"]:
        return page("getting_started/first_run", first=first, stats=stats)
    beginning = None if request.args else steps.first_day(stats["totalVisits"])
    if not beginning:
        return None
    return page(
        "getting_started/first_day",
        beginning=beginning,
        first=first,
        stats=stats,
        day=services[DaysByHour].at(moment),
        now_ms=services.clock.now_ms(),
        newest=services[VisitList].slice(me(), VisitFilter(), count=MAX_NEWEST_VISITS).visits,
        live_times=services[LiveTimes].read(),
    )


def _email() -> dict[str, Any]:
    return {"email": me().email, "has_inbox": me().email != PLACEHOLDER_EMAIL}


def _invited_admin() -> dict[str, Any]:
    """The email of the newest invitation of an admin that was not accepted yet."""
    pending = current()[AccountServices].panel_invitations.pending(me())
    emails = (invitation.email for invitation, _ in pending if invitation.role == SITE_ADMIN)
    return {"invited": next(emails, "")}


OWN_STEPS = {
    "name": FirstStep(1, "panel/rows/name.html", N_("Change")),
    "zone": FirstStep(2, "panel/rows/zone.html", N_("Change")),
    "email": FirstStep(5, "getting_started/email.html", read=_email),
    "confirmation": FirstStep(7, "getting_started/email.html", read=_email),
    "person": FirstStep(8, "getting_started/person.html", read=_invited_admin),
    "app": FirstStep(9, "getting_started/app.html", N_("Set up")),
    "second_factor": FirstStep(9, "getting_started/two_step.html"),
    "browser": FirstStep(10, "getting_started/browser.html", N_("Do not count")),
}


class BrowserRow(ServerRow):
    template, after, is_for_admins = "getting_started/browser.html", "site", True


STEP_ROWS = {"browser": BrowserRow()}
MISSING_STEPS = {"missing": missing}
STEP_PARTS = {
    "getting_started/overview.html": PagePart("overview", lambda: {"first": g.first_page}),
    "getting_started/steps.html": PagePart("server", rank=3),
}
STEP_PAGES_INSTEAD = {"getting_started": _instead_of_reports}
SEEN_HOSTS = {"getting_started": lambda: current()[GettingStarted].seen_on()}
