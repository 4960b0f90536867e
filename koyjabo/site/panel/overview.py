"""GET /admin/: the site's current numbers, and its reports."""

from flask import Response, make_response, render_template, request, url_for

from koyjabo.counting.days_by_hour import DaysByHour
from koyjabo.counting.pulse import Pulse
from koyjabo.reports.ui import choices
from koyjabo.reports.ui.report_context import SITE_OVERVIEW
from koyjabo.reports.ui.view import view_of
from koyjabo.reports.visits.services import VisitListServices
from koyjabo.reports.visits.visit_list import VisitFilter
from koyjabo.site.getting_started.getting_started import GettingStarted
from koyjabo.web.current import current
from koyjabo.web.panel import for_viewers, panel_blueprint
from koyjabo.web.panel.pages import me, page

bp = panel_blueprint("overview")

MAX_NEWEST_VISITS = 10
"""Number of visits on the first day."""


@bp.get("/")
@for_viewers
def overview() -> Response:
    base = SITE_OVERVIEW._replace(reader=me().id, path=url_for("panel_overview.overview"))
    view, problems = view_of(choices.remembered(base), request.args.items(multi=True))
    if view.parts:
        return make_response(render_template("reports/parts.html", view=view))
    services = current()
    moment = services[Pulse].now()
    stats = moment.stats.as_object()
    first = services[GettingStarted].first_page(me(), stats["totalVisits"])
    if first and not stats["uniqueVisitors"]:
        return page("getting_started/first_run", first=first, stats=stats)
    beginning = None if request.args else services[GettingStarted].first_day(stats["totalVisits"])
    if beginning:
        visits = services[VisitListServices]
        return page(
            "panel/first_day",
            beginning=beginning,
            first=first,
            stats=stats,
            day=services[DaysByHour].at(moment),
            now_ms=services.clock.now_ms(),
            newest=visits.visits.slice(me(), VisitFilter(), count=MAX_NEWEST_VISITS).visits,
            live_times=visits.live_times(),
        )
    return page(
        "panel/overview",
        400 if problems else 200,
        view=view,
        problems=problems,
        stats=stats,
        first=first,
    )
