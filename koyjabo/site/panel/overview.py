"""GET /admin/: the site's current numbers, and its reports."""

from collections.abc import Callable
from typing import Any

from flask import Response, make_response, render_template, request, url_for

from koyjabo.base.core.registry import Registry
from koyjabo.counting.pulse import Pulse, PulseSample
from koyjabo.reports.ui.report_context import SITE_OVERVIEW
from koyjabo.reports.ui.view import view_of
from koyjabo.web.current import current
from koyjabo.web.panel import for_viewers, panel_blueprint
from koyjabo.web.panel.pages import me, page

bp = panel_blueprint("overview")

PAGES_INSTEAD: Registry[str, Callable[[PulseSample, dict[str, Any]], Response | None]] = Registry()
"""Pages that features show instead of the reports, given the moment and its stats, by feature; None to show the
reports. Features fill it.
"""


@bp.get("/")
@for_viewers
def overview() -> Response:
    base = SITE_OVERVIEW._replace(reader=me().id, path=url_for("panel_overview.overview"))
    view, problems = view_of(base, request.args.items(multi=True))
    if view.plan.parts:
        return make_response(render_template("reports/parts.html", view=view))
    moment = current()[Pulse].now()
    stats = moment.stats.as_object()
    for show in PAGES_INSTEAD.values():
        if (response := show(moment, stats)) is not None:
            return response
    return page("panel/overview", 400 if problems else 200, view=view, problems=problems, stats=stats)
